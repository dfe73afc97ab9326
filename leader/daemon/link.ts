/** A command's connection to the resident leader. Loads little: commands start often, and wait for this. */
import { statSync } from 'node:fs';
import type net from 'node:net';
import { AwError, show } from '../../contract/errors.ts';
import { withLine } from '../../contract/event-parts.ts';
import type { Event } from '../../contract/events.ts';
import type { LeaderInput, LeaderRequest } from '../../contract/leader-api.ts';
import { MAX_LINE } from '../../contract/limits.ts';
import { PROTOCOL, VERSION } from '../../contract/version.ts';
import { connectEndpoint } from '../../tunnel/endpoint.ts';
import { encodeLine, readLines } from '../../tunnel/ndjson.ts';
import { type Hello, isEvent, type Said } from './messages.ts';
import { leaderLock, leaderLog, leaderSocket, leaderStart } from './place.ts';

/** Milliseconds until a leader that runs has said hello, and until one that was just started has: machines are busy. */
const HELLO = 5_000;
const FIRST_HELLO = 15_000;
/** Milliseconds in which a leader counts as just started, whoever started it. */
const YOUNG = 15_000;
const START = 15_000;
/** One that is just ending takes a connection and drops it; the next one gets, or starts, another. */
const TRIES = 6;
const PAUSE = 30;

export interface Link {
  readonly hello: Hello;
  /** What the leader says next; undefined when the connection is gone. Nothing is read before it is asked for. */
  next(): Promise<Said | Event | undefined>;
  /** A promise while the leader has not taken enough of it; rejects never. */
  send(message: LeaderRequest | LeaderInput): Promise<void> | undefined;
  /** Lets go, once what was sent is on its way. */
  close(): void;
}

export interface LinkOptions {
  /** The environment to start a leader with when there is none; absent: none is started. */
  start?: NodeJS.ProcessEnv;
  /** There is no other way than a leader: wait for it. */
  isNeeded?: boolean;
  /** Take also one of another version, which understands `down` and maybe nothing else. */
  anyVersion?: boolean;
}

/**
 * Connects to the leader of a state directory.
 * @throws AW_LEADER_UNUSABLE; `hasNone` says whether there was none.
 */
export async function openLink(stateDir: string, options: LinkOptions = {}): Promise<Link> {
  const refuse = (reason: string, cause?: unknown) =>
    new AwError('AW_LEADER_UNUSABLE', { reason, log: leaderLog(stateDir) }, { cause });
  for (let tries = 1; ; tries++) {
    const { socket, started } = await connect(stateDir, options).catch(error => {
      throw refuse((error as Error).message, error);
    });
    const isPatient = started || options.isNeeded === true || isYoung(stateDir);
    const link = await greet(socket, isPatient ? FIRST_HELLO : HELLO);
    if (link === 'silent') throw refuse('it does not answer');
    if (link === 'gone') {
      if (tries === TRIES) throw refuse('it ended each time it was connected to');
      await new Promise(wake => setTimeout(wake, tries * PAUSE));
      continue;
    }
    const { version, protocol, pid } = link.hello;
    if (options.anyVersion === true || (version === VERSION && protocol === PROTOCOL)) return link;
    link.close();
    const other = show(String(version), 40).slice(1, -1);
    throw refuse(`version ${other} runs (process ${Number(pid)}), this is ${VERSION}`);
  }
}

/** Whether an error of `openLink` only says that there is no leader. */
export function hasNone(error: unknown): boolean {
  return error instanceof AwError && error.code === 'AW_LEADER_UNUSABLE' && isNobody(error.cause);
}

async function connect(stateDir: string, { start, isNeeded }: LinkOptions) {
  const path = leaderSocket(stateDir);
  const endpoint = { kind: 'socket', path } as const;
  try {
    const timeoutMs = isNeeded === true ? FIRST_HELLO : HELLO;
    return { socket: await connectEndpoint(endpoint, { timeoutMs }), started: false };
  } catch (error) {
    if (start === undefined || !isNobody(error)) throw error;
  }
  const { connectOrStart, residentEnvironment } = await import('../../tunnel/resident.ts');
  const how = leaderStart(stateDir, path, residentEnvironment(start), start.AW_LEADER_IDLE);
  return await connectOrStart({ endpoint, start: how, timeoutMs: START });
}

/** Nobody listens there. */
function isNobody(error: unknown): boolean {
  const { code } = ((error as Error | undefined)?.cause ?? {}) as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'ECONNREFUSED';
}

/** On a busy machine it takes its time to load what it leads with, and is deaf meanwhile. */
function isYoung(stateDir: string): boolean {
  const takenAt = statSync(leaderLock(stateDir), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return Date.now() - takenAt < YOUNG;
}

async function greet(socket: net.Socket, timeoutMs: number): Promise<Link | 'silent' | 'gone'> {
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    socket.destroy();
  }, timeoutMs);
  const { next, send, close } = openSocket(socket);
  const hello = await next();
  clearTimeout(timer);
  if (hello === undefined) return isLate ? 'silent' : 'gone';
  return { hello: hello as Hello, next, send, close };
}

function openSocket(socket: net.Socket): Omit<Link, 'hello'> {
  // What becomes of the connection shows where it is read.
  socket.on('error', () => {});
  const lines = readLines(socket, 2 * MAX_LINE);
  return {
    async next() {
      try {
        const line = await lines.next();
        // A leader that was killed may have left half a line, which is no JSON.
        if (line.done === true) return undefined;
        const said = JSON.parse(line.value.toString()) as Said | Event;
        return isEvent(said) ? withLine(said, line.value) : said;
      } catch {
        socket.destroy();
        return undefined;
      }
    },
    send(message) {
      if (socket.destroyed || socket.write(encodeLine(message))) return undefined;
      return new Promise(fulfil => {
        const settle = () => {
          socket.off('drain', settle).off('close', settle);
          fulfil();
        };
        socket.on('drain', settle).on('close', settle);
      });
    },
    close: () => socket.destroySoon(),
  };
}
