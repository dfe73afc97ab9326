/** Hosts behind jump hosts, many at one time, over both SSH transports. */
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { HostEntry } from '../../contract/hosts.ts';
import { startLimit } from '../../leader/transports/limit.ts';
import { openSsh } from '../../leader/transports/ssh/index.ts';
import type { TransportContext } from '../../leader/transports/types.ts';
import { eventually, exitOf, outputOf } from '../support/fleet.ts';
import { hasSshd, makeKey, makeSshFleet, type Sshd, type SshFleet, startSshd } from '../support/sshd.ts';

const names = ['a', 'b', 'c', 'd', 'e'];
const ways = ['ssh', 'openssh'] as const;
/** As an sshd has it when nobody has changed anything. */
const STOCK = ['MaxStartups 10:30:100', 'MaxSessions 10', 'LogLevel VERBOSE'];

describe.skipIf(!hasSshd)('jump hosts', () => {
  let fleet: SshFleet;
  const sshds: Sshd[] = [];
  const addresses: { address: string; port: number }[] = [];
  beforeAll(async () => {
    fleet = await makeSshFleet(
      names.map(name => ({ name, transport: 'ssh' })),
      // Fifty shells at one time: none of them is to load what the person who runs this has in their start-up files.
      () => ({ env: { HOME: '/nonexistent' } }),
    );
    // An sshd listens on sixteen addresses at most.
    for (let group = 1; group <= 4; group++) {
      const own = Array.from({ length: 13 }, (_, index) => `127.0.${group}.${index + 1}`);
      const port = 20_000 + ((process.pid * 4 + group) % 10_000);
      await start(own.map(address => `ListenAddress ${address}:${port}`));
      for (const address of own) {
        addresses.push({ address, port });
        appendFileSync(join(fleet.ssh, 'known_hosts'), `[${address}]:${port} ${sshds.at(-1)!.publicKey}\n`);
      }
    }
  });
  afterAll(async () => {
    for (const sshd of sshds) await sshd.stop();
    await fleet.stop();
  });

  async function start(config: readonly string[]): Promise<Sshd> {
    const dir = join(fleet.dir, 'jump', String(sshds.length));
    const sshd = await startSshd({
      dir,
      authorizedKeys: `${fleet.publicKey}\n`,
      config,
      env: { AW_TEST_FLEET: fleet.dir, HOME: '/nonexistent' },
    });
    sshds.push(sshd);
    fleet.know(sshd.port, sshd.publicKey);
    return sshd;
  }

  const entry = (fields: object) =>
    HostEntry.parse({ name: 'x', os: 'linux', workspace: '/w', sshUser: userInfo().username, ...fields });
  const through = ({ port }: Sshd, more: object = {}) => ({
    address: '127.0.0.1',
    port,
    sshUser: userInfo().username,
    ...more,
  });
  const context = (more: Partial<TransportContext> = {}): TransportContext => ({
    stateDir: fleet.dir,
    timeoutMs: 120_000,
    start: true,
    env: { ...process.env, ...fleet.env },
    ...more,
  });

  /** What `echo ok` prints there. */
  async function echo(way: keyof typeof openSsh, fields: object, more: Partial<TransportContext> = {}) {
    const limit = startLimit(context(more), 'nothing');
    try {
      const connection = await openSsh[way](entry(fields), context(more), limit);
      try {
        const { stdout, stderr, exited } = await connection.start('echo ok');
        const [out, err, exit] = await Promise.all([text(stdout), text(stderr), exited]);
        return exit.code === 0 ? out : `${exit.code} ${err} ${exit.failure?.message}`;
      } finally {
        connection.close();
      }
    } finally {
      limit.done();
    }
  }

  const logins = ({ log }: Sshd) => log().split('Accepted publickey').length - 1;
  const gone = (...jumps: Sshd[]) =>
    eventually(() => jumps.every(sshd => sshd.sessions().length === 0), 'no login is left on the jump host');

  describe.each(ways)('over %s', { timeout: 600_000 }, way => {
    // Fifty processes of the system's ssh make fifty key exchanges: dear enough not to be made too often.
    const rounds = way === 'ssh' || process.env.AW_SLOW === '1' ? 5 : 2;
    test(`50 hosts behind one stock jump host: one login there, all succeed, ${rounds} times`, async () => {
      const gate = await start(STOCK);
      for (let times = 1; times <= rounds; times++) {
        const said = await Promise.all(
          addresses.slice(0, 50).map(to => echo(way, { ...to, jump: [through(gate)] })),
        );
        expect(said).toEqual(said.map(() => 'ok\n'));
        await gone(gate);
        expect(logins(gate)).toBe(times);
      }
    });

    test('50 logins at one time on one stock sshd', async () => {
      const sshd = await start(STOCK);
      const said = await Promise.all(Array.from({ length: 50 }, () => echo(way, through(sshd))));
      expect(said).toEqual(said.map(() => 'ok\n'));
      expect(logins(sshd)).toBe(50);
    });

    test('two jump hosts in a row', async () => {
      const [outer, inner] = [await start(STOCK), await start(STOCK)];
      const said = await Promise.all(
        addresses.slice(0, 5).map(to => echo(way, { ...to, jump: [through(outer), through(inner)] })),
      );
      expect(said).toEqual(said.map(() => 'ok\n'));
      await gone(outer, inner);
      expect([logins(outer), logins(inner)]).toEqual([1, 1]);
      // That the way leads through both can be seen from the outer one alone being asked for the inner.
      expect(inner.log()).toContain('Connection from 127.0.0.1');
    });

    test('a wrong key of the jump host', async () => {
      const gate = await start([]);
      const { fingerprint } = makeKey(join(fleet.dir, `other-${way}`));
      await expect(
        echo(way, { ...addresses[0], jump: [through(gate, { hostKey: fingerprint })] }),
      ).rejects.toMatchObject({
        code: 'AW_SSH_HOST_KEY_CHANGED',
        message: expect.stringContaining(`jump host [127.0.0.1]:${gate.port}: `),
        remedy: expect.stringContaining('"hostKey"'),
      });
      expect(await echo(way, { ...addresses[0], jump: [through(gate, { hostKey: gate.fingerprint })] })).toBe(
        'ok\n',
      );
    });

    test('a jump host that refuses the login', async () => {
      const gate = await start([]);
      await expect(
        echo(way, { ...addresses[0], jump: [through(gate, { sshUser: 'no-such-user' })] }),
      ).rejects.toMatchObject({
        code: 'AW_SSH_AUTH_REFUSED',
        message: expect.stringContaining(`jump host [127.0.0.1]:${gate.port}: `),
      });
    });

    test('a jump host that does not get there', async () => {
      const gate = await start(['PermitOpen 127.0.1.1:1']);
      await expect(echo(way, { ...addresses[0], jump: [through(gate)] })).rejects.toMatchObject({
        code: 'AW_HOST_UNREACHABLE',
        message: expect.stringContaining('get through to'),
      });
    });

    test('a jump host that hangs after the login harms the hosts behind it and no other', async () => {
      const gate = await start(STOCK);
      const limit = startLimit(context(), 'nothing');
      const first = entry({ ...addresses[0], jump: [through(gate)] });
      const connection = await openSsh[way](first, context(), limit);
      limit.done();
      const stopped = gate.sessions();
      for (const pid of stopped) process.kill(pid, 'SIGSTOP');
      try {
        const [behind, other] = await Promise.allSettled([
          echo(way, { ...addresses[1], jump: [through(gate)] }, { timeoutMs: 2_000 }),
          echo(way, addresses[2]!),
        ]);
        expect(behind).toMatchObject({
          reason: {
            code: 'AW_HOST_UNREACHABLE',
            message: expect.stringContaining('(waited 2 s)'),
          },
        });
        expect(other).toMatchObject({ value: 'ok\n' });
      } finally {
        for (const pid of stopped) process.kill(pid, 'SIGKILL');
        connection.close();
      }
      // A broken connection is replaced.
      expect(await echo(way, { ...addresses[1], jump: [through(gate)] })).toBe('ok\n');
    });

    test('a run through a jump host goes on when that one is killed', async () => {
      const gate = await start(STOCK);
      const hosts = fleet.catalogue(
        names.map(name => ({
          ...fleet.entry(name),
          transport: way,
          jump: [through(gate)],
        })),
      );
      const script = 'echo one; touch here; until [ -e go ]; do sleep 0.05; done; rm go here; echo two';
      const running = fleet.run([...hosts, '-c', script]);
      const file = (host: string, name: string) => join(fleet.workspace(host), name);
      await eventually(() => names.every(name => existsSync(file(name, 'here'))), 'all run');
      expect(logins(gate)).toBe(1);
      for (const pid of gate.sessions()) process.kill(pid, 'SIGKILL');
      await eventually(() => logins(gate) === 2, 'the jump host is logged in to again');
      for (const name of names) writeFileSync(file(name, 'go'), '');
      const { code, events } = await running;
      expect(code).toBe(0);
      for (const name of names) {
        expect(exitOf(events, name)).toMatchObject({ reason: 'exited', code: 0 });
        expect(outputOf(events, name).toString()).toBe('one\ntwo\n');
      }
    });
  });

  describe('on record in ~/.ssh/config', { timeout: 600_000 }, () => {
    const me = userInfo().username;
    /** What ssh is made to read here, and where the choice of the transport looks. */
    const files = () => [join(fleet.ssh, 'client_config'), join(fleet.ssh, 'config')];
    let before: (string | undefined)[];
    beforeEach(() => {
      before = files().map(file => (existsSync(file) ? readFileSync(file, 'utf8') : undefined));
    });
    afterEach(() => {
      for (const [index, file] of files().entries()) {
        if (before[index] === undefined) rmSync(file, { force: true });
        else writeFileSync(file, before[index]);
      }
    });
    const configure = (...lines: string[]) => {
      for (const file of files()) appendFileSync(file, `${lines.join('\n')}\n`);
    };
    const behind = () => addresses.slice(0, 5);
    const all = (way: 'ssh' | 'openssh' | 'auto') => Promise.all(behind().map(to => echo(way, to)));
    const at = ({ port }: Sshd) => `${me}@127.0.0.1:${port}`;

    test.each(['openssh', 'auto'] as const)('one jump host, by %s: one login there', async way => {
      const gate = await start(STOCK);
      configure('Host 127.0.1.*', ` ProxyJump ${at(gate)}`);
      expect(await all(way)).toEqual(behind().map(() => 'ok\n'));
      await gone(gate);
      expect(logins(gate)).toBe(1);
    });

    test.each(['openssh', 'auto'] as const)('a chain of two, by %s: one login on each', async way => {
      const [outer, inner] = [await start(STOCK), await start(STOCK)];
      configure('Host 127.0.1.*', ` ProxyJump ${at(outer)},${at(inner)}`);
      expect(await all(way)).toEqual(behind().map(() => 'ok\n'));
      await gone(outer, inner);
      expect([logins(outer), logins(inner)]).toEqual([1, 1]);
    });

    test.each(['openssh', 'auto'] as const)('a jump host with one of its own, by %s', async way => {
      const [outer, inner] = [await start(STOCK), await start(STOCK)];
      configure(
        'Host 127.0.1.*',
        ' ProxyJump inner',
        'Host inner',
        ` HostName 127.0.0.1\n Port ${inner.port}\n User ${me}\n ProxyJump ${at(outer)}`,
      );
      expect(await all(way)).toEqual(behind().map(() => 'ok\n'));
      await gone(outer, inner);
      expect([logins(outer), logins(inner)]).toEqual([1, 1]);
    });

    test('nothing to the built-in one: its way is that of the catalogue', async () => {
      const [outer, inner, other] = [await start(STOCK), await start(STOCK), await start(STOCK)];
      configure('Host 127.0.1.*', ` ProxyJump ${at(other)}`);
      expect(await all('ssh')).toEqual(behind().map(() => 'ok\n'));
      expect(await echo('ssh', { ...addresses[0], jump: [through(outer), through(inner)] })).toBe('ok\n');
      await gone(outer, inner);
      expect([logins(outer), logins(inner), logins(other)]).toEqual([1, 1, 0]);
    });
  });
});
