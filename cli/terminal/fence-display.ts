/** What a fence does on each host, while somebody watches. */
import { printable } from '../render/printable.ts';
import { truncate } from '../render/width.ts';
import type { Io } from './io.ts';
import { createScreen } from './screen.ts';

export interface FenceDisplay {
  onPhase(host: string, phase: string): void;
  /** Takes the rows away; may be called again. */
  end(): void;
}

const FRAME_MS = 100;

/** Undefined where rows cannot be replaced. */
export function createFenceDisplay(
  io: Pick<Io, 'write' | 'ready' | 'size' | 'questions' | 'stdout' | 'env'>,
): FenceDisplay | undefined {
  if (!io.stdout.isTerminal || io.env.TERM === 'dumb') return undefined;
  const screen = createScreen(io);
  const phases = new Map<string, string>();
  const draw = () => {
    const { columns, rows } = io.size();
    const width = Math.max(...[...phases.keys()].map(name => name.length));
    const lines = [...phases].map(([name, phase]) =>
      truncate(`· ${name.padEnd(width)}  ${printable(phase)}`, Math.max(1, columns - 1)),
    );
    screen.show(lines.slice(0, Math.max(1, rows - 2)));
  };
  const timer = setInterval(draw, FRAME_MS);
  return {
    onPhase: (host, phase) => void phases.set(host, phase),
    end() {
      clearInterval(timer);
      screen.clear();
    },
  };
}
