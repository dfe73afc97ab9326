/** The program for Windows hosts without an agent, in the real PowerShell engine. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { anyArguments } from '../../test/properties/arbitraries.ts';
import { representable } from '../../test/properties/vectors.ts';
import { eventually } from '../../test/support/fleet.ts';
import { bareEnvironment, pwsh } from '../../test/support/powershell.ts';
import { requires } from '../../test/support/require.ts';
import { answerFields, loginOf, powershellLine, powershellMessage } from './agentless-powershell.ts';
import { endProgram, runProgram, UNTOUCHED } from './agentless-powershell-program.ts';
import { crtLine } from './windows/crt.ts';

const [, ...SWITCHES] = powershellLine().split(' ');
const opening = powershellMessage(runProgram('aw-hello', 'aw-frame'));
const GREETING = Buffer.from(`aw-hello ${UNTOUCHED}\n`);

describe.skipIf(!requires('powershell', pwsh !== undefined))('the program', () => {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'aw-agentless-')));
  const started = new Set<ChildProcess>();
  const show = join(dir, 'show');
  writeFileSync(show, `#!/bin/sh\nexec /usr/bin/printf '%s\\0' "$@"\n`);
  chmodSync(show, 0o755);
  afterEach(() => {
    for (const child of started) child.kill('SIGKILL');
    started.clear();
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  /** Greeted, with what it has said so far. */
  async function greet(env: Record<string, string> = {}) {
    const child = spawn(pwsh!, SWITCHES, { env: { ...bareEnvironment, ...env }, cwd: dir });
    started.add(child);
    const said = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
    for (const stream of ['stdout', 'stderr'] as const)
      child[stream].on('data', chunk => {
        said[stream] = Buffer.concat([said[stream], chunk]);
      });
    child.stdin.on('error', () => {});
    child.stdin.write(opening);
    await eventually(() => said.stdout.includes(GREETING), 'it greets');
    const answers = () =>
      [...said.stdout.toString().matchAll(/aw-frame answer (\S*)\n/g)].map(([, text]) => answerFields(text!));
    const login = loginOf(answers()[0]!);
    const ask = async (...fields: string[]) => {
      const before = answers().length;
      child.stdin.write(powershellMessage(...fields));
      await eventually(() => answers().length > before, 'it answers');
      return answers().at(-1)!;
    };
    const ended = async () => {
      const [code] = await once(child, 'close');
      const between = (bytes: Buffer) => {
        const [, output, words] =
          /aw-frame started[^\n]*\n(.*)aw-frame ended ?(\d*)\n$/s.exec(bytes.toString('latin1')) ?? [];
        return { output: output === undefined ? undefined : Buffer.from(output, 'latin1'), words };
      };
      const { output, words } = between(said.stdout);
      return { code, output, exit: Number(words), errors: between(said.stderr).output?.toString() };
    };
    return { child, login, ask, said, ended };
  }

  interface Run {
    args?: readonly string[];
    input?: Buffer | string;
    env?: Record<string, string>;
    gone?: readonly string[];
    files?: readonly string[];
    scratch?: string;
  }
  async function run(
    file: string,
    { args = [], input = '', env = {}, gone = [], files = [], scratch = '' }: Run,
  ) {
    const { child, ended } = await greet();
    const set = Object.entries(env);
    const words = [String(set.length), ...set.flat(), String(gone.length), ...gone, ...files];
    // At once: what follows the request is the command's to the byte.
    child.stdin.end(
      Buffer.concat([
        powershellMessage('run', scratch, dir, file, crtLine(args), ...words),
        Buffer.from(input),
      ]),
    );
    return ended();
  }

  test('it tells the environment and the place for files, to the byte', async () => {
    const value = 'ü€😀\r\n\u001b "\'$x';
    const { login } = await greet({ VALUE: value, EMPTY: '' });
    expect(login.env).toMatchObject({ VALUE: value, EMPTY: '' });
    expect(existsSync(login.temp)).toBe(true);
  });

  test('it looks at files', async () => {
    const { ask } = await greet();
    writeFileSync(join(dir, 'text'), 'a\0ü\n');
    writeFileSync(join(dir, 'long'), 'x'.repeat(70_000));
    const missing = join(dir, 'missing');
    expect(await ask('look', '3', join(dir, 'text'), dir, missing)).toEqual(['fd-']);
    const [kinds, text, long, none] = await ask('look', '0', join(dir, 'text'), join(dir, 'long'), missing);
    expect([kinds, none]).toEqual(['', '-']);
    expect(Buffer.from(text!, 'base64').toString()).toBe('a\0ü\n');
    expect(Buffer.from(long!, 'base64')).toHaveLength(65_536);
  });

  test('every vector', async () => {
    const { output, errors, exit } = await run(show, { args: representable });
    expect(output!.toString().split('\0').slice(0, -1)).toEqual(representable);
    expect([errors, exit]).toEqual(['', 0]);
  });

  test('any arguments', async () => {
    await fc.assert(
      // Many at once, because each time costs a start of PowerShell.
      fc.asyncProperty(fc.array(anyArguments, { maxLength: 12 }), async lists => {
        const args = ['first', ...lists.flat()];
        const { output } = await run(show, { args });
        expect(output!.toString().split('\0').slice(0, -1)).toEqual(args);
      }),
      { numRuns: 6 },
    );
  });

  test('input and output are bytes', async () => {
    const input = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7919) % 256));
    const { output, errors } = await run('/bin/sh', { args: ['-c', 'cat; echo end >&2'], input });
    expect(output!.equals(input)).toBe(true);
    expect(errors).toBe('end\n');
  });

  test('variables are set, empty and removed', async () => {
    const value = 'it\'s "a" $b `c` \\ \n end ü\n';
    const { output } = await run('/bin/sh', {
      args: ['-c', 'printf "%s|" "$VALUE" "${EMPTY-unset}" "${HOME-unset}"'],
      env: { VALUE: value, EMPTY: '' },
      gone: ['HOME'],
    });
    expect(output!.toString()).toBe(`${value}||unset|`);
  });

  test.each([0, 1, 126, 255])('exit code %i', async code => {
    expect(await run('/bin/sh', { args: ['-c', `exit ${code}`] })).toMatchObject({ code: 0, exit: code });
  });

  test('files are there for the command and gone after it', async () => {
    const scratch = join(dir, 'scratch');
    const file = join(scratch, 'a b');
    const content = Buffer.from('\ufefftext\0');
    const { output } = await run('/bin/cat', {
      args: [file],
      scratch,
      files: [file, content.toString('base64')],
    });
    expect(output!.equals(content)).toBe(true);
    expect(existsSync(scratch)).toBe(false);
  });

  test('what the system does not start is told, with its reason', async () => {
    const { child, said } = await greet();
    const plain = join(dir, 'plain');
    writeFileSync(plain, 'no program');
    child.stdin.end(powershellMessage('run', '', dir, plain, '', '0', '0'));
    await once(child, 'close');
    expect(said.stdout.toString()).toMatch(
      /aw-frame started \d+ \d+\naw-frame unstarted\naw-frame ended 126\n$/,
    );
    expect(said.stderr.toString()).toMatch(/aw-frame started\n.*plain.*\naw-frame ended\n$/s);
  });

  test('a request that breaks off does nothing', async () => {
    const { child, said } = await greet();
    const request = powershellMessage('run', '', dir, show, '', '0', '0');
    child.stdin.end(request.subarray(0, -1));
    const [code] = await once(child, 'close');
    expect(code).toBe(1);
    expect(said.stdout.toString()).not.toContain('started');
  });

  test('another one ends it with all that it has started, and nothing that began at another time', async () => {
    const { child, said } = await greet();
    const pids = join(dir, 'pids');
    const script = `sleep 300 & echo $! >${pids}; setsid sleep 301 & echo $! >>${pids}; wait`;
    child.stdin.end(powershellMessage('run', '', dir, '/bin/sh', crtLine(['-c', script]), '0', '0'));
    const lines = () => (existsSync(pids) ? readFileSync(pids, 'utf8').trim().split('\n') : []);
    await eventually(() => lines().length === 2, 'it has children');
    const [, pid, ticks] = /started (\d+) (\d+)/.exec(said.stdout.toString())!;
    expect(Number(pid)).toBe(child.pid);
    const end = async (time: bigint) => {
      const other = spawn(pwsh!, SWITCHES, { env: bareEnvironment });
      let text = '';
      other.stdout.on('data', chunk => {
        text += chunk;
      });
      other.stdin.end(powershellMessage(endProgram('aw-hello', Number(pid), String(time))));
      await once(other, 'close');
      return text;
    };
    expect(await end(BigInt(ticks!) - 20_000_000n)).toBe('');
    expect(child.exitCode).toBe(null);
    const closed = once(child, 'close');
    expect(await end(BigInt(ticks!))).toBe('aw-hello\n');
    await closed;
    await eventually(() => lines().every(isGone), 'its children are gone');
    expect(await end(BigInt(ticks!))).toBe('');
  });
});

/** Also when nobody has asked how it ended. */
function isGone(pid: string): boolean {
  try {
    return /\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return true;
  }
}
