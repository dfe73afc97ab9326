/** A follower that listens on TCP: only who has its token is let in, and a refused host harms no other. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { exitOf, type Fleet, makeFleet, outputOf } from '../support/fleet.ts';

const launcher = resolve(import.meta.dirname, '../../bin/aw-follower.js');
let fleet: Fleet;
let agent: ChildProcess;
let address: string;

beforeAll(async () => {
  fleet = makeFleet([{ name: 'near' }]);
  writeToken('right', 'a-token-of-good-length');
  writeToken('wrong', 'another-token-of-good-length');
  const args = ['serve', '--state-dir', join(fleet.dir, 'tcp'), '--listen', '127.0.0.1:0'];
  agent = spawn(process.execPath, [launcher, ...args, '--token-file', token('right')], {
    env: fleet.env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: agent.stdout! })) {
    address = /tcp:\/\/127\.0\.0\.1:\d+/.exec(line)![0];
    break;
  }
});
afterAll(async () => {
  agent.kill('SIGTERM');
  if (agent.exitCode === null && agent.signalCode === null) await once(agent, 'exit');
  await fleet.stop();
});

const token = (name: string) => join(fleet.dir, `${name}.token`);
function writeToken(name: string, content: string): void {
  writeFileSync(token(name), `${content}\n`, { mode: 0o600 });
}

function catalogue(far: object): string {
  const hosts = JSON.parse(readFileSync(fleet.hostsFile, 'utf8')).hosts.filter(
    (host: { name: string }) => host.name === 'near',
  );
  const workspace = fleet.workspace('far');
  mkdirSync(workspace, { recursive: true });
  const entry = { name: 'far', os: 'linux', transport: 'local', workspace, socket: address, ...far };
  const file = join(fleet.dir, 'tcp-hosts.json');
  writeFileSync(file, JSON.stringify({ hosts: [...hosts, entry] }));
  return file;
}

test('with the token it is a follower as any other', async () => {
  const file = catalogue({ tokenFile: token('right') });
  const run = await fleet.run(['--hosts', file, '--', 'pwd']);
  expect(run.code).toBe(0);
  expect(outputOf(run.events, 'far').toString()).toBe(`${fleet.workspace('far')}\n`);
});

test.each([
  ['another token', () => ({ tokenFile: token('wrong') }), 'AW_UNAUTHORIZED', 4],
  ['no token', () => ({}), 'AW_UNAUTHORIZED', 4],
  ['a token file that is not there', () => ({ tokenFile: token('none') }), 'AW_TOKEN_FILE', 2],
])('%s: refused for that host, the other runs', async (_, far, code, exit) => {
  const run = await fleet.run(['--hosts', catalogue(far()), '--', 'echo', 'hi']);
  expect(run.code).toBe(exit);
  expect(exitOf(run.events, 'far')).toMatchObject({ code: null, error: { code } });
  expect(outputOf(run.events, 'near').toString()).toBe('hi\n');
  expect(JSON.stringify(run.events) + run.stderr).not.toContain('of-good-length');
});

test('a token file that others can read is refused', async () => {
  chmodSync(token('wrong'), 0o644);
  const run = await fleet.run(['--hosts', catalogue({ tokenFile: token('wrong') }), '--', 'true']);
  expect(exitOf(run.events, 'far')).toMatchObject({ error: { code: 'AW_TOKEN_FILE' } });
});
