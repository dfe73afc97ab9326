/** A short-lived process of the agent's own, which asks the machine something and must not outstay its welcome. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { startMark } from '../../tunnel/identity.ts';
import { signalTree, type TreeRoot } from '../runs/tree.ts';

export interface Probe {
  child: ChildProcess;
  /** How it ended: its exit code, the signal it died of, or an error that kept it from starting. Resolves once it is gone. */
  ended: Promise<{ code: number } | { signal: string } | 'timeout' | { error: string }>;
}

/**
 * Starts it in a session of its own and, after `timeoutMs`, kills it with everything it started, whatever groups those are in.
 * What a probe leaves running after ending by itself is left alone, as after any login.
 */
export function startProbe(
  file: string,
  args: readonly string[],
  options: SpawnOptions & { env: Readonly<Record<string, string>> },
  timeoutMs: number,
): Probe {
  const runId = `probe-${randomUUID()}`;
  const child = spawn(file, args, {
    ...options,
    env: { ...options.env, AW_RUN_ID: runId },
    detached: process.platform !== 'win32',
    windowsHide: true,
  });
  const mark = child.pid === undefined ? undefined : startMark(child.pid);
  const root: TreeRoot = {
    marks: [`AW_RUN_ID=${runId}`],
    ...(child.pid === undefined ? {} : { pid: child.pid }),
    ...(mark === undefined ? {} : { mark }),
  };
  const ended: Probe['ended'] = new Promise(resolve => {
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      void signalTree(root, 'SIGKILL').catch(() => child.kill('SIGKILL'));
    }, timeoutMs);
    child.once('error', error => {
      clearTimeout(timer);
      resolve({ error: error.message });
    });
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      if (timedOut) resolve('timeout');
      else resolve(code === null ? { signal: signal ?? 'unknown' } : { code });
    });
  });
  return { child, ended };
}
