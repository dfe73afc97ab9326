/** The program for a host without an agent, in each shell that may be `/bin/sh` there. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { RunRequestInput } from '../../contract/follower-api.ts';
import { agentlessProgram } from '../../follower/adapters/agentless-posix.ts';
import { requires, which } from '../support/require.ts';
import { representable } from './vectors.ts';

const FRAME = 'aw-frame';
const cwd = realpathSync(mkdtempSync(join(tmpdir(), 'aw-agentless-')));
afterAll(() => rmSync(cwd, { recursive: true, force: true }));
writeFileSync(join(cwd, 'orphan'), '#!/nowhere/sh\n');
chmodSync(join(cwd, 'orphan'), 0o755);

/** Under their names as `/bin/sh`: bash is then in its POSIX mode. */
const shells = [
  ['dash', 'dash', []],
  ['bash', 'bash', ['--posix']],
  ['mksh', 'mksh', []],
  ['busybox', 'busybox', ['sh']],
] as const;

/** All that it says, with what follows the program on its input. */
async function run(shell: readonly string[], fields: Partial<RunRequestInput>, input = '') {
  const request = {
    runId: 'r1',
    host: 'a',
    cwd,
    command: { kind: 'argv' as const, argv: ['true'] },
    ...fields,
  };
  const [file = '', ...args] = shell;
  const text = agentlessProgram(request, 'linux', FRAME).replaceAll(
    'exec /bin/sh',
    `exec ${shell.join(' ')}`,
  );
  // As sshd does it: the leader of a session, and its input is no terminal.
  const child = spawn(file, [...args, '-s', 'aw-hello'], { detached: true, cwd: '/' });
  const said = { stdout: '', stderr: '' };
  child.stdin.on('error', () => {}).write(text);
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].on('data', chunk => {
      const before = said[stream];
      said[stream] += chunk;
      const hasStarted = (all: string) => all.includes(`${FRAME} started`);
      if (stream === 'stdout' && hasStarted(said.stdout) && !hasStarted(before)) child.stdin.end(input);
    });
  }
  await once(child, 'close');
  const command = (all: string) => all.split(new RegExp(`${FRAME} started.*\n|${FRAME} ended.*\n`))[1];
  return { ...said, output: command(said.stdout), errors: command(said.stderr) };
}

describe.each(shells)('%s', (name, program, args) => {
  const path = which(program);
  const shell = [path ?? '', ...args];
  const each = test.skipIf(!requires(name, path !== undefined));

  each('every vector, input and output, and nothing on standard error', async () => {
    const argv = ['printf', '%s\\0', ...representable];
    const { output, errors } = await run(shell, { command: { kind: 'argv', argv } });
    expect(output?.split('\0').slice(0, -1)).toEqual(representable);
    expect(errors).toBe('');
    const copied = await run(shell, { stdin: 'stream', command: { kind: 'argv', argv: ['cat'] } }, 'a\0b\n');
    expect(copied.output).toBe('a\0b\n');
  });

  each('variables', async () => {
    const env = { VALUE: `it's "a" $b \\ \n end\n`, EMPTY: '', PATH: '/usr/bin:/bin' };
    const script = 'printf "%s|" "$VALUE" "${EMPTY-unset}" "$PATH" "$AW_RUN_ID"';
    const { output } = await run(shell, { env, command: { kind: 'argv', argv: ['/bin/sh', '-c', script] } });
    expect(output).toBe(`${env.VALUE}||${env.PATH}|r1|`);
  });

  each.each([0, 1, 127, 255])('exit code %i', async code => {
    const argv = ['/bin/sh', '-c', `exit ${code}`];
    expect((await run(shell, { command: { kind: 'argv', argv } })).stdout).toContain(
      `${FRAME} ended ${code}\n`,
    );
  });

  each('a death by signal, without a word of the shell', async () => {
    const argv = ['/bin/sh', '-c', 'kill -SEGV $$'];
    const { stdout, errors } = await run(shell, { command: { kind: 'argv', argv } });
    expect(stdout).toContain(`${FRAME} ended 139\n`);
    expect(errors).toBe('');
  });

  each('what cannot be started, and why', async () => {
    const said = async (argv: string[]) => (await run(shell, { command: { kind: 'argv', argv } })).stdout;
    expect(await said(['no-such-program'])).toContain(`${FRAME} refused missing /`);
    expect(await said([''])).toContain(`${FRAME} refused missing`);
    expect(await said([cwd])).toContain(`${FRAME} refused unusable ${cwd}\n`);
    expect(await said(['./orphan'])).toContain(`${FRAME} unstarted\n`);
    const { stdout } = await run(shell, { cwd: '/nowhere' });
    expect(stdout).toContain(`${FRAME} refused cwd it does not exist\n`);
  });

  each('it leads its group, and a script gets its words', async () => {
    const command = { kind: 'script' as const, script: 'printf "%s|" "$0" "$@"', args: ['a b', "it's"] };
    const { stdout, output } = await run(shell, { shell: 'sh', command });
    expect(stdout).toMatch(new RegExp(`${FRAME} started \\d+ \\d+ group\n`));
    expect(output).toBe("sh|a b|it's|");
  });
});
