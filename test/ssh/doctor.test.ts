/** The doctor over real sshds: each failure is put on its step, says what to type, and holds up no other host. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Finding, FollowerReport } from '../../contract/follower-api.ts';
import { HostEntry } from '../../contract/hosts.ts';
import { followersDoctor } from '../../leader/followers/doctor.ts';
import { hasSshd, makeKey, makeSshFleet, type SshFleet, startSshd } from '../support/sshd.ts';

const isRoot = process.getuid?.() === 0;

describe.skipIf(!hasSshd)('doctor over SSH', () => {
  let fleet: SshFleet;
  let listeners: net.Server[] = [];
  const sockets = new Set<net.Socket>();
  let home: string;

  beforeAll(async () => {
    // Whatever this machine's user has in start-up files is not looked at here.
    home = mkdtempSync(join(tmpdir(), 'aw-doctor-home-'));
    const env = { HOME: home };
    fleet = await makeSshFleet(
      ['good', 'bad'].map(name => ({ name, transport: 'ssh' })),
      () => ({ env }),
    );
  });
  afterAll(async () => {
    for (const socket of sockets) socket.destroy();
    for (const listener of listeners) listener.close();
    listeners = [];
    await fleet.stop();
    rmSync(home, { recursive: true });
  });

  /** A server that does with a connection what it is told. Its port. */
  const listen = async (serve: (socket: net.Socket) => void): Promise<number> => {
    const server = net.createServer(socket => {
      sockets.add(socket);
      socket.on('error', () => {});
      serve(socket);
    });
    listeners.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };

  /** The good host is well, whatever the other one has. */
  const examine = async (fields: object) => {
    const catalogue = fleet.catalogue([{ ...fleet.entry('bad'), ...fields }, fleet.entry('good')]);
    const looked = await fleet.aw(['agent', 'followers', 'doctor', '--json', ...catalogue]);
    expect(looked.stderr).toBe('');
    const reports = looked.stdout
      .toString()
      .trim()
      .split('\n')
      .map(line => FollowerReport.parse(JSON.parse(line)));
    const good = reports.find(({ host }) => host === 'good')!;
    expect(good.findings.filter(({ status }) => status === 'failed')).toEqual([]);
    const { findings, reachable } = reports.find(({ host }) => host === 'bad')!;
    return {
      code: looked.code,
      reachable,
      findings,
      of: (check: string): Finding => findings.find(each => each.check === check)!,
    };
  };

  /** What failed is the one step, what comes before it is well, and all that needs it was left out. */
  const expectStep = (looked: Awaited<ReturnType<typeof examine>>, step: string): Finding => {
    expect(looked.code).toBe(4);
    const at = looked.findings.findIndex(({ check }) => check === step);
    const failures = looked.findings.filter(({ status }) => status === 'failed');
    expect(failures).toEqual([expect.objectContaining({ check: step })]);
    for (const after of looked.findings.slice(at + 1)) {
      expect(after).toMatchObject({ status: 'skipped', detail: `needs ${step}` });
    }
    expect(looked.findings.slice(at + 1).map(({ check }) => check)).toContain('workspace');
    return looked.findings[at]!;
  };

  describe.each(['ssh', 'openssh'])('over %s', transport => {
    test('all is well', async () => {
      const looked = await examine({ transport });
      expect(looked.code).toBe(0);
      for (const check of [
        'name',
        'tcp',
        'ssh',
        'host key',
        'login',
        'agent',
        'protocol',
        'shells',
        'workspace',
        'state directory',
        'clock',
        'round trip',
      ]) {
        expect([check, looked.of(check)?.status]).toEqual([check, 'ok']);
      }
      expect(looked.of('ssh').detail).toMatch(/^SSH-2\.0-OpenSSH/);
      expect(looked.of('workspace').detail).toContain(`${fleet.project} is ${fleet.workspace('bad')}`);
    });

    test('nobody listens', async () => {
      const port = await listen(() => {});
      await new Promise(closed => listeners.pop()!.close(closed));
      const { detail, fix } = expectStep(await examine({ transport, port }), 'tcp');
      expect(detail).toContain(`port ${port}: 127.0.0.1 refused`);
      expect(fix).toContain('systemctl start ssh');
    });

    test('no such name', async () => {
      const address = 'no-such-host.invalid';
      const { detail } = expectStep(await examine({ transport, address }), 'name');
      expect(detail).toContain(address);
    });

    test('a web server', async () => {
      const port = await listen(socket => {
        socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\nX: \x1b[2J\r\n\r\n'));
      });
      const { detail, fix } = expectStep(await examine({ transport, port }), 'ssh');
      expect(detail).toContain('a web server listens there, not SSH');
      expect(detail).not.toContain('\x1b');
      expect(fix).toContain(`correct "port" in the catalogue, now ${port}`);
    });

    test('a key that nobody knows: which one it is, and how to trust it', async () => {
      const { port, publicKey, fingerprint } = fleet.sshds.bad!;
      const record = `[127.0.0.1]:${port} ${publicKey}\n`;
      const file = join(fleet.ssh, 'known_hosts');
      const before = readFileSync(file, 'utf8');
      writeFileSync(file, before.replace(record, ''));
      try {
        const { detail, fix } = expectStep(await examine({ transport }), 'host key');
        expect(detail).toContain(fingerprint);
        expect(fix).toContain('aw agent followers doctor --host bad --accept-new-host-keys');
      } finally {
        writeFileSync(file, before);
      }
    });

    test('a key that was changed', async () => {
      const { port, publicKey } = fleet.sshds.bad!;
      const file = join(fleet.ssh, 'known_hosts');
      const before = readFileSync(file, 'utf8');
      const other = makeKey(join(fleet.dir, `other-${transport}`)).publicKey;
      const record = `[127.0.0.1]:${port} `;
      writeFileSync(file, before.replace(`${record}${publicKey}`, `${record}${other}`));
      try {
        const { fix } = expectStep(await examine({ transport }), 'host key');
        expect(fix).toContain(`ssh-keygen -R '[127.0.0.1]:${port}'`);
      } finally {
        writeFileSync(file, before);
      }
    });

    test('a key that is not the one of the catalogue', async () => {
      const looked = await examine({ transport, hostKey: `SHA256:${'A'.repeat(43)}` });
      expect(expectStep(looked, 'host key').fix).toContain('correct "hostKey" of bad');
    });

    test('the login is refused', async () => {
      const looked = await examine({ transport, sshUser: 'no-such-user' });
      const { detail, fix } = expectStep(looked, 'login');
      expect(detail).toContain('no-such-user');
      expect(fix).toBe(`ssh-copy-id -p ${fleet.sshds.bad!.port} no-such-user@127.0.0.1`);
    });

    test('no agent: what sshd searches', async () => {
      const { detail, fix } = expectStep(await examine({ transport, agent: 'aw-nowhere' }), 'agent');
      expect(detail).toMatch(/sshd's PATH there is \S*\/remote-bin:\/usr\/bin:\/bin$/);
      expect(fix).toContain('aw agent followers install --host bad');
    });
  });

  test('a host that is meant to have no agent is well when it takes the login', async () => {
    const looked = await examine({ agentless: true });
    expect(looked).toMatchObject({ code: 0, reachable: true });
    expect(looked.of('login').status).toBe('ok');
    expect(looked.of('path').detail).toContain('remote-bin:/usr/bin:/bin');
    expectStep(await examine({ agentless: true, sshUser: 'no-such-user' }), 'login');
  });

  test('an agent without its node', async () => {
    const agent = join(fleet.dir, 'bare-follower');
    writeFileSync(agent, '#!/usr/bin/env no-such-node node\n', { mode: 0o755 });
    const { fix } = expectStep(await examine({ agent }), 'agent');
    expect(fix).toContain("sshd's PATH does not lead to node");
  });

  test('an agent that a login finds and sshd does not', async () => {
    const loginHome = join(fleet.dir, 'login-home');
    mkdirSync(loginHome);
    const bin = join(loginHome, 'bin');
    mkdirSync(bin);
    symlinkSync(join(import.meta.dirname, '../../bin/aw-follower.js'), join(bin, 'aw-follower'));
    for (const file of ['.bash_profile', '.profile', '.zprofile']) {
      writeFileSync(join(loginHome, file), `echo hello from ${file}\nPATH="${bin}:$PATH"\n`);
    }
    const sshd = await startSshd({
      dir: join(fleet.dir, 'sshd', 'hidden'),
      authorizedKeys: `${fleet.publicKey}\n`,
      env: { PATH: '/usr/bin:/bin', HOME: loginHome },
    });
    fleet.know(sshd.port, sshd.publicKey);
    try {
      const { fix } = expectStep(await examine({ port: sshd.port }), 'agent');
      expect(fix).toBe(`give it as "agent" of bad in the catalogue: "agent": "${join(bin, 'aw-follower')}"`);
    } finally {
      await sshd.stop();
    }
  });

  test("sshd's PATH and that of a login are compared", async () => {
    const { status, detail } = (await examine({})).of('path');
    expect(['info', 'warning']).toContain(status);
    expect(detail).toContain(`only sshd has ${join(fleet.dir, 'remote-bin')}`);
    expect(detail).toContain('"ssh HOST aw-follower" works, but runs do not find aw-follower');
  });

  test('a workspace that is not there, and one that is a file', async () => {
    const missing = join(fleet.dir, "it's", 'missing');
    const looked = await examine({ workspace: missing });
    expect(looked).toMatchObject({ code: 4, reachable: true });
    expect(looked.of('workspace')).toMatchObject({
      status: 'failed',
      detail: expect.stringContaining(`${fleet.project} is ${missing}: `),
      fix: `on bad: mkdir -p '${missing.replace("'", "'\\''")}'`,
    });
    expect(looked.of('round trip').status).toBe('ok');
    const file = join(fleet.dir, 'a-file');
    writeFileSync(file, '');
    expect((await examine({ workspace: file })).of('workspace').detail).toContain('not a directory');
  });

  test.skipIf(!isRoot)('a read-only workspace, and a tiny full disk', async () => {
    const mount = join(fleet.dir, 'tiny');
    mkdirSync(mount);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,ro', 'tmpfs', mount]);
    try {
      const looked = await examine({ workspace: mount });
      expect(looked.of('workspace')).toMatchObject({
        status: 'warning',
        detail: expect.stringContaining('mounted read-only'),
        fix: `on bad: sudo mount -o remount,rw '${mount}'`,
      });
      expect(looked.of('workspace disk')).toMatchObject({
        status: 'failed',
        detail: expect.stringContaining('tmpfs'),
      });
    } finally {
      execFileSync('umount', [mount]);
      rmSync(mount, { recursive: true });
    }
  });

  test('an alias, and a jump host, of ~/.ssh/config', async () => {
    const { port } = fleet.sshds.bad!;
    const file = join(fleet.ssh, 'client_config');
    const before = readFileSync(file, 'utf8');
    appendFileSync(
      file,
      [
        `Host farm\n HostName 127.0.0.1\n Port ${port}\n`,
        `Host behind\n HostName 192.0.2.1\n ProxyJump me@[127.0.0.1]:1\n`,
        `Host program\n ProxyCommand false\n`,
      ].join(''),
    );
    try {
      const alias = await examine({ transport: 'openssh', address: 'farm', port: undefined });
      expect(alias.of('name').detail).toBe('farm is 127.0.0.1 in ~/.ssh/config');
      expect(alias.of('tcp')).toMatchObject({
        status: 'ok',
        detail: expect.stringContaining(`port ${port}`),
      });
      const behind = await examine({ transport: 'openssh', address: 'behind', port: undefined });
      expect(expectStep(behind, 'tcp').detail).toContain(
        'jump host me@[127.0.0.1]:1: port 1: 127.0.0.1 refused',
      );
      const program = await examine({ transport: 'openssh', address: 'program', port: undefined });
      expect(program.of('tcp')).toMatchObject({
        status: 'skipped',
        detail: 'behind the ProxyCommand of ~/.ssh/config: false',
      });
    } finally {
      writeFileSync(file, before);
    }
  });

  test('hosts that hang, each in another step, hold up nobody', async () => {
    for (const [name, value] of Object.entries(fleet.env)) vi.stubEnv(name, value);
    const hole = await blackHole();
    const silent = await listen(() => {});
    const halfway = await listen(socket => socket.write('SSH-2.0-OpenSSH_9.9\r\n'));
    const hanging = join(fleet.dir, 'hanging-follower');
    writeFileSync(hanging, '#!/bin/sh\nexec cat >/dev/null\n', { mode: 0o755 });
    const hosts = [
      { name: 'hole', port: hole.port },
      { name: 'silent', port: silent },
      { name: 'halfway', port: halfway },
      { name: 'agent', agent: hanging },
      { name: 'good' },
    ].map(fields => HostEntry.parse({ ...fleet.entry('bad'), ...fields }));
    const order: string[] = [];
    try {
      const reports = await followersDoctor(hosts, {
        stateDir: join(fleet.dir, 'state'),
        timing: { connect: 20_000 },
        onReport: ({ host }) => order.push(host),
      });
      const failures = reports.map(({ host, findings }) => [
        host,
        findings.find(({ status }) => status === 'failed')?.check,
      ]);
      expect(failures).toEqual([
        ['hole', 'tcp'],
        ['silent', 'ssh'],
        ['halfway', 'host key'],
        ['agent', 'agent'],
        ['good', undefined],
      ]);
      expect(order.indexOf('good')).toBeLessThan(order.indexOf('agent'));
      expect(order.indexOf('good')).toBeLessThan(order.indexOf('halfway'));
    } finally {
      vi.unstubAllEnvs();
      hole.close();
    }
  }, 180_000);

  test('for a person: what is well in a line, what is not with its fix, and a last word', async () => {
    const catalogue = fleet.catalogue([
      { ...fleet.entry('bad'), sshUser: 'no-such-user' },
      fleet.entry('good'),
    ]);
    const text = async (...args: string[]) => {
      const looked = await fleet.aw(['agent', 'followers', 'doctor', ...args, ...catalogue]);
      expect(looked.code).toBe(4);
      return looked.stdout.toString();
    };
    const folded = await text();
    expect(folded).toMatch(/^ {2}FAIL {2}login {5}no-such-user@/m);
    expect(folded).toMatch(/^ {8}fix: ssh-copy-id -p/m);
    expect(folded).toMatch(/^ {2}skip {2}agent, protocol, shells, .*: needs login$/m);
    expect(folded).not.toContain('round trip  ');
    expect(folded.trimEnd().split('\n').at(-1)).toMatch(/^1\/2 hosts well; bad: login/);
    expect(await text('--verbose')).toMatch(/round trip +\d/);
  });
});

/**
 * An address that takes no connection and refuses none: whoever listens there is stopped, and its queue full, so that the
 * kernel drops every further SYN.
 */
async function blackHole(): Promise<{ port: number; close(): void }> {
  const script = `const server = require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () =>
    console.log(server.address().port))`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [text] = await once(child.stdout!, 'data');
  const port = Number(String(text));
  child.kill('SIGSTOP');
  const waiting: net.Socket[] = [];
  for (let isFull = false; !isFull; ) {
    if (waiting.length === 50) throw new Error('its queue has no end');
    const socket = net.connect(port, '127.0.0.1').on('error', () => {});
    waiting.push(socket);
    isFull = await Promise.race([
      once(socket, 'connect').then(() => false),
      sleep(1_000, true, { ref: false }),
    ]);
  }
  return {
    port,
    close: () => {
      for (const socket of waiting) socket.destroy();
      child.kill('SIGKILL');
    },
  };
}
