/** Which output mode `auto` means here, and the renderer of each. */
import type { OutputMode } from '../options/output.ts';
import type { Outputs } from '../render/outputs.ts';
import type { Renderer, Surroundings } from '../render/renderer.ts';
import type { Io } from '../terminal/io.ts';

export type ChosenMode = Exclude<OutputMode, 'auto'>;

export function chooseMode(
  mode: OutputMode,
  hostCount: number,
  io: Pick<Io, 'stdout' | 'env' | 'size'>,
): ChosenMode {
  if (mode !== 'auto') return mode;
  return canDraw(io) && hasRoom(io) && hostCount > 1 ? 'lanes' : 'prefix';
}

/** Whether rows can be replaced in place. */
function canDraw({ stdout, env }: Pick<Io, 'stdout' | 'env'>): boolean {
  return stdout.isTerminal && env.TERM !== 'dumb';
}

/** In a smaller window than this the live display would say less than plain lines do. */
function hasRoom({ size }: Pick<Io, 'size'>): boolean {
  const { columns, rows } = size();
  return columns >= 40 && rows >= 8;
}

/**
 * A renderer; `dispose` ends what keeps it drawing and gives the terminal back, and may be called again. Each mode's own
 * modules are loaded only for it.
 */
export async function createRenderer(
  mode: ChosenMode,
  surroundings: Surroundings,
  outputs: Outputs,
  io: Io,
): Promise<{ renderer: Renderer; dispose(): void }> {
  if (mode === 'json') {
    const { createJsonRenderer } = await import('../render/json.ts');
    return { renderer: createJsonRenderer(surroundings), dispose() {} };
  }
  if (mode === 'prefix') {
    const { createPrefixRenderer } = await import('../render/prefix.ts');
    const renderer = createPrefixRenderer(surroundings);
    return { renderer, dispose: keepDrawing(renderer, io) };
  }
  const { createLanesRenderer } = await import('../render/lanes.ts');
  const createScreen = canDraw(io) ? (await import('../terminal/screen.ts')).createScreen : undefined;
  const screen = createScreen?.(io);
  const renderer = createLanesRenderer(surroundings, outputs, screen);
  const stop = keepDrawing(renderer, io);
  return {
    renderer,
    dispose() {
      stop();
      screen?.clear();
    },
  };
}

const FRAME_MS = 100;

/** Not while a question is open: what there is to say is said after the answer. */
function keepDrawing(renderer: Renderer, { questions }: Io): () => void {
  const draw = () => {
    if (!questions.isOpen) renderer.draw(performance.now());
  };
  const timer = setInterval(draw, FRAME_MS);
  return () => clearInterval(timer);
}
