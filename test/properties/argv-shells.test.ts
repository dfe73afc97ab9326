/** What real shells of this machine hand to a real child, through real invocations. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { renderCommand } from '../../follower/adapters/index.ts';
import { anyArgument } from './arbitraries.ts';
import { makeBench, nulTerminated, type TestedShell } from './spawn.ts';
import { representable } from './vectors.ts';

const bench = makeBench();
afterAll(() => bench.remove());

/** Prints its arguments, each ended by a NUL. An absolute path, so that no shell takes its own builtin. */
const PRINT = ['/usr/bin/printf', '%s\\0'];
const batches = fc.array(anyArgument, { minLength: 1, maxLength: 60 });

type Way = { name: string; run: (args: readonly string[]) => Promise<string[]> };

function waysOf(shell: TestedShell): Way[] {
  const style = shell === 'fish' ? 'fish' : 'posix';
  const all = shell === 'fish' ? '$argv' : '"$@"';
  const script = (text: string, args: readonly string[]) =>
    seen({ command: { kind: 'script', script: text, args: [...args] }, shell });
  const name = (what: string) => `${shell}: ${what}`;
  return [
    {
      name: name('--shell -- command'),
      run: args => seen({ command: { kind: 'argv', argv: [...PRINT, ...args] }, shell }),
    },
    { name: name('-c with arguments'), run: args => script(`${renderCommand(PRINT, style)} ${all}`, args) },
    { name: name('a rendered command'), run: args => script(renderCommand([...PRINT, ...args], style), []) },
    {
      name: name('a script too long for an argument'),
      run: args => script(`${'# padding\n'.repeat(14_000)}${renderCommand(PRINT, style)} ${all}`, args),
    },
  ];
}

const direct: Way = {
  name: 'directly',
  run: args => seen({ command: { kind: 'argv', argv: [...PRINT, ...args] } }),
};

async function seen(
  spec: Parameters<typeof bench.run>[0],
  change?: Parameters<typeof bench.run>[1],
): Promise<string[]> {
  const { code, stdout, stderr } = await bench.run(spec, change);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return nulTerminated(stdout);
}

describe.each([direct, ...bench.shells.flatMap(waysOf)])('$name', ({ run }) => {
  test('every vector', async () => {
    expect(await run(representable)).toEqual(representable);
  });

  test('each vector alone and first', async () => {
    for (const vector of ['', '-n', '--', '-c', '--help', '-', '+x', "'"])
      expect(await run([vector])).toEqual([vector]);
  });

  test('any arguments', async () => {
    await fc.assert(
      fc.asyncProperty(batches, async args => {
        expect(await run(args)).toEqual(args);
      }),
      { numRuns: 25 },
    );
  });
});

describe.each(bench.shells)('%s', shell => {
  test('bytes arrive also in the C locale', async () => {
    const args = ['日本語', '😀', '\u0085', '\uf601', 'é'];
    const env = { ...bench.facts.env, LANG: 'C', LC_ALL: 'C' };
    expect(await seen({ command: { kind: 'argv', argv: [...PRINT, ...args] }, shell }, { env })).toEqual(
      args,
    );
  });

  test('no argument runs as a command', async () => {
    const canary = join(bench.facts.cwd, 'pwn.txt');
    const attacks = [
      'a"&echo PWN>pwn.txt&"b',
      "';echo>pwn.txt;'",
      '$(echo>pwn.txt)',
      '`echo>pwn.txt`',
      '\necho>pwn.txt\n',
      '(echo>pwn.txt)',
    ];
    for (const { run } of waysOf(shell)) expect(await run(attacks)).toEqual(attacks);
    expect(existsSync(canary)).toBe(false);
  });

  test('a command without arguments, and one whose status is its own', async () => {
    const run = (argv: string[]) => bench.run({ command: { kind: 'argv', argv }, shell });
    expect(await run(['/bin/true'])).toMatchObject({ code: 0 });
    expect(await run(['/bin/sh', '-c', 'exit 42'])).toMatchObject({ code: 42 });
  });

  test('a script may begin with a dash, and its errors name the shell', async () => {
    const { code, stderr } = await bench.run({ command: { kind: 'script', script: '-x foo' }, shell });
    expect(code).toBe(127);
    expect(stderr).toContain('-x');
    expect(stderr).toContain(shell);
  });
});
