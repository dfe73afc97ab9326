/** The fence before a run, as a person and a program see it, with and without a resident leader. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Event, isKnown } from '../../contract/events.ts';
import { empty, FENCED, fill } from '../support/fence.ts';
import { exitOf, type Fleet, makeFleet, outputOf, parseEvents } from '../support/fleet.ts';

const hosts = ['a', 'b', 'c'];
let fleet: Fleet;
beforeAll(() => {
  fleet = makeFleet(hosts.map(name => ({ name, shell: 'sh' as const })));
});
afterAll(() => fleet.stop());
beforeEach(() => {
  empty(fleet, hosts);
  fill(fleet.project, { 'src/one.txt': 'one\n', 'two.txt': 'two\n' });
});

const everywhere = (...args: string[]) => ['agent', 'run-everywhere', ...args];
async function run(...args: string[]) {
  const result = await fleet.aw(everywhere('--output', 'json', ...args), { env: FENCED });
  return { code: result.code, events: parseEvents(result.stdout), stderr: result.stderr };
}
const only = <T extends Parameters<typeof isKnown>[1]>(events: readonly Event[], type: T) =>
  events.filter(event => isKnown(event, type));
/** What cannot be made a workspace of: a file stands there. */
function spoil(host: string): void {
  rmSync(fleet.workspace(host), { recursive: true });
  writeFileSync(fleet.workspace(host), '');
}

test.each([
  ['with a resident leader', []],
  ['alone', ['--no-daemon']],
])('an edit is there before the command runs, %s', async (_, how) => {
  for (const text of ['first', 'second']) {
    writeFileSync(join(fleet.project, 'two.txt'), text);
    const { code, events } = await run(...how, '--', 'cat', 'two.txt', 'src/one.txt');
    expect(code).toBe(0);
    for (const host of hosts) expect(outputOf(events, host).toString()).toBe(`${text}one\n`);
    const [started, fenced, before] = [
      only(events, 'fenceStarted'),
      only(events, 'fenceResult'),
      only(events, 'moment'),
    ];
    expect(started).toHaveLength(1);
    const { snapshotId, runId } = started[0]!;
    expect(fenced).toMatchObject([{ snapshotId, runId, files: 3 }]);
    expect(before).toMatchObject([
      { snapshotId, runId, when: 'before' },
      { snapshotId, runId, when: 'after' },
    ]);
    const order = events.map(({ type }) => type);
    expect(order.slice(0, 3)).toEqual(['fenceStarted', 'fenceResult', 'moment']);
    expect(order.slice(-2)).toEqual(['moment', 'summary']);
  }
});

test('a person gets one line, a quiet one none', async () => {
  const piped = await fleet.aw(everywhere('--', 'cat', 'two.txt'), { env: FENCED });
  expect(piped.code).toBe(0);
  const said = piped.stderr.split('\n').filter(line => line.includes('fence'));
  expect(said).toEqual([
    expect.stringMatching(/^fence: 3\/3 hosts equal to tree-[0-9a-f]{16} \(3 files\), [\d.]+ s$/),
  ]);
  const quiet = await fleet.aw(everywhere('--quiet', '--', 'cat', 'two.txt'), { env: FENCED });
  expect(quiet.stderr).toBe('');
});

test('where one host does not become equal nothing runs anywhere, and only that one has failed', async () => {
  spoil('b');
  const { code, events } = await run('--', 'touch', 'ran');
  expect(code).toBe(3);
  const [{ hosts: results }] = only(events, 'fenceResult') as [Extract<Event, { type: 'fenceResult' }>];
  expect(results).toMatchObject({
    a: { state: 'consistent', excluded: true },
    b: { state: 'error', code: 'AW_TREE_ROOT' },
    c: { state: 'consistent', excluded: true },
  });
  expect(only(events, 'moment')).toEqual([]);
  expect(only(events, 'summary')).toMatchObject([
    { passed: [], failed: ['b'], excluded: ['a', 'c'], exitCode: 3 },
  ]);
  expect(exitOf(events, 'b')).toMatchObject({ error: { code: 'AW_TREE_ROOT' } });
  expect(exitOf(events, 'a')).toMatchObject({ error: { code: 'AW_FENCE_ELSEWHERE' } });
  for (const host of ['a', 'c']) expect(existsSync(join(fleet.workspace(host), 'ran'))).toBe(false);
});

test('or it runs without that one, which then counts for nothing: in the results, in JUnit, and looked at later', async () => {
  spoil('b');
  const junit = join(fleet.dir, 'report.xml');
  const shown = await fleet.aw(
    everywhere('--on-laggard', 'exclude', '--output', 'lanes', '--junit', junit, '--', 'cat', 'two.txt'),
    { env: FENCED },
  );
  expect(shown.code).toBe(0);
  const text = shown.stdout.toString();
  expect(text).toContain('2/3 hosts passed; left out: b (AW_TREE_ROOT)');
  expect(text).toMatch(/^b +- left out/m);
  expect(text).toContain('error AW_TREE_ROOT (host b)');
  expect(shown.stderr).toMatch(/^fence: 2\/3 hosts equal to .*; not b \(AW_TREE_ROOT\)$/m);
  expect(readFileSync(junit, 'utf8')).toMatch(
    /name="b" time="0" tests="1" failures="0" errors="0" skipped="1"/,
  );

  const listed = await fleet.aw(['agent', 'runs', 'list', '--json']);
  const { runId } = JSON.parse(listed.stdout.toString().split('\n')[0]!);
  const again = await fleet.aw(['agent', 'runs', 'attach', runId, '--output', 'lanes']);
  expect(again.code).toBe(0);
  expect(again.stdout.toString()).toContain('2/3 hosts passed; left out: b (AW_TREE_ROOT)');
});

test.each([
  ['a file that the project does not have', 'mine.txt'],
  ['another content of one that it has', 'two.txt'],
])('the first fence of a workspace does not take %s', async (_, name) => {
  writeFileSync(join(fleet.workspace('b'), name), 'precious');
  const { code, events } = await run('--', 'true');
  expect(code).toBe(3);
  const message = expect.stringContaining(`"${name}"`);
  expect(exitOf(events, 'b')).toMatchObject({ error: { code: 'AW_TREE_STRANGE', message } });
  expect(readFileSync(join(fleet.workspace('b'), name), 'utf8')).toBe('precious');
  const adopted = await fleet.aw(['agent', 'followers', 'sync-fence', '--host', 'b', '--adopt']);
  expect(adopted.code).toBe(0);
  expect((await run('--', 'cat', 'two.txt')).code).toBe(0);
  expect(existsSync(join(fleet.workspace('b'), 'mine.txt'))).toBe(false);
});

test('a project that cannot be read is told, and no follower is touched', async () => {
  mkdirSync(join(fleet.project, '.agents'), { recursive: true });
  writeFileSync(join(fleet.project, '.agents/mutagen.yml'), 'sync: {defaults: {ignore: {paths: ["/"]}}}');
  try {
    const { code, events } = await run('--', 'touch', 'ran');
    expect(code).toBe(2);
    expect(exitOf(events, 'a')).toMatchObject({ error: { code: 'AW_IGNORE_PATTERN' } });
    expect(only(events, 'fenceStarted')).toEqual([]);
  } finally {
    rmSync(join(fleet.project, '.agents/mutagen.yml'));
  }
});

test('a detached run fences first, too', async () => {
  const done = await fleet.aw(everywhere('--detach', '--', 'cat', 'two.txt'), { env: FENCED });
  expect(done.code).toBe(0);
  expect(done.stderr).toMatch(/^fence: 3\/3 hosts equal to /);
  const runId = done.stdout.toString().trim();
  const shown = await fleet.aw(['agent', 'runs', 'attach', runId, '--output', 'json']);
  for (const host of hosts) expect(outputOf(parseEvents(shown.stdout), host).toString()).toBe('two\n');
});

test('for programs: one JSON document', async () => {
  const done = await fleet.aw(['agent', 'fs-snapshot-and-sync', '--snapshot', 'none']);
  expect(done).toMatchObject({ code: 0, stderr: '' });
  const answer = JSON.parse(done.stdout.toString());
  expect(answer).toMatchObject({
    snapshotId: expect.stringMatching(/^tree-[0-9a-f]{16}$/),
    files: 3,
    consistent: true,
    hosts: { a: { state: 'consistent', changes: 5 }, b: { state: 'consistent' }, c: { state: 'consistent' } },
  });
  spoil('b');
  const not = await fleet.aw(['agent', 'fs-snapshot-and-sync', '--snapshot', 'none']);
  expect(not.code).toBe(3);
  expect(JSON.parse(not.stdout.toString())).toMatchObject({
    snapshotId: answer.snapshotId,
    consistent: false,
    hosts: { a: { changes: 0 }, b: { state: 'error', error: { code: 'AW_TREE_ROOT' } } },
  });
});
