/**
 * Windows for tests, as far as Wine is it: its process creation, cmd.exe, file names and environment. Each has a prefix of its own
 * and ends with it.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { buildHost } from '../../fixtures/powershell-host/build.ts';
import { requires, which } from './require.ts';

/** For the prefix to be made, on a slow machine. Milliseconds. */
const BOOT_MS = 120_000;

const wine = which('wine');
export const hasWine = requires('wine', wine !== undefined && which('dotnet') !== undefined);

export interface Wine {
  /** For what is started in it. `pwsh.exe` is in its PATH. */
  env: Record<string, string>;
  /** The directory of this machine that is its `C:\`. */
  drive: string;
  stop(): void;
}

/** @param prefix a directory that is made for it */
export function startWine(prefix: string): Wine {
  const host = buildHost('windows');
  const env = {
    PATH: `${dirname(wine!)}:/usr/bin:/bin`,
    HOME: dirname(prefix),
    WINEPREFIX: prefix,
    WINEDEBUG: '-all',
    WINEPATH: `Z:${host.replaceAll('/', '\\')}`,
  };
  mkdirSync(prefix, { recursive: true });
  const run = (program: string, ...args: string[]) =>
    execFileSync(program, args, { env, stdio: 'ignore', timeout: BOOT_MS });
  run('wineboot', '-i');
  run('winecfg', '-v', 'win10');
  return {
    env,
    drive: join(prefix, 'drive_c'),
    stop: () => {
      try {
        run('wineserver', '-k');
      } catch {
        // It has ended by itself, after the last program.
      }
    },
  };
}
