/** What is wrong with a host is an error of that host, with a code and a remedy, and of no other. */
import { once } from 'node:events';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { HostEntry } from '../../contract/hosts.ts';
import { openTransport } from '../../leader/transports/index.ts';
import { exitOf, outputOf } from '../support/fleet.ts';
import { hasSshd, makeSshFleet, type SshFleet } from '../support/sshd.ts';

describe.skipIf(!hasSshd)('refusals', () => {
  let fleet: SshFleet;
  /** Listens on loopback and does with a connection what the test wants. */
  let answer: (socket: net.Socket) => void;
  const server = net.createServer(socket => {
    socket.on('error', () => {});
    answer(socket);
  });
  const sockets = new Set<net.Socket>();
  server.on('connection', socket => sockets.add(socket));

  beforeAll(async () => {
    fleet = await makeSshFleet(['good', 'bad'].map(name => ({ name, transport: 'ssh' })));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterAll(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await fleet.stop();
  });

  const attempt = async (fields: object) => {
    const catalogue = fleet.catalogue([fleet.entry('good'), { ...fleet.entry('bad'), ...fields }]);
    const run = await fleet.run([...catalogue, '--', 'echo', 'hi']);
    expect(outputOf(run.events, 'good').toString()).toBe('hi\n');
    expect(exitOf(run.events, 'good')).toMatchObject({ code: 0, reason: 'exited' });
    return { code: run.code, exited: exitOf(run.events, 'bad') };
  };
  const refused = (code: string, message: string, remedy = '') => ({
    code: 4,
    exited: {
      error: { code, message: expect.stringContaining(message), remedy: expect.stringContaining(remedy) },
    },
  });

  describe.each(['ssh', 'openssh'])('over %s', transport => {
    test('nobody listens', async () => {
      const closed = net.createServer().listen(0, '127.0.0.1');
      await once(closed, 'listening');
      const { port } = closed.address() as AddressInfo;
      closed.close();
      expect(await attempt({ transport, port })).toMatchObject(
        refused('AW_HOST_UNREACHABLE', '127.0.0.1', 'doctor --host bad'),
      );
    });

    test('no such name', async () => {
      expect(await attempt({ transport, address: 'no-such-host.invalid' })).toMatchObject(
        refused('AW_HOST_UNREACHABLE', 'no-such-host.invalid'),
      );
    });

    test('the login is refused', async () => {
      expect(await attempt({ transport, sshUser: 'no-such-user' })).toMatchObject(
        refused('AW_SSH_AUTH_REFUSED', 'publickey', '"identityFile" of bad'),
      );
    });

    test('no agent there', async () => {
      expect(await attempt({ transport, agent: '/nowhere/aw-follower' })).toMatchObject(
        refused('AW_AGENT_MISSING', '/nowhere/aw-follower', '"agent" of bad'),
      );
    });

    test('an agent elsewhere is found by its path', async () => {
      const place = join(fleet.dir, `elsewhere-${transport}`);
      mkdirSync(place);
      symlinkSync(join(import.meta.dirname, '../../bin/aw-follower.js'), join(place, 'agent'));
      const { code } = await attempt({ transport, agent: join(place, 'agent') });
      expect(code).toBe(0);
    });

    test('the connection is closed at once', async () => {
      answer = socket => socket.destroy();
      const { port } = server.address() as AddressInfo;
      expect(await attempt({ transport, port })).toMatchObject(refused('AW_HOST_UNREACHABLE', ''));
    });
  });
});

describe.skipIf(!hasSshd)('hosts that hang', () => {
  let fleet: SshFleet;
  beforeAll(async () => {
    fleet = await makeSshFleet([{ name: 'a', transport: 'ssh' }]);
  });
  afterAll(() => fleet.stop());
  beforeEach(() => {
    for (const [name, value] of Object.entries(fleet.env)) vi.stubEnv(name, value);
  });
  afterEach(() => vi.unstubAllEnvs());

  const open = (fields: object, timeoutMs = 1500) =>
    openTransport(HostEntry.parse({ ...fleet.entry('a'), ...fields }), {
      stateDir: fleet.dir,
      timeoutMs,
      start: true,
    });

  describe.each(['ssh', 'openssh'])('over %s', transport => {
    test('one that takes connections and never speaks', async () => {
      const sockets: net.Socket[] = [];
      const tarpit = net.createServer(socket => sockets.push(socket.on('error', () => {})));
      tarpit.listen(0, '127.0.0.1');
      await once(tarpit, 'listening');
      const { port } = tarpit.address() as AddressInfo;
      await expect(open({ transport, port })).rejects.toMatchObject({ code: 'AW_HOST_UNREACHABLE' });
      for (const socket of sockets) socket.destroy();
      tarpit.close();
    });

    test('an agent that says something else: never taken for one', async () => {
      const agent = program(`printf 'garbage\\0garbage and more of it'; cat`);
      await expect(open({ transport, agent }, 10_000)).rejects.toMatchObject({
        code: 'AW_PROTOCOL_GARBAGE',
        message: expect.stringContaining('garbage'),
        remedy: expect.stringContaining('login scripts'),
      });
    });

    test('an agent that floods', async () => {
      const agent = program('yes');
      await expect(open({ transport, agent }, 10_000)).rejects.toMatchObject({ code: 'AW_PROTOCOL_GARBAGE' });
    });

    test('an agent that says nothing gets nothing to read, and its host is given up in time', async () => {
      const got = join(fleet.dir, `got-${transport}`);
      const agent = program(`echo started > ${got}; cat >> ${got}`);
      await expect(open({ transport, agent }, 4_000)).rejects.toMatchObject({
        code: 'AW_HOST_UNREACHABLE',
        message: expect.stringContaining('the agent says nothing'),
      });
      await expect.poll(() => readFileSync(got, 'utf8')).toBe('started\n');
    });

    test('an agent that ends with a message of its own', async () => {
      const agent = program(
        `echo 'aw-follower: AW_DISK: cannot write /x: full; free some space' >&2; exit 4`,
      );
      await expect(open({ transport, agent }, 10_000)).rejects.toMatchObject({
        code: 'AW_AGENT_START_FAILED',
        message: expect.stringContaining('cannot write /x: full'),
      });
    });
  });

  let programs = 0;
  function program(script: string): string {
    const path = join(fleet.dir, `program-${programs++}`);
    writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    return path;
  }
});
