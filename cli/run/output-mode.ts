/** Which output mode `auto` means here, and the renderer of each. */
import type { OutputMode } from '../options/output.ts';
import type { Outputs } from '../render/outputs.ts';
import type { Renderer, Surroundings } from '../render/renderer.ts';
import type { Io } from '../terminal/io.ts';

export type ChosenMode = Exclude<OutputMode, 'auto'>;

export function chooseMode(mode: OutputMode, hostCount: number, io: Pick<Io, 'stdout' | 'env'>): ChosenMode {
  if (mode !== 'auto') return mode;
  return canDraw(io) && hostCount > 1 ? 'lanes' : 'prefix';
}

/** Whether rows can be replaced in place. */
function canDraw({ stdout, env }: Pick<Io, 'stdout' | 'env'>): boolean {
  return stdout.isTerminal && env.TERM !== 'dumb';
}

/** A renderer; `dispose` ends what keeps it drawing. Each mode's own modules are loaded only for it. */
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
    return { renderer: createPrefixRenderer(surroundings), dispose() {} };
  }
  const { createLanesRenderer } = await import('../render/lanes.ts');
  if (!canDraw(io)) return { renderer: createLanesRenderer(surroundings, outputs, undefined), dispose() {} };
  const { createScreen } = await import('../terminal/screen.ts');
  const renderer = createLanesRenderer(surroundings, outputs, createScreen(io));
  const timer = setInterval(() => renderer.draw(performance.now()), FRAME_MS);
  return { renderer, dispose: () => clearInterval(timer) };
}

const FRAME_MS = 100;
