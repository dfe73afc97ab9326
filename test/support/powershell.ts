/** PowerShell for tests: a `pwsh` of this machine, else the host of `fixtures/powershell-host`, which is built at need. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { buildHost } from '../../fixtures/powershell-host/build.ts';
import type { Invocation } from '../../follower/adapters/types.ts';
import { which } from './require.ts';

/** The absolute path of `pwsh`; undefined when there is none and it cannot be built. Its directory may stand in a PATH. */
export const pwsh = which('pwsh') ?? builtHost();

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Writes the invocation's files into `scratch` and runs it to its end. */
export function runInvocation(invocation: Invocation, scratch: string, input: string | Buffer = ''): Ended {
  mkdirSync(scratch, { recursive: true });
  for (const { name, content } of invocation.files ?? []) writeFileSync(join(scratch, name), content);
  return runToEnd(invocation.file, invocation.args, {
    cwd: invocation.cwd,
    env: { ...invocation.env },
    input,
  });
}

export function runToEnd(
  file: string,
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string>; input?: string | Buffer },
): Ended {
  const { status, stdout, stderr, error } = spawnSync(file, args, {
    input: '',
    ...options,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (error !== undefined) throw error;
  return { code: status, stdout, stderr };
}

function builtHost(): string | undefined {
  if (which('dotnet') === undefined) return undefined;
  try {
    return join(buildHost(), 'pwsh');
  } catch (thrown) {
    console.error(thrown instanceof Error ? thrown.message : thrown);
    return undefined;
  }
}

/** What a child needs to find the usual programs, and nothing of this process's own environment. */
export const bareEnvironment: Record<string, string> = {
  PATH: [...(pwsh === undefined ? [] : [dirname(pwsh)]), '/usr/bin', '/bin'].join(':'),
  HOME: process.env.HOME ?? '/',
};
