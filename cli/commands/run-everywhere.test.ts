import { expect, test } from 'vitest';
import { commandOf, environmentFor } from '../../leader/orders/plan.ts';
import { checkOptions, type RunArguments } from '../run/run-options.ts';
import { fakeIo } from '../terminal/fake-io.ts';
import { parseRun } from './run-everywhere.ts';

/** What the command was told, or undefined when it only printed help. */
async function parse(
  argv: string[],
  env: NodeJS.ProcessEnv = {},
): Promise<{ parsed?: RunArguments; out: string }> {
  const before = { ...process.env };
  // Commander reads the process's own environment.
  Object.assign(process.env, env);
  const io = fakeIo();
  let parsed: RunArguments | undefined;
  try {
    await parseRun('aw agent run-everywhere', argv, io, async what => {
      parsed = what;
      return 0;
    });
  } finally {
    process.env = before;
  }
  return { ...(parsed === undefined ? {} : { parsed }), out: io.written.stdout };
}

const parsedFrom = async (...argv: string[]) => (await parse(argv)).parsed!;

test('what stands behind -- is handed on as it is', async () => {
  const hostile = ['--help', '--', '-c', '', ' ', '--host=x', '$(x)', '{workspace}', '*', 'é\n'];
  const parsed = await parsedFrom('--host', 'a', '--', ...hostile);
  expect(commandOf(parsed)).toEqual({ kind: 'argv', argv: hostile });
  expect(parsed.options.host).toEqual(['a']);
});

test('a script and its arguments', async () => {
  expect(commandOf(await parsedFrom('-c', '--help; echo "$1"', '--', '-x'))).toEqual({
    kind: 'script',
    script: '--help; echo "$1"',
    args: ['-x'],
  });
  expect(commandOf(await parsedFrom('-c', ''))).toEqual({ kind: 'script', script: '' });
});

test('no command is no command', async () => {
  expect(commandOf(await parsedFrom())).toBeUndefined();
  expect(commandOf(await parsedFrom('--'))).toBeUndefined();
});

test('a command without -- is not guessed at', async () => {
  const parsed = await parsedFrom('npm', 'test');
  expect(() => commandOf(parsed)).toThrow(
    '"npm" stands before "--"; put the command behind it: aw agent run-everywhere -- npm test',
  );
});

test('all options', async () => {
  const { options } = await parsedFrom(
    ...'--host a --host b --tag os=linux --hosts f.json --shell zsh --cwd sub --env A=1 --timeout 1.5'.split(
      ' ',
    ),
    ...'--grace 0 --max-parallel 2 --on-leader-loss cancel --map-output --expand-workspace --log-limit 1K'.split(
      ' ',
    ),
    ...'--no-fence --output json --junit j.xml --no-group --service http://x --session s --token-file t'.split(
      ' ',
    ),
    ...'--follower-reports --debug --quiet --stdin'.split(' '),
  );
  expect(options).toMatchObject({
    host: ['a', 'b'],
    tag: ['os=linux'],
    hosts: 'f.json',
    shell: 'zsh',
    cwd: 'sub',
    env: ['A=1'],
    timeout: 1500,
    grace: 0,
    maxParallel: 2,
    onLeaderLoss: 'cancel',
    mapOutput: true,
    expandWorkspace: true,
    logLimit: 1024,
    output: 'json',
    junit: 'j.xml',
    group: false,
    service: 'http://x',
    session: 's',
    tokenFile: 't',
    followerReports: true,
    quiet: true,
    stdin: true,
  });
});

test('defaults', async () => {
  const { options } = await parsedFrom('--', 'x');
  expect(options).toMatchObject({
    grace: 5000,
    onLeaderLoss: 'continue',
    output: 'auto',
  });
  expect(options.timeout).toBeUndefined();
});

test('AW_* variables are taken, options win over them', async () => {
  const env = { AW_TIMEOUT: '7', AW_OUTPUT: 'json', AW_MAX_PARALLEL: '3' };
  const { parsed } = await parse(['--output', 'prefix', '--', 'x'], env);
  expect(parsed!.options).toMatchObject({ timeout: 7000, output: 'prefix', maxParallel: 3 });
  await expect(parse(['--', 'x'], { AW_TIMEOUT: 'soon' })).rejects.toMatchObject({ code: 'AW_USAGE' });
});

test.each([
  [['--hots', 'a', '--', 'x'], /unknown option '--hots'.*--hosts?/],
  [['--timeout', 'soon', '--', 'x'], /--timeout.*number of seconds/],
  [['--shell', 'tcsh', '--', 'x'], /--shell.*bash/],
  [['--output', 'xml', '--', 'x'], /--output/],
  [['--host', '--'], /--host/],
])('%j is refused', async (argv, message) => {
  const refusal = expect(parse(argv)).rejects;
  await refusal.toMatchObject({
    code: 'AW_USAGE',
    exitCode: 2,
    remedy: 'see aw agent run-everywhere --help',
  });
  await expect(parse(argv)).rejects.toThrow(message);
});

test.each([
  ['--all', '--host', 'a'],
  ['--rerun-failed', '--tag', 'os=linux'],
  ['--detach', '--junit', 'j.xml'],
  ['--detach', '--stdin'],
  ['--session', 's'],
  ['--follower-reports'],
])('%s %s %s contradict each other', async (...argv) => {
  const parsed = await parsedFrom(...argv, '--', 'x');
  expect(() => checkOptions(parsed)).toThrow(expect.objectContaining({ code: 'AW_USAGE' }));
});

test('--env takes a value, or the one from here; the last one wins', async () => {
  const parsed = await parsedFrom('--env', 'A=1', '--env', 'B', '--env', 'A=x=y', '--env', 'C=', '--', 'x');
  expect(environmentFor(parsed, { B: 'here' })).toEqual({ A: 'x=y', B: 'here', C: '' });
  expect(() => environmentFor(parsed, {})).toThrow('--env "B": there is no such variable here');
});

test('--env can set a variable called __proto__', async () => {
  const parsed = await parsedFrom('--env', '__proto__=1', '--', 'x');
  expect(Object.entries(environmentFor(parsed, {}))).toEqual([['__proto__', '1']]);
});

test('help goes to stdout, teaches by examples and names the exit codes', async () => {
  const { parsed, out } = await parse(['--help', '--', 'x']);
  expect(parsed).toBeUndefined();
  expect(out).toContain('aw agent run-everywhere -- npm test');
  for (const word of ['--rerun-failed', 'AW_TIMEOUT', '124', '130', '141']) expect(out).toContain(word);
  for (const line of out.split('\n')) expect(line.length).toBeLessThanOrEqual(120);
});
