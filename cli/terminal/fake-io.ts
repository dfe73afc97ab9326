/** For tests: an `Io` that remembers what was written and can be full, closed or a terminal. */
import { Readable } from 'node:stream';
import { createPaint } from '../render/paint.ts';
import type { Io } from './io.ts';
import { createQuestions } from './questions.ts';

export interface FakeIo extends Io {
  /** As UTF-8. */
  written: { stdout: string; stderr: string };
  /** Says that stdout is full, until the function it returns is called. */
  fill(): () => void;
  /** The reader of stdout goes away. */
  closeStdout(reason?: unknown): void;
}

export function fakeIo(
  options: { isTerminal?: boolean; env?: NodeJS.ProcessEnv; cwd?: string } = {},
): FakeIo {
  const written = { stdout: '', stderr: '' };
  const closed = new AbortController();
  const traits = { isTerminal: options.isTerminal === true, colour: false, paint: createPaint(false) };
  let full: Promise<void> | undefined;
  return {
    written,
    write(target, data) {
      if (target === 'stdout' && closed.signal.aborted) return;
      written[target] += Buffer.from(data as string).toString('utf8');
    },
    ready: () => full,
    fill() {
      const gate = Promise.withResolvers<void>();
      full = gate.promise;
      return () => {
        full = undefined;
        gate.resolve();
      };
    },
    closeStdout: (reason = Object.assign(new Error('EPIPE'), { code: 'EPIPE' })) => closed.abort(reason),
    stdoutClosed: closed.signal,
    stdout: traits,
    stderr: traits,
    size: () => ({ columns: 80, rows: 24 }),
    stdin: Readable.from([]),
    questions: createQuestions(async () => undefined),
    env: options.env ?? {},
    cwd: options.cwd ?? '/project',
  };
}
