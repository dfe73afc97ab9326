/** Programs that make snapshots: what they are given, and what they say when they fail. */
import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { AwError, show } from '../../contract/errors.ts';
import type { SnapshotProvider } from '../../contract/snapshot-names.ts';

/** Milliseconds. A file system that is busy writing answers late, one that is broken never. */
const LIMIT = 120_000;
/** Where administrators' programs are when the PATH of a login leaves them out. */
const MORE = ['/usr/sbin', '/sbin', '/usr/local/sbin'];

/** Runs it to its end; rejects with what it said. */
export type Exec = (program: string, ...args: string[]) => Promise<void>;

/** Without a shell, in the root directory, with an environment that says nothing about the project. */
export function executor(provider: SnapshotProvider): Exec {
  return async (name, ...args) => {
    const file = await findProgram(name);
    if (file === undefined) throw snapshotFailed(provider, `there is no program ${name}`);
    await new Promise<void>((done, fail) => {
      const options = {
        cwd: '/',
        env: { LC_ALL: 'C', PATH: searchPath() },
        timeout: LIMIT,
        maxBuffer: 1 << 20,
      };
      execFile(file, args, options, (error, _stdout, stderr) => {
        if (error === null) done();
        else fail(snapshotFailed(provider, stderr.trim() || error.message, error));
      });
    });
  };
}

/** Its absolute path. Only absolute directories are searched: a relative one could be the project. */
export async function findProgram(name: string): Promise<string | undefined> {
  for (const directory of searchPath().split(delimiter)) {
    const file = join(directory, name);
    try {
      await access(file, constants.X_OK);
      return file;
    } catch {
      // Not in this directory.
    }
  }
  return undefined;
}

export function searchPath(): string {
  const own = (process.env.PATH ?? '').split(delimiter).filter(directory => directory.startsWith('/'));
  return [...own, ...MORE].join(delimiter);
}

export function snapshotFailed(provider: SnapshotProvider, reason: string, cause?: unknown): AwError {
  return new AwError('AW_SNAPSHOT_FAILED', { provider, reason: show(reason, 500) }, { cause });
}
