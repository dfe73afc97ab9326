/** What cannot be passed on exactly is refused by a coded error that names it, and what just fits is not. */
import { expect, test } from 'vitest';
import { AwError } from '../../contract/errors.ts';
import type { Command } from '../../contract/follower-api.ts';
import { adapt } from '../../follower/adapters/index.ts';
import type { HostFacts } from '../../follower/adapters/types.ts';
import { linuxFacts, macFacts, windowsFacts } from './machines.ts';
import { lineBreaks, unrepresentable } from './vectors.ts';

const machines: readonly HostFacts[] = [linuxFacts(), macFacts(), windowsFacts()];
const exe = (facts: HostFacts) => (facts.os === 'windows' ? 'C:\\tools\\app.exe' : '/usr/bin/app');

function refusal(command: Command, facts: HostFacts): { code: string; message: string } | undefined {
  try {
    adapt({ command, loginShell: facts.os === 'windows' ? 'cmd' : 'sh' }, facts);
    return undefined;
  } catch (error) {
    if (!(error instanceof AwError)) throw error;
    return { code: error.code, message: error.message };
  }
}
const argv = (...words: string[]): Command => ({ kind: 'argv', argv: words });

test.each(machines)('A35, A36: NUL and lone surrogates on $os', facts => {
  for (const value of unrepresentable.nul) {
    expect(refusal(argv(exe(facts), 'ok', value), facts)).toEqual({
      code: 'AW_ARG_NUL',
      message:
        'argument 2 ("a\\u0000b") contains a NUL byte, which no operating system can pass to a program',
    });
    expect(refusal({ kind: 'script', script: value }, facts)?.code).toBe('AW_ARG_NUL');
    expect(refusal({ kind: 'script', script: '', args: [value] }, facts)?.message).toContain('argument 1 ');
  }
  for (const value of unrepresentable.loneSurrogate) {
    expect(refusal(argv(exe(facts), value), facts)?.code).toBe('AW_ARG_LONE_SURROGATE');
    expect(refusal(argv(value), facts)?.code).toBe('AW_ARG_LONE_SURROGATE');
  }
});

test('A37: Linux takes 131071 bytes in one argument and no more', () => {
  const facts = linuxFacts();
  expect(refusal(argv('/usr/bin/app', 'x'.repeat(131_071)), facts)).toBeUndefined();
  expect(refusal(argv('/usr/bin/app', 'x'.repeat(131_072)), facts)).toEqual({
    code: 'AW_ARG_TOO_LONG',
    message: `argument 1 ("${'x'.repeat(40)}…") is 131072 bytes long; linux allows 131071`,
  });
  expect(refusal(argv('/usr/bin/app', 'é'.repeat(65_536)), facts)?.code).toBe('AW_ARG_TOO_LONG');
  expect(refusal({ kind: 'script', script: '', args: ['x'.repeat(131_072)] }, facts)?.code).toBe(
    'AW_ARG_TOO_LONG',
  );
  expect(refusal({ kind: 'script', script: 'x'.repeat(200_000) }, facts)).toBeUndefined();
});

test('A37: macOS takes a long argument, and 1 MiB with the environment', () => {
  expect(refusal(argv('/usr/bin/app', 'x'.repeat(131_072)), macFacts())).toBeUndefined();
  expect(refusal(argv('/usr/bin/app', 'x'.repeat(1_048_576)), macFacts())?.code).toBe('AW_ARG_TOO_LONG');
  const env = { BIG: 'y'.repeat(600_000) };
  expect(refusal(argv('/usr/bin/app', 'x'.repeat(500_000)), { ...macFacts(), env })?.message).toContain(
    'with the environment',
  );
});

test('A37, A39: Windows takes a line of 32766 units', () => {
  const facts = windowsFacts();
  const base = 'C:\\tools\\app.exe '.length;
  expect(refusal(argv(exe(facts), 'x'.repeat(32_766 - base)), facts)).toBeUndefined();
  expect(refusal(argv(exe(facts), 'x'.repeat(32_767 - base)), facts)).toEqual({
    code: 'AW_ARG_TOO_LONG',
    message: 'the command line is 32767 UTF-16 units long; windows allows 32766',
  });
  // Quotes count: each of these needs a backslash and the whole two quotes.
  expect(refusal(argv(exe(facts), '"'.repeat(16_373)), facts)?.code).toBeUndefined();
  expect(refusal(argv(exe(facts), '"'.repeat(16_375)), facts)?.code).toBe('AW_ARG_TOO_LONG');
  const many = Array.from({ length: 5000 }, () => 'x'.repeat(40));
  expect(refusal(argv(exe(facts), ...many), facts)?.code).toBe('AW_ARG_TOO_LONG');
  expect(refusal(argv('/usr/bin/app', ...many), linuxFacts())).toBeUndefined();
});

test('A38: a batch file takes a line of 8191 units', () => {
  const facts = windowsFacts();
  const fixed = '"C:\\Windows\\System32\\cmd.exe" /e:ON /v:OFF /d /s /c ""C:\\tools\\build.bat" "'.length;
  expect(refusal(argv('build', 'x'.repeat(8191 - fixed)), facts)).toBeUndefined();
  expect(refusal(argv('build', 'x'.repeat(8192 - fixed)), facts)).toEqual({
    code: 'AW_ARG_TOO_LONG',
    message: 'the command line of cmd.exe is 8192 UTF-16 units long; windows allows 8191',
  });
  expect(refusal(argv('build', 'x'.repeat(8200)), facts)?.code).toBe('AW_ARG_TOO_LONG');
});

test.each(lineBreaks.flatMap(vector => vector.values).map(value => [value]))(
  'A13, A14: %j goes to a program but not to a batch file or to cmd.exe',
  value => {
    const facts = windowsFacts();
    expect(refusal(argv(exe(facts), value), facts)).toBeUndefined();
    expect(refusal(argv('build', 'ok', value), facts)).toEqual({
      code: 'AW_ARG_NEWLINE_BATCH',
      message: `argument 2 (${JSON.stringify(value)}) cannot be passed to C:\\tools\\build.bat: batch files cannot receive line breaks`,
    });
    expect(refusal({ kind: 'script', script: 'echo %1\necho x', args: [value] }, facts)?.code).toBe(
      'AW_ARG_NEWLINE_SHELL',
    );
    for (const posix of [linuxFacts(), macFacts()])
      expect(refusal(argv(exe(posix), value), posix)).toBeUndefined();
  },
);
