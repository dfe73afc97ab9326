/** Rows at the bottom of the terminal that are replaced in place. */
import { erasePatch, framePatch, persistPatch, type Shown } from '../render/frame-patch.ts';
import type { Screen } from '../render/lanes.ts';
import { hideCursor } from './cursor.ts';
import type { Io } from './io.ts';

/**
 * Of stdout, which has to be a terminal. From the first rows until `clear` the cursor is hidden. A question takes the rows
 * away; they come back below it.
 */
export function createScreen(io: Pick<Io, 'write' | 'ready' | 'size' | 'questions'>): Screen {
  let shown: Shown | undefined;
  let giveBack: (() => void) | undefined;
  const write = (text: string) => io.write('stdout', text);

  /** The shell has written below the rows: they are drawn anew there. */
  function startAnew(): void {
    if (shown !== undefined) shown = { ...shown, rows: [] };
  }

  function clear(): void {
    if (shown !== undefined) write(erasePatch(shown, io.size().columns));
    shown = undefined;
    giveBack?.();
    giveBack = undefined;
  }

  function occupy(): () => void {
    const showCursor = hideCursor(write, startAnew);
    const forget = io.questions.onOpen(clear);
    return () => {
      forget();
      showCursor();
    };
  }

  return {
    show(rows) {
      // A terminal that does not take what it got (Ctrl-S) gets the newest frame afterwards, not all of them.
      if (io.ready() !== undefined || io.questions.isOpen) return;
      const { columns, rows: height } = io.size();
      giveBack ??= occupy();
      const next = { rows, columns, height };
      const patch = framePatch(shown ?? { rows: [], columns, height }, next);
      shown = next;
      if (patch !== '') write(patch);
    },
    persist(line) {
      if (shown === undefined) write(`${line}\n`);
      else write(persistPatch(shown, io.size().columns, line));
    },
    clear,
    size: () => io.size(),
  };
}
