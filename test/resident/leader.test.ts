/** The resident leader as commands see it: there when it is needed, shared, replaced when it dies, gone when nobody needs it. */
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import net from 'node:net';
import { dirname } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { leaderSocket } from '../../leader/daemon/place.ts';
import { eventually, type Fleet, makeFleet, outputOf } from '../support/fleet.ts';

let fleet: Fleet;
beforeEach(() => {
  fleet = makeFleet(['a', 'b'].map(name => ({ name, shell: 'sh' as const })));
  // Who leads is the question here, not what files there are.
  fleet.env.AW_NO_FENCE = '1';
});
afterEach(() => fleet.stop());

/** Empty of a process that is gone. */
function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}
const leaders = () => fleet.processes().filter(pid => commandLine(pid).includes('aw-leader.js'));
const status = async () => {
  const result = await fleet.aw(['agent', 'fleet', 'status', '--json']);
  return { code: result.code, ...JSON.parse(result.stdout.toString()) };
};
const socket = () => leaderSocket(fleet.env.AW_STATE_DIR!);

/** Listens where the leader would, and answers each connection like this. */
async function impostor(answer: (socket: net.Socket) => void): Promise<net.Server> {
  mkdirSync(dirname(socket()), { recursive: true, mode: 0o700 });
  const server = net.createServer(connection => {
    connection.on('error', () => {});
    connection.resume();
    answer(connection);
  });
  server.listen(socket());
  await once(server, 'listening');
  return server;
}

test('the first command starts it, those at the same time and after it share it and its connections', async () => {
  expect(await status()).toEqual({ code: 1, running: false });
  const first = await Promise.all([1, 2, 3].map(() => fleet.run(['--', 'echo', 'hi'])));
  for (const { code, events, stderr } of first) {
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/^$/) });
    expect(outputOf(events, 'a').toString()).toBe('hi\n');
  }
  expect(leaders()).toHaveLength(1);
  const before = await status();
  expect(before).toMatchObject({ code: 0, running: true, pid: leaders()[0], runs: [] });
  await fleet.run(['--', 'true']);
  const after = await status();
  expect(after.pid).toBe(before.pid);
  const madeAt = (of: { connections: { host: string; connectedAt: string }[] }) =>
    of.connections.map(({ host, connectedAt }) => `${host} ${connectedAt}`).toSorted();
  expect(madeAt(after)).toEqual(madeAt(before));
  // Who connects at the same time may be asked different questions, so each makes one.
  expect(before.connections.length).toBeLessThanOrEqual(6);
});

test('what runs is the same as without it, also the mask of the files it makes', async () => {
  const script = 'umask; pwd; echo "$HOME $PATH"; env | cut -d= -f1 | sort';
  const led = await fleet.run(['-c', script]);
  await fleet.aw(['agent', 'followers', 'stop']);
  const alone = await fleet.run(['--no-daemon', '-c', script]);
  for (const host of ['a', 'b'])
    expect(outputOf(led.events, host).toString()).toBe(outputOf(alone.events, host).toString());
  expect(outputOf(led.events, 'a').toString()).toContain(process.umask().toString(8).padStart(4, '0'));
});

test.each([
  ['--no-daemon', {}],
  ['', { AW_NO_DAEMON: '1' }],
])('without it if asked: %s %o', async (option, env) => {
  const args = ['agent', 'run-everywhere', ...(option ? [option] : []), '--', 'echo', 'hi'];
  expect(await fleet.aw(args, { env })).toMatchObject({ code: 0 });
  expect(leaders()).toEqual([]);
});

test('one of another version is left alone, and named', async () => {
  const hello = { leader: 'hello', version: '9.8.7', protocol: 1, pid: 1, runId: 'r-1' };
  const server = await impostor(connection => connection.write(`${JSON.stringify(hello)}\n`));
  try {
    const { code, events, stderr } = await fleet.run(['--', 'echo', 'hi']);
    expect(code).toBe(0);
    expect(outputOf(events, 'b').toString()).toBe('hi\n');
    expect(stderr).toMatch(/^note: .*version 9\.8\.7 runs \(process 1\).*going on without it\n$/);
  } finally {
    server.close();
  }
});

test('one that says nothing is not waited for', async () => {
  const server = await impostor(() => {});
  try {
    const { code, stderr } = await fleet.run(['--', 'true']);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringContaining('it does not answer; going on without it'),
    });
  } finally {
    server.close();
  }
});

test('the socket of one that was killed is in nobody’s way', async () => {
  await fleet.run(['--', 'true']);
  const [killed] = leaders();
  process.kill(killed!, 'SIGKILL');
  await eventually(() => leaders().length === 0, 'it is gone');
  expect(await status()).toEqual({ code: 1, running: false });
  expect(await fleet.run(['--', 'true'])).toMatchObject({ code: 0, stderr: '' });
  expect(leaders()).toHaveLength(1);
  expect(leaders()).not.toContain(killed);
});

test('garbage ends only the connection it came on', async () => {
  await fleet.run(['--', 'true']);
  const before = leaders();
  const lines = [
    'x\n',
    '{}\n',
    '[]\n',
    '{"type":"run"}\n',
    '{"type":"input","runId":"../x"}\n',
    Buffer.alloc(20_000_000, 65),
  ];
  for (const line of lines) {
    const connection = net.connect(socket());
    const closed = new Promise(fulfil => connection.once('close', fulfil));
    connection.on('error', () => {});
    connection.write(line);
    connection.resume();
    await closed;
  }
  expect(await fleet.run(['--', 'true'])).toMatchObject({ code: 0, stderr: '' });
  expect(leaders()).toEqual(before);
});

test('it ends when it has had nothing to do for long enough, and not before', async () => {
  const env = { AW_LEADER_IDLE: '1' };
  const args = ['agent', 'run-everywhere', '--output', 'json', '--', 'sleep', '3'];
  expect(await fleet.aw(args, { env })).toMatchObject({ code: 0, stderr: '' });
  await eventually(() => leaders().length === 0, 'it ends');
  expect(readdirSync(dirname(socket()))).toEqual(['leader.log']);
});

test('up connects to all, and says which it cannot reach; down ends it', async () => {
  const up = await fleet.aw(['agent', 'fleet', 'up']);
  expect(up).toMatchObject({ code: 0, stderr: '' });
  expect(up.stdout.toString()).toMatch(
    /^host +transport +state +round trip\na +local +connected, \S+ +\S+ ms\nb /,
  );
  const [pid] = leaders();
  const text = (await fleet.aw(['agent', 'fleet', 'status'])).stdout.toString();
  expect(text).toContain(`process ${pid}`);
  expect(text).toMatch(/\na +local +\/\S+ +idle /);
  expect((await fleet.aw(['agent', 'fleet', 'down'])).stdout.toString()).toBe(`ended (process ${pid})\n`);
  expect(leaders()).toEqual([]);
  expect((await fleet.aw(['agent', 'fleet', 'down'])).stdout.toString()).toContain('does not run');
});

test('up with a host that cannot be reached', async () => {
  const other = makeFleet([{ name: 'a' }, { name: 'gone', socket: '/nowhere/agent.sock' }]);
  try {
    const up = await other.aw(['agent', 'fleet', 'up']);
    expect(up.code).toBe(4);
    expect(up.stdout.toString()).toMatch(/a +local +connected/);
    expect(up.stdout.toString()).toMatch(/gone +local +AW_HOST_UNREACHABLE/);
    expect(up.stderr).toContain('error AW_HOST_UNREACHABLE (host gone)');
    expect(up.stderr).toContain('remedy:');
  } finally {
    await other.stop();
  }
});

test('a directory that others can enter is no place for it', async () => {
  mkdirSync(dirname(socket()), { recursive: true, mode: 0o755 });
  const { code, stderr } = await fleet.run(['--', 'true']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(leaders()).toEqual([]);
});

test('a disk that takes no files is told once', async () => {
  const result = await fleet.aw(['agent', 'run-everywhere', '--', 'true'], {
    env: { AW_STATE_DIR: '/dev/null/state' },
  });
  expect(result).toMatchObject({
    code: 4,
    stderr: expect.stringMatching(/^error AW_DISK: .*\n {2}remedy: .*\n$/),
  });
});

test('twenty commands at once', async () => {
  const runs = Array.from({ length: 20 }, (_, index) => fleet.run(['--', 'echo', String(index)]));
  for (const [index, { code, events }] of (await Promise.all(runs)).entries()) {
    expect(code).toBe(0);
    for (const host of ['a', 'b']) expect(outputOf(events, host).toString()).toBe(`${index}\n`);
  }
  expect(leaders()).toHaveLength(1);
});
