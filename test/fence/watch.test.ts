/** Followers that are kept equal to a project while it is edited; also by a watcher that loses every event. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fence, fill, read } from '../support/fence.ts';
import { eventually, type Fleet, makeFleet } from '../support/fleet.ts';

const repository = resolve(import.meta.dirname, '../..');
/** So long that nothing in a test waits for it. */
const NEVER = '100000';

let fleet: Fleet;
let commands: ChildProcess[];
beforeEach(() => {
  fleet = makeFleet([{ name: 'a' }, { name: 'b' }]);
  fill(fleet.project, { 'src/one.txt': 'one\n', 'two.txt': 'two\n' });
  commands = [];
});
afterEach(async () => {
  for (const command of commands) {
    command.kill('SIGINT');
    if (command.exitCode === null && command.signalCode === null) await once(command, 'close');
  }
  await fleet.stop();
});

interface Watching {
  said: string[];
  stderr(): string;
}

/** Settles once the first fence is through. */
async function watching(command: ChildProcess): Promise<Watching> {
  commands.push(command);
  const said: string[] = [];
  let stderr = '';
  createInterface({ input: command.stdout! }).on('line', line => said.push(line));
  command.stderr!.on('data', chunk => {
    stderr += chunk;
  });
  await eventually(() => stderr.includes('Ctrl-C ends it'), 'the first fence is through');
  return { said, stderr: () => stderr };
}

const equal = (what: string) =>
  eventually(
    () =>
      ['a', 'b'].every(
        host => JSON.stringify(read(fleet.workspace(host))) === JSON.stringify(read(fleet.project)),
      ),
    what,
  );

test('what is edited is on every follower a moment later', async () => {
  const { stderr } = await watching(fleet.start(['agent', 'followers', 'sync-fence', '--watch', NEVER]));
  expect(stderr()).toContain(`watching ${fleet.project}`);
  await equal('the first fence');
  appendFileSync(join(fleet.project, 'src/one.txt'), 'more\n');
  await equal('a file that was edited');
  renameSync(join(fleet.project, 'src'), join(fleet.project, 'lib'));
  await equal('a directory that was renamed');
  mkdirSync(join(fleet.project, 'new/deeper'), { recursive: true });
  writeFileSync(join(fleet.project, 'new/deeper/three.txt'), 'three\n');
  await equal('a file in a directory that is new');
  rmSync(join(fleet.project, 'two.txt'));
  await equal('a file that was removed');
});

test('only what is new is said', async () => {
  const args = ['agent', 'followers', 'sync-fence', '--json', '--watch', '0.2'];
  const { said } = await watching(fleet.start(args));
  expect(said).toHaveLength(2);
  await new Promise(resolve => setTimeout(resolve, 1500));
  expect(said).toHaveLength(2);
  writeFileSync(join(fleet.workspace('b'), 'stray'), '');
  await eventually(() => !existsSync(join(fleet.workspace('b'), 'stray')), 'what a follower has of its own');
  await eventually(() => said.length === 4, 'that is said');
  expect(said.slice(2).map(line => JSON.parse(line).changes)).toEqual([0, 1]);
});

test('a project that cannot be read for a while does not end it', async () => {
  const { stderr } = await watching(fleet.start(['agent', 'followers', 'sync-fence', '--watch', NEVER]));
  const config = join(fleet.project, '.agents/mutagen.yml');
  writeFileSync(config, 'sync: {defaults: {ignore: {paths: ["/"]}}}');
  await eventually(() => stderr().includes('error AW_IGNORE_PATTERN'), 'that is said');
  writeFileSync(config, 'sync: {defaults: {ignore: {paths: ["*.log"]}}}');
  await equal('what there is then');
});

test('it ends when nobody reads it any more', async () => {
  const command = fleet.start(['agent', 'followers', 'sync-fence', '--watch', NEVER]);
  await watching(command);
  command.stdout!.destroy();
  appendFileSync(join(fleet.project, 'two.txt'), 'more\n');
  await once(command, 'close');
});

/** A place where the system gives no watch to anybody. */
const BLIND = [
  '--map-root-user',
  '--user',
  'sh',
  '-c',
  'echo 0 >/proc/sys/user/max_inotify_watches; exec "$@"',
];
const canBlind = spawnSync('unshare', [...BLIND, 'sh', 'true']).status === 0;

test.skipIf(!canBlind)('a watcher that loses every event', async () => {
  // Agents and leader are there already: what they are started in does not see them.
  await fence(fleet);
  const aw = [process.execPath, join(repository, 'bin/aw.js')];
  const args = [...aw, 'agent', 'followers', 'sync-fence', '--watch', '1'];
  const command = spawn('unshare', [...BLIND, 'sh', ...args], { cwd: fleet.project, env: fleet.env });
  const { stderr } = await watching(command);
  expect(stderr()).toContain('cannot be watched (ENOSPC): looking every 1 s');
  appendFileSync(join(fleet.project, 'src/one.txt'), 'more\n');
  await equal('what it did not see');
});

test('a fence of somebody else beside it waits its turn, and is right', async () => {
  await watching(fleet.start(['agent', 'followers', 'sync-fence', '--watch', NEVER]));
  for (const text of ['1wo', '2wo', '3wo', '4wo', '5wo']) {
    writeFileSync(join(fleet.project, 'two.txt'), text);
    expect((await fence(fleet)).code).toBe(0);
    for (const host of ['a', 'b'])
      expect(readFileSync(join(fleet.workspace(host), 'two.txt'), 'utf8')).toBe(text);
  }
});
