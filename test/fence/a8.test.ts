/** A8: a command works in the directory that corresponds to the leader's, whatever it is called there, on the leader's files. */
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fencedRun, fill } from '../support/fence.ts';
import { exitOf, type Fleet, makeFleet, outputOf } from '../support/fleet.ts';

let fleet: Fleet;
let data: string;
const workspaces: Record<string, string> = {};

beforeAll(() => {
  const names = { a: 'work', b: 'a workspace, with blanks', c: 'deep/er/projekt-ä' };
  fleet = makeFleet(Object.keys(names).map(name => ({ name })));
  data = join(fleet.dir, 'data on the leader');
  mkdirSync(data);
  const hosts = Object.entries(names).map(([name, directory]) => {
    const workspace = join(fleet.dir, 'machines', name, directory);
    const own = join(fleet.dir, 'machines', name, 'data');
    for (const path of [workspace, join(own, 'sets')]) mkdirSync(path, { recursive: true });
    writeFileSync(join(own, 'sets/which'), `data of ${name}`);
    workspaces[name] = realpathSync(workspace);
    return { name, os: 'linux', transport: 'local', workspace, paths: [{ leader: data, follower: own }] };
  });
  mkdirSync(join(data, 'sets'));
  writeFileSync(fleet.hostsFile, JSON.stringify({ hosts }));
  fill(fleet.project, {
    'package.json': '{}',
    'src/app one/where.txt': 'here',
    'src/app one/index.js': 'console.log(process.cwd())',
  });
});
afterAll(() => fleet.stop());

const outputs = (events: Parameters<typeof outputOf>[0]) =>
  Object.fromEntries(Object.keys(workspaces).map(name => [name, outputOf(events, name).toString()]));

test('A8: from the root, each in its own workspace', async () => {
  const { code, events } = await fencedRun(fleet, ['--', 'pwd']);
  expect(code).toBe(0);
  for (const [name, path] of Object.entries(workspaces)) expect(outputs(events)[name]).toBe(`${path}\n`);
});

test('A8: from a directory below that only the fence has made there', async () => {
  const cwd = join(fleet.project, 'src/app one/fresh');
  mkdirSync(cwd);
  writeFileSync(join(cwd, 'new.txt'), 'just written');
  const { code, events } = await fencedRun(fleet, ['-c', 'pwd; cat new.txt'], { cwd });
  expect(code).toBe(0);
  for (const [name, path] of Object.entries(workspaces)) {
    expect(outputs(events)[name]).toBe(`${path}/src/app one/fresh\njust written`);
  }
});

test('A8: all of the project is made equal, from wherever in it the command is given', async () => {
  writeFileSync(join(fleet.project, 'package.json'), '{"changed":true}');
  const { events } = await fencedRun(fleet, ['--', 'cat', '../../package.json'], {
    cwd: join(fleet.project, 'src/app one'),
  });
  for (const name of Object.keys(workspaces)) expect(outputs(events)[name]).toBe('{"changed":true}');
});

test('A8: a directory outside of the project follows its own rule, and no fence touches what is there', async () => {
  const { code, events } = await fencedRun(fleet, ['--cwd', join(data, 'sets'), '--', 'cat', 'which']);
  expect(code).toBe(0);
  for (const name of Object.keys(workspaces)) expect(outputs(events)[name]).toBe(`data of ${name}`);
});

test('A8: output in paths of the follower comes back in those of the leader', async () => {
  const cwd = join(fleet.project, 'src/app one');
  const { events } = await fencedRun(fleet, ['--map-output', '--', 'node', 'index.js'], { cwd });
  for (const name of Object.keys(workspaces)) expect(outputs(events)[name]).toBe(`${cwd}\n`);
});

test('A8: a directory without a counterpart is refused by name', async () => {
  const { code, events } = await fencedRun(fleet, ['--cwd', '/', '--', 'pwd']);
  expect(code).not.toBe(0);
  for (const name of Object.keys(workspaces)) {
    expect(exitOf(events, name).error?.code).toBe('AW_CWD_UNMAPPABLE');
  }
});
