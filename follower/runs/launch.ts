/** From an invocation to a process. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AwError, show } from '../../contract/errors.ts';
import type { Invocation } from '../adapters/types.ts';
import type { RunStdio } from './stdio.ts';

/** Writes the files an invocation needs, readable only by their owner. @throws AW_DISK */
export function writeScratch(directory: string, invocation: Invocation): void {
  if (invocation.files === undefined || invocation.files.length === 0) return;
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const { name, content } of invocation.files) {
      writeFileSync(join(directory, name), content, { mode: 0o600, flag: 'wx' });
    }
  } catch (error) {
    throw new AwError('AW_DISK', { path: directory, reason: (error as Error).message }, { cause: error });
  }
}

/**
 * Starts the process as the leader of its own group and session.
 * @throws AW_CMD_NOT_EXECUTABLE, AW_ARG_TOO_LONG or AW_SPAWN_FAILED; then there is no process.
 */
export async function launch(
  invocation: Invocation,
  stdio: RunStdio,
): Promise<ChildProcess & { pid: number }> {
  try {
    const child = spawn(invocation.file, invocation.args, {
      ...(invocation.argv0 === undefined ? {} : { argv0: invocation.argv0 }),
      cwd: invocation.cwd,
      env: { ...invocation.env },
      stdio: stdio.child,
      detached: process.platform !== 'win32',
      windowsVerbatimArguments: invocation.verbatim === true,
      windowsHide: true,
    });
    if (child.pid !== undefined) return child as ChildProcess & { pid: number };
    throw await new Promise(fulfil => child.once('error', fulfil));
  } catch (error) {
    throw refusal(error as NodeJS.ErrnoException, invocation);
  }
}

function refusal(error: NodeJS.ErrnoException, invocation: Invocation): AwError {
  const file = show(invocation.file);
  const cannotExecute = (reason: string) =>
    new AwError('AW_CMD_NOT_EXECUTABLE', { command: file, file, reason }, { cause: error });
  switch (error.code) {
    case 'ENOENT':
      // The adapter saw the file itself, so what is missing is what its first line or its loader names.
      return cannotExecute('its interpreter does not exist');
    case 'EACCES':
      return cannotExecute('permission denied');
    case 'ENOEXEC':
      return cannotExecute('it is not a program of this system');
    case 'E2BIG': {
      const length = [...invocation.args, ...Object.entries(invocation.env).flat()].reduce(
        (sum, text) => sum + Buffer.byteLength(text) + 1,
        0,
      );
      return new AwError(
        'AW_ARG_TOO_LONG',
        {
          what: 'the command line with its environment',
          length,
          unit: 'bytes',
          os: process.platform,
          limit: 'less',
        },
        { cause: error },
      );
    }
    default:
      return new AwError('AW_SPAWN_FAILED', { file, reason: error.code ?? error.message }, { cause: error });
  }
}
