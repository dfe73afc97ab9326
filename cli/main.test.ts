import { expect, test } from 'vitest';
import { AwError } from '../contract/errors.ts';
import { runCommandLine } from './command-line.ts';
import { dispatch } from './main.ts';
import { fakeIo } from './terminal/fake-io.ts';

async function aw(...argv: string[]) {
  const io = fakeIo();
  const code = await runCommandLine(dispatch, 'aw', argv, io);
  return { code, out: io.written.stdout, err: io.written.stderr };
}

test.each([[['--help']], [['help']], [['agent', '--help']], [['agent', '-h']]])(
  '%j is an overview',
  async argv => {
    const { code, out, err } = await aw(...argv);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain('aw agent run-everywhere');
    expect(out).toContain('Examples:');
  },
);

test.each([
  ['agent', 'run-everywhere'],
  ['agent', 'runs'],
  ['agent', 'followers'],
  ['session'],
  ['serve'],
  ['demo'],
  ['version'],
])('%s %s explains itself by examples', async (...words) => {
  const { code, out, err } = await aw(...words, '--help');
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out).toContain(`Usage: aw ${words.join(' ')}`);
  expect(out).toMatch(/Examples?:\n {2}aw /);
  expect((await aw('help', ...words)).out).toBe(out);
});

test.each([
  [[], 'say which: aw agent run-everywhere, '],
  [['agent'], 'say which: aw agent run-everywhere, '],
  [['run-everywhere'], 'there is no command "run-everywhere"; did you mean aw agent run-everywhere?'],
  [
    ['agent', 'rnus'],
    'there is no command "rnus"; there is aw agent run-everywhere, aw agent runs, aw agent followers',
  ],
  [['agent', 'runs'], 'say which: list, attach, cancel'],
  [['agent', 'runs', 'attach'], "missing required argument 'run'"],
  [['agent', 'runs', 'lst'], "unknown command 'lst' (Did you mean list?)"],
  [['version', 'x'], 'too many arguments'],
  [['serve', '--port', '70000'], '--port'],
])('%j is refused with a remedy and without a stack', async (argv, message) => {
  const { code, out, err } = await aw(...argv);
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(err).toContain(`error AW_USAGE: `);
  expect(err).toContain(message);
  expect(err).toMatch(/\n {2}remedy: see aw[a-z -]* --help\n$/);
  expect(err.split('\n')).toHaveLength(3);
});

test('--debug adds the stack', async () => {
  expect((await aw('version', '--debug', 'x')).err).toMatch(/\n {4}at /);
});

test('a reader that goes away ends a command quietly, a full disk does not', async () => {
  const io = fakeIo();
  io.closeStdout();
  expect(await runCommandLine(async () => 0, 'aw', [], io)).toBe(141);
  expect(io.written.stderr).toBe('');
  const full = fakeIo();
  full.closeStdout(new AwError('AW_DISK', { path: 'standard output', reason: 'ENOSPC' }));
  expect(await runCommandLine(async () => 0, 'aw', [], full)).toBe(4);
  expect(full.written.stderr).toContain('error AW_DISK: cannot write standard output: ENOSPC');
});

test('an error names its host, and its exit code is the command’s', async () => {
  const io = fakeIo();
  const error = new AwError('AW_HOST_UNREACHABLE', { reason: 'refused' }, { host: 'a' });
  const code = await runCommandLine(() => Promise.reject(error), 'aw', [], io);
  expect(code).toBe(4);
  expect(io.written.stderr).toBe(
    'error AW_HOST_UNREACHABLE (host a): cannot reach the follower: refused\n' +
      '  remedy: aw agent followers doctor --host a checks each step\n',
  );
});

test('the version', async () => {
  expect((await aw('version')).out).toMatch(/^aw \d+\.\d+\.\d+ \(protocol \d+, node /);
  expect((await aw('--version')).out).toMatch(/^\d+\.\d+\.\d+\n$/);
});
