/** How often a command without a resident leader connects to a host: a login over SSH takes longer than most fences. */
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { HostEntry } from '../../contract/hosts.ts';
import { localEndpoint } from '../../leader/transports/local.ts';
import { FENCED, fill, read } from '../support/fence.ts';
import { eventually, type Fleet, makeFleet } from '../support/fleet.ts';

let fleet: Fleet;
let server: net.Server;
let catalogue: string;
/** Of the ends here; all that came, since the test began. */
let connections: net.Socket[];

beforeAll(async () => {
  fleet = makeFleet([{ name: 'a' }]);
  fill(fleet.project, { 'one.txt': 'one\n' });
  expect((await fleet.aw(['agent', 'followers', 'sync-fence', '--no-daemon'])).code).toBe(0);
  const workspace = fleet.workspace('a');
  const entry = { name: 'a', os: 'linux', transport: 'local', workspace };
  const agent = localEndpoint(HostEntry.parse(entry), fleet.env.AW_STATE_DIR!);
  if (agent.kind !== 'socket') throw new Error('it listens on no socket');
  server = net.createServer(socket => {
    connections.push(socket);
    const there = net.connect(agent.path);
    for (const [one, other] of [
      [socket, there],
      [there, socket],
    ] as const) {
      one.on('error', () => {});
      one.on('close', () => other.destroy());
      one.pipe(other);
    }
  });
  const socket = join(fleet.dir, 'counted.sock');
  server.listen(socket);
  await once(server, 'listening');
  catalogue = join(fleet.dir, 'counted.json');
  writeFileSync(catalogue, JSON.stringify({ hosts: [{ ...entry, socket }] }));
});
afterAll(async () => {
  server.close();
  await fleet.stop();
});
beforeEach(() => {
  connections = [];
});

test.each([
  ['a run, its fence included', ['run-everywhere', '--', 'cat', 'two.txt']],
  ['a detached run', ['run-everywhere', '--detach', '--', 'cat', 'two.txt']],
  ['a run that is not fenced', ['run-everywhere', '--no-fence', '--', 'true']],
  ['a fence', ['followers', 'sync-fence']],
])('%s: once', async (_, [command, ...args]) => {
  writeFileSync(join(fleet.project, 'two.txt'), `${command}\n`);
  const words = command === 'followers' ? [command, args.shift()!] : [command!];
  const all = ['agent', ...words, '--no-daemon', '--hosts', catalogue, ...args];
  const { code, stderr } = await fleet.aw(all, { env: FENCED });
  expect({ code, stderr }).toMatchObject({ code: 0 });
  expect(connections).toHaveLength(1);
  if (!args.includes('--no-fence')) expect(read(fleet.workspace('a'))['two.txt']).toBe(`${command}\n`);
});

test('one that breaks under the run is made again, once', async () => {
  rmSync(join(fleet.workspace('a'), 'node_modules'), { recursive: true, force: true });
  const script = 'mkdir node_modules; until test -e node_modules/go; do sleep 0.1; done';
  const run = ['agent', 'run-everywhere', '--no-daemon', '--hosts', catalogue, '-c', script];
  const done = fleet.aw(run, { env: FENCED });
  await eventually(() => 'node_modules' in read(fleet.workspace('a')), 'it has started');
  connections[0]!.destroy();
  await eventually(() => connections.length === 2, 'it is there again');
  writeFileSync(join(fleet.workspace('a'), 'node_modules/go'), '');
  expect((await done).code).toBe(0);
  expect(connections).toHaveLength(2);
});
