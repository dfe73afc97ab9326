/** What a command has of its process: streams with their traits, environment, working directory. */
import type { Readable } from 'node:stream';
import { AwError } from '../../contract/errors.ts';
import { createPaint } from '../render/paint.ts';
import type { StreamTraits, Write } from '../render/renderer.ts';
import { createQuestions, type Questions } from './questions.ts';

export interface Io {
  /** Never fails and never waits: see `ready` and `stdoutClosed`. */
  write: Write;
  /** A promise while a stream has more than it can take; undefined when there is room. */
  ready(): Promise<void> | undefined;
  /**
   * Aborted when nobody reads stdout any more; what is written after that is dropped. The reason is an `AwError` when
   * it was a failure (a full disk), else the reader has simply gone, as `head` does.
   */
  stdoutClosed: AbortSignal;
  stdout: StreamTraits;
  stderr: StreamTraits;
  /** Of the terminal that stdout is. */
  size(): { columns: number; rows: number };
  stdin: Readable;
  questions: Questions;
  env: NodeJS.ProcessEnv;
  cwd: string;
}

type Output = NodeJS.WriteStream;

/** The exit code of a process whose reader has gone, as if SIGPIPE had ended it. */
export const EXIT_READER_GONE = 141;

/** For this process. To be called once: it takes over the error events of both streams. */
export function createIo(): Io {
  const { stdout, stderr, env } = process;
  const stdoutClosed = new AbortController();
  const stderrClosed = new AbortController();
  stdout.on('error', error => stdoutClosed.abort(closeReason(error)));
  stderr.on('error', error => stderrClosed.abort(error));
  return {
    write(target, data) {
      if (target === 'stdout') {
        if (!stdoutClosed.signal.aborted) stdout.write(data);
      } else if (!stderrClosed.signal.aborted) {
        stderr.write(data);
      }
    },
    ready() {
      const full = [stdout, stderr].filter(stream => stream.writableNeedDrain);
      const open = full.filter(stream => !(stream === stdout ? stdoutClosed : stderrClosed).signal.aborted);
      return open.length === 0 ? undefined : Promise.all(open.map(drained)).then(() => {});
    },
    stdoutClosed: stdoutClosed.signal,
    stdout: traits(stdout, env),
    stderr: traits(stderr, env),
    size: () => ({ columns: stdout.columns || 80, rows: stdout.rows || 24 }),
    // Only touched when it is wanted: opening it can keep the process alive.
    get stdin() {
      return process.stdin;
    },
    questions: createQuestions(),
    env,
    cwd: process.cwd(),
  };
}

function drained(stream: Output): Promise<void> {
  return new Promise(resolve => {
    const events = ['drain', 'close', 'error'] as const;
    const settle = () => {
      for (const event of events) stream.off(event, settle);
      resolve();
    };
    for (const event of events) stream.on(event, settle);
  });
}

function closeReason(error: NodeJS.ErrnoException): unknown {
  const isReaderGone = error.code === 'EPIPE' || error.code === 'ECONNRESET' || error.code === 'EOF';
  if (isReaderGone) return error;
  return new AwError('AW_DISK', { path: 'standard output', reason: error.message }, { cause: error });
}

function traits(stream: Output, env: NodeJS.ProcessEnv): StreamTraits {
  const colour = wantsColour(stream.isTTY === true, env);
  return { isTerminal: stream.isTTY === true, colour, paint: createPaint(colour) };
}

/** `NO_COLOR` decides, then `FORCE_COLOR`, then whether it is a terminal that can do more than print. */
export function wantsColour(isTerminal: boolean, env: NodeJS.ProcessEnv): boolean {
  if (env.NO_COLOR) return false;
  if (env.FORCE_COLOR !== undefined) return !['0', 'false'].includes(env.FORCE_COLOR);
  return isTerminal && env.TERM !== 'dumb';
}
