/** The conversation with a login shell that becomes `/bin/sh` or PowerShell, runs a program from standard input, and with it a command. */
import type { Readable } from 'node:stream';
import { AwError } from '../../contract/errors.ts';
import { lastWords } from '../transports/remote-agent.ts';
import type { RemoteExit, RemoteProcess } from '../transports/ssh/index.ts';
import type { Dialect } from './dialect.ts';
import { createFrameReader } from './frames.ts';
import { createOutput, type Output } from './output.ts';

/** Bytes that start-up files may print. */
const MAX_NOISE = 64 * 1024;
/** Bytes of what was said last on standard error, for a reason. */
const TAIL = 4096;

export type Beginning =
  /** `process`: by what it can be ended, in the words of its dialect. The first is a pid. */
  { kind: 'started'; process: readonly string[] } | { kind: 'refused'; why: string; detail: string };

export type Ending =
  /** `started`: false when the system would not start it. */
  | { kind: 'ended'; code: number; started: boolean }
  /** The shell, or the way to it, ended without a word about the command. */
  | { kind: 'gone'; exit: RemoteExit };

export interface Talk {
  /** A program may be sent. @throws AW_PROTOCOL_GARBAGE, AW_HOST_UNREACHABLE and what SSH says */
  readonly greeted: Promise<void>;
  /** The next answer to what the program was asked, one at a time. Never settles when none comes; see `ended`. */
  answer(): Promise<string>;
  /** Never settles when it does not come to that; see `ended`. */
  readonly begun: Promise<Beginning>;
  /** Resolves, always, after the last byte was handed to `output`. */
  readonly ended: Promise<Ending>;
  readonly output: Output;
  /** What was printed last on standard error, by whomever, for a person. */
  lastWords(): string;
}

/** Listens at once, since both outputs flow. */
export function listen(
  remote: RemoteProcess,
  { greeting, frame }: Pick<Dialect, 'greeting' | 'frame'>,
): Talk {
  const greeted = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<Beginning>();
  let answered = Promise.withResolvers<string>();
  const ended = Promise.withResolvers<Ending>();
  greeted.promise.catch(() => {});
  const output = createOutput(isFull => {
    for (const stream of [remote.stdout, remote.stderr]) isFull ? stream.pause() : stream.resume();
  });
  const heard = Buffer.from(greeting).toString('latin1');
  let tail = '';
  let noise = '';
  let code: number | undefined;
  let started = true;
  const open = new Set(['stdout', 'stderr']);

  const tell = (words: string) => {
    const [word, ...rest] = words.split(' ');
    if (word === 'started') begun.resolve({ kind: 'started', process: rest });
    if (word === 'answer') answered.resolve(rest.join(' '));
    if (word === 'refused')
      begun.resolve({ kind: 'refused', why: rest[0]!, detail: rest.slice(1).join(' ') });
    if (word === 'unstarted') started = false;
    if (word === 'ended') code = Number(rest[0]);
  };
  const overhear = (bytes: Buffer) => {
    if (noise.length > MAX_NOISE) return;
    noise += bytes.toString('latin1');
    if (noise.includes(heard)) greeted.resolve();
    else if (noise.length > MAX_NOISE) {
      const reason = `more than ${MAX_NOISE} bytes before its shell was ready: ${lastWords(noise)}`;
      greeted.reject(new AwError('AW_PROTOCOL_GARBAGE', { reason }));
    }
  };
  const end = (stream: 'stdout' | 'stderr') => {
    open.delete(stream);
    if (open.size > 0) return;
    output.close();
    ended.resolve({ kind: 'ended', code: code ?? 255, started });
  };

  const follow = (stream: 'stdout' | 'stderr') => {
    const reader = createFrameReader(frame);
    let isCommand = false;
    const take = (pieces: ReturnType<typeof reader.push>) => {
      for (const { bytes, words } of pieces) {
        if (words !== undefined) {
          if (stream === 'stdout') tell(words);
          if (words.startsWith('started')) isCommand = true;
          if (words.startsWith('ended')) end(stream);
        } else {
          if (stream === 'stderr') tail = (tail + bytes.toString()).slice(-TAIL);
          if (isCommand && open.has(stream)) output.push({ stream, bytes });
          else if (stream === 'stdout') overhear(bytes);
        }
      }
    };
    remote[stream].on('data', (chunk: Buffer) => take(reader.push(chunk)));
    return over(remote[stream]).then(() => take(reader.end()));
  };
  void Promise.all([remote.exited, follow('stdout'), follow('stderr')]).then(([exit]) => {
    output.close();
    greeted.reject(exit.failure ?? noShell(exit, tail || noise));
    ended.resolve({ kind: 'gone', exit });
  });
  return {
    greeted: greeted.promise,
    answer: async () => {
      const answer = await answered.promise;
      answered = Promise.withResolvers();
      return answer;
    },
    begun: begun.promise,
    ended: ended.promise,
    output,
    lastWords: () => lastWords(tail),
  };
}

function noShell({ code, signal }: RemoteExit, said: string): AwError {
  const how = signal === undefined ? `exit code ${code}` : signal;
  const reason = `its login shell runs no command (it ended with ${how}): ${lastWords(said) || 'it said nothing'}`;
  return new AwError('AW_HOST_UNREACHABLE', { reason });
}

/** Resolves when the stream gives nothing more. */
export function over(stream: Readable): Promise<void> {
  return new Promise(fulfil => {
    for (const event of ['end', 'close', 'error']) stream.once(event, () => fulfil());
  });
}
