/** The processes the demo starts: this very CLI, once as the service and once as what a person would type. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { AwError } from '../../contract/errors.ts';

/** The launcher of this very installation. */
export const AW = fileURLToPath(new URL('../../bin/aw.js', import.meta.url));
const START_LIMIT_MS = 10_000;
const STOP_LIMIT_MS = 3_000;

export interface Service {
  url: string;
  pid: number;
  /** Stops it and waits until it is gone. */
  stop(): Promise<void>;
  /** Lets it outlive this process. */
  release(): void;
}

/**
 * `aw serve` on a free port. Its output goes to a file, so that it can outlive this process, and its address is read
 * from there.
 * @throws AW_SERVICE_UNREACHABLE when it does not come up.
 */
export async function startService(root: string, env: NodeJS.ProcessEnv): Promise<Service> {
  const logFile = join(root, 'service.log');
  const log = openSync(logFile, 'a', 0o600);
  const args = [AW, 'serve', '--port', '0', '--db', join(root, 'service.db')];
  // A group of its own: Ctrl-C in this terminal is for the run first.
  const child = spawn(process.execPath, args, { env, detached: true, stdio: ['ignore', log, log] });
  closeSync(log);
  const exit = exitOf(child);
  const stop = () => end(child, exit);
  try {
    const url = await waitForAddress(logFile, child);
    return { url, pid: child.pid!, stop, release: () => child.unref() };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function waitForAddress(logFile: string, child: ChildProcess): Promise<string> {
  const end = performance.now() + START_LIMIT_MS;
  let text = '';
  while (performance.now() < end && child.exitCode === null && child.signalCode === null) {
    text = await readFile(logFile, 'utf8');
    const url = /^Listening on (\S+)$/m.exec(text)?.[1];
    if (url !== undefined) return url;
    await sleep(20);
  }
  throw new AwError('AW_SERVICE_UNREACHABLE', {
    url: 'of the demo',
    reason: text.trim().split('\n').at(-1) || 'it did not say that it listens',
  });
}

/** Runs `aw` with this process's terminal; resolves to its exit code, 128 + signal number when it was killed. */
export async function runAw(args: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Promise<number> {
  const child = spawn(process.execPath, [AW, ...args], { cwd, env, stdio: 'inherit' });
  // Ctrl-C reaches the child by itself; what is sent to this process alone is handed on.
  const relay = () => child.kill('SIGTERM');
  process.on('SIGTERM', relay);
  try {
    return await exitOf(child);
  } finally {
    process.off('SIGTERM', relay);
  }
}

function exitOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? (signal === 'SIGKILL' ? 137 : 143)));
  });
}

async function end(child: ChildProcess, exit: Promise<number>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
  await exit;
  clearTimeout(timer);
}
