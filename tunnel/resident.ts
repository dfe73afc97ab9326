/** Getting a connection to an agent that stays: to the one that runs, or to one started now. */
import { spawn } from 'node:child_process';
import { closeSync, fstatSync, mkdirSync, openSync, readSync } from 'node:fs';
import type net from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AwError, show } from '../contract/errors.ts';
import { connectEndpoint, type Endpoint } from './endpoint.ts';
import { takeLock } from './lock.ts';

/** Milliseconds an agent that was just started has left to listen when nobody wants it any more. */
const ABANDONED_MS = 2_000;
/** Milliseconds between looks whether an agent that was just started listens: a look costs little, a person waits. */
const LONGEST_LOOK = 10;

export interface StartSpec {
  /** Absolute path of the program that becomes the agent. */
  file: string;
  args: readonly string[];
  /** All of the agent's environment. */
  env: Record<string, string>;
  cwd: string;
  /** Gets what the agent prints. Its directory, made if missing, also holds the start lock. */
  logFile: string;
}

export interface ResidentOptions {
  endpoint: Endpoint;
  start: StartSpec;
  /** For everything together: connecting, waiting for somebody else's start, the agent's own start. */
  timeoutMs: number;
  signal?: AbortSignal;
}

/**
 * Connects to the agent at `endpoint`; when nobody listens, starts it detached and connects then. Of several callers
 * at once, one starts it and all get a connection. `started` says whether this call was the one.
 * @throws AW_AGENT_START_FAILED with the last line of its log; AW_HOST_UNREACHABLE when it is there but does not answer;
 * AW_DISK.
 */
export async function connectOrStart(
  options: ResidentOptions,
): Promise<{ socket: net.Socket; started: boolean }> {
  const { endpoint, start } = options;
  const deadline = performance.now() + options.timeoutMs;
  const attempt = (signal?: AbortSignal) =>
    tryConnect(endpoint, Math.max(1, deadline - performance.now()), signal);
  const first = await attempt(options.signal);
  if (first !== undefined) return { socket: first, started: false };

  makeDirectory(dirname(start.logFile));
  const lockPath = `${start.logFile}.start-lock`;
  let pause = 4;
  while (performance.now() < deadline) {
    const lock = takeLock(lockPath);
    if (lock !== undefined) {
      try {
        const socket = await attempt(options.signal);
        if (socket !== undefined) return { socket, started: false };
        return { socket: await startAndConnect(start, attempt, deadline, options.signal), started: true };
      } finally {
        lock.release();
      }
    }
    await sleep(pause, undefined, options.signal === undefined ? {} : { signal: options.signal });
    pause = Math.min(pause * 2, 100);
    const socket = await attempt(options.signal);
    if (socket !== undefined) return { socket, started: false };
  }
  throw failed(start, 'another process has been starting it for too long');
}

/**
 * The environment an agent starts with: what a login on that machine has, and nothing of the process that starts it,
 * so that a run means the same whoever started the agent.
 */
export function residentEnvironment(env: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const kept = /^(?:HOME|USER|LOGNAME|SHELL|LANG|LC_[A-Z]+|TZ|TMPDIR|XDG_RUNTIME_DIR)$/;
  const keptOnWindows =
    /^(?:ALLUSERSPROFILE|APPDATA|COMPUTERNAME|COMSPEC|HOMEDRIVE|HOMEPATH|LOCALAPPDATA|NUMBER_OF_PROCESSORS|OS|PATH|PATHEXT|PROCESSOR_ARCHITECTURE|PROGRAMDATA|PROGRAMFILES(?:\(X86\))?|PROGRAMW6432|PUBLIC|SYSTEMDRIVE|SYSTEMROOT|TEMP|TMP|USERDOMAIN|USERNAME|USERPROFILE|WINDIR)$/i;
  const windows = process.platform === 'win32';
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && (windows ? keptOnWindows : kept).test(name)) result[name] = value;
  }
  if (!windows) result.PATH = '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin';
  return result;
}

/** Undefined when nobody listens; every other failure is thrown. */
async function tryConnect(endpoint: Endpoint, timeoutMs: number, signal?: AbortSignal) {
  try {
    return await connectEndpoint(endpoint, { timeoutMs, ...(signal === undefined ? {} : { signal }) });
  } catch (error) {
    const code = ((error as Error).cause as NodeJS.ErrnoException | undefined)?.code;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ECONNREFUSED') return undefined;
    throw error;
  }
}

/** Once there is a process, an abort waits until it listens or has ended: nobody could find it, to stop it, before that. */
async function startAndConnect(
  start: StartSpec,
  attempt: () => Promise<net.Socket | undefined>,
  deadline: number,
  signal?: AbortSignal,
): Promise<net.Socket> {
  const log = openSync(start.logFile, 'a+', 0o600);
  let limit = deadline;
  const hurry = () => {
    limit = Math.min(limit, performance.now() + ABANDONED_MS);
  };
  signal?.addEventListener('abort', hurry, { once: true });
  try {
    signal?.throwIfAborted();
    const logStart = fstatSync(log).size;
    let end: string | undefined;
    const child = spawn(start.file, start.args, {
      cwd: start.cwd,
      env: start.env,
      detached: true,
      stdio: ['ignore', log, log],
      windowsHide: true,
    });
    child.once('error', error => {
      end ??= error.message;
    });
    child.once('exit', (code, exitSignal) => {
      end ??= exitSignal === null ? `it ended with code ${code}` : `it was ended by ${exitSignal}`;
    });
    child.unref();
    let pause = 4;
    while (performance.now() < limit) {
      await sleep(pause);
      pause = Math.min(pause * 1.3, LONGEST_LOOK);
      const ended = end;
      // Asked after `end` was read: one that found an agent already there ends, and that agent answers.
      const socket = await attempt();
      if (socket !== undefined) {
        if (signal?.aborted === true) socket.destroy();
        signal?.throwIfAborted();
        return socket;
      }
      if (ended !== undefined) throw failed(start, lastLine(log, logStart) ?? ended);
    }
    // Whatever it waits for, nobody would know of it.
    child.kill();
    throw failed(start, lastLine(log, logStart) ?? 'it did not listen in time');
  } finally {
    signal?.removeEventListener('abort', hurry);
    closeSync(log);
  }
}

function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new AwError('AW_DISK', { path, reason: (error as Error).message }, { cause: error });
  }
}

function failed(start: StartSpec, reason: string) {
  return new AwError('AW_AGENT_START_FAILED', { reason, log: start.logFile });
}

function lastLine(log: number, from: number): string | undefined {
  const size = fstatSync(log).size;
  const length = Math.max(0, Math.min(size - from, 4096));
  const tail = Buffer.alloc(length);
  readSync(log, tail, 0, length, size - length);
  const line = tail.toString().trimEnd().split('\n').at(-1);
  return line === undefined || line === '' ? undefined : show(line, 500).slice(1, -1);
}
