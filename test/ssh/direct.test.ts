/** The second connection needs no program on the other machine: it goes straight to the agent's socket, when that leads there. */
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { eventually, exitOf, outputOf, parseEvents } from '../support/fleet.ts';
import { hasSshd, makeSshFleet, type SshFleet } from '../support/sshd.ts';

describe.skipIf(!hasSshd)('straight to the socket', () => {
  let fleet: SshFleet;
  /** Where agents keep their state: a directory that nobody else could make again, as one below `/tmp` is not. */
  let home: string;
  const state = (host: string) => join(home, host);
  const socket = (host: string) => join(state(host), 'follower', 'agent.sock');

  beforeAll(async () => {
    home = mkdtempSync(join(userInfo().homedir, '.aw-test-'));
    fleet = await makeSshFleet(
      [
        { name: 'a', transport: 'ssh' },
        { name: 'closed', transport: 'ssh' },
        { name: 'shared', transport: 'ssh' },
      ],
      host => ({
        config: ['LogLevel VERBOSE', ...(host === 'closed' ? ['AllowStreamLocalForwarding no'] : [])],
        ...(host === 'shared' ? {} : { env: { HOME: home, AW_STATE_DIR: state(host) } }),
      }),
    );
    // Every run is to connect anew.
    fleet.env.AW_NO_DAEMON = '1';
  });
  afterAll(async () => {
    await fleet.stop();
    rmSync(home, { recursive: true });
  });

  const memory = () => join(fleet.env.AW_STATE_DIR!, 'agent-sockets');
  beforeEach(() => rmSync(memory(), { force: true }));

  /** How many commands this host's sshd has started so far. */
  const started = (host: string) => fleet.sshds[host]!.log().split('Starting session: command').length - 1;
  /** How many it starts for one `echo hi`, which works. */
  async function commandsFor(host: string): Promise<number> {
    const before = started(host);
    const run = await fleet.run(['--host', host, '--', 'echo', 'hi']);
    expect(run.stderr).toBe('');
    expect(outputOf(run.events, host).toString()).toBe('hi\n');
    return started(host) - before;
  }

  test('from the second connection on', async () => {
    expect([await commandsFor('a'), await commandsFor('a'), await commandsFor('a')]).toEqual([1, 0, 0]);
    expect(readFileSync(memory(), 'utf8')).toContain(socket('a'));
    expect(statSync(memory()).mode & 0o077).toBe(0);
  });

  test('where sshd forbids it every connection starts the program', async () => {
    expect([await commandsFor('closed'), await commandsFor('closed')]).toEqual([1, 1]);
  });

  test('an agent that has ended is started, and is then reached directly again', async () => {
    await commandsFor('a');
    expect((await fleet.aw(['agent', 'followers', 'stop', '--host', 'a'])).code).toBe(0);
    await eventually(() => !existsSync(socket('a')), 'the agent is gone');
    expect([await commandsFor('a'), await commandsFor('a')]).toEqual([1, 0]);
  });

  test.each(['nobody', 'something else', 'a mute'])(
    'where %s listens it is the long way, once',
    async who => {
      await commandsFor('a');
      const path = join(home, 'other.sock');
      const server = net.createServer(peer => {
        peer.on('error', () => {});
        if (who === 'something else') peer.end('220 mail.example ESMTP\r\n');
      });
      if (who !== 'nobody') await once(server.listen(path), 'listening');
      try {
        writeFileSync(memory(), readFileSync(memory(), 'utf8').replaceAll(socket('a'), path));
        expect([await commandsFor('a'), await commandsFor('a')]).toEqual([1, 0]);
      } finally {
        server.close();
      }
    },
  );

  test('another user, or another machine, is never asked for a path it did not tell', async () => {
    await commandsFor('a');
    const a = fleet.entry('a');
    const before = started('closed');
    const moved = fleet.catalogue([{ ...a, port: fleet.sshds.closed!.port }]);
    const run = await fleet.run([...moved, '--', 'echo', 'hi']);
    expect(run.code).toBe(0);
    expect(started('closed') - before).toBe(1);
    expect(fleet.sshds.closed!.log()).not.toContain(socket('a'));
  });

  test('a socket in a directory that others can make is not told', async () => {
    expect([await commandsFor('shared'), await commandsFor('shared')]).toEqual([1, 1]);
    expect(existsSync(memory())).toBe(false);
  });

  test('a connection that dies is replaced by another direct one, and the log is whole', async () => {
    await commandsFor('a');
    const before = started('a');
    const script =
      'i=0; until [ -e go ]; do i=$((i+1)); echo line $i; echo $i > progress; sleep 0.02; done; echo end';
    const leader = fleet.start(['agent', 'run-everywhere', '--output', 'json', '--host', 'a', '-c', script]);
    const printed: Buffer[] = [];
    leader.stdout!.on('data', chunk => printed.push(chunk));
    const file = (name: string) => join(fleet.workspace('a'), name);
    await eventually(() => existsSync(file('progress')), 'the command runs');
    for (const pid of fleet.sshds.a!.sessions()) process.kill(pid, 'SIGKILL');
    await eventually(
      () => Buffer.concat(printed).includes('connect.path.restored'),
      'the connection is made again',
    );
    writeFileSync(file('go'), '');
    await once(leader, 'close');
    const events = parseEvents(Buffer.concat(printed));
    const lines = outputOf(events, 'a').toString().trimEnd().split('\n');
    expect(lines.slice(0, -1)).toEqual(lines.slice(0, -1).map((_, index) => `line ${index + 1}`));
    expect(exitOf(events, 'a')).toMatchObject({ code: 0, reason: 'exited' });
    expect(started('a')).toBe(before);
  });
});
