/** Hosts without an agent: what becomes of a run that is cancelled or loses its connection, and what other users see of it. */
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { HostCatalogue } from '../../contract/hosts.ts';
import { startRun } from '../../leader/index.ts';
import { eventually, exitOf, outputOf, parseEvents } from '../support/fleet.ts';
import { hasSshd, makeSshFleet, type SshFleet } from '../support/sshd.ts';

const hosts = ['ssh', 'openssh', 'third'];

describe.skipIf(!hasSshd)('links without agents', () => {
  let fleet: SshFleet;
  beforeAll(async () => {
    fleet = await makeSshFleet(
      hosts.map(name => ({ name, transport: name === 'openssh' ? 'openssh' : 'ssh', agentless: true })),
      () => ({ env: { PATH: '/usr/bin:/bin' } }),
    );
  });
  afterEach(() => {
    for (const pid of escaped()) process.kill(pid, 'SIGKILL');
    for (const host of hosts)
      for (const name of ['ready', 'heard']) rmSync(file(host, name), { force: true });
  });
  afterAll(() => fleet.stop());

  const file = (host: string, name: string) => join(fleet.workspace(host), name);
  const ready = (of: readonly string[] = hosts) => of.every(host => existsSync(file(host, 'ready')));

  function start(args: string[]) {
    const leader = fleet.start(['agent', 'run-everywhere', '--output', 'json', '--grace', '0.5', ...args]);
    const stdout: Buffer[] = [];
    leader.stdout!.on('data', chunk => stdout.push(chunk));
    let stderr = '';
    leader.stderr!.on('data', chunk => {
      stderr += chunk;
    });
    return { leader, events: () => parseEvents(Buffer.concat(stdout)), stderr: () => stderr };
  }

  /** Of the commands, by what only they have in their environment. */
  const running = () =>
    fleet.processes().filter(pid => /\0AW_RUN_ID=/.test(readSafely(`/proc/${pid}/environ`)));
  const escaped = running;

  test('a command that heeds INT ends by it, and takes the rest of its group with it', async () => {
    const run = start([
      '-c',
      `(trap '' INT; exec sleep 300) & trap 'echo heard; exit 3' INT; touch ready; wait; wait`,
      '--shell',
      'sh',
    ]);
    await eventually(() => ready(), 'it runs everywhere');
    run.leader.kill('SIGINT');
    const [code] = await once(run.leader, 'close');
    expect(code).toBe(130);
    for (const host of hosts) {
      expect(exitOf(run.events(), host)).toMatchObject({ code: 3, reason: 'cancelled' });
      expect(outputOf(run.events(), host).toString()).toBe('heard\n');
    }
    await eventually(() => running().length === 0, 'nothing is left');
  });

  test('one that ignores INT and TERM is killed; what left its group stays, and nobody says otherwise', async () => {
    const run = start(['-c', `trap '' INT TERM; setsid -f sleep 300; touch ready; sleep 301`]);
    await eventually(() => ready(), 'it runs everywhere');
    run.leader.kill('SIGINT');
    const [code] = await once(run.leader, 'close');
    expect(code).toBe(130);
    for (const host of hosts) {
      const exit = exitOf(run.events(), host);
      expect(exit).toMatchObject({ code: null, reason: 'cancelled' });
      expect(exit.survivors).toBeUndefined();
    }
    expect(run.stderr()).toMatch(/0\/3 hosts: all processes gone\n.*could not be confirmed/);
    const left = running().map(pid => readSafely(`/proc/${pid}/cmdline`));
    expect(left.filter(line => !line.startsWith('sleep\x00300'))).toEqual([]);
  });

  test('a timeout kills what does not end', async () => {
    const run = start([
      '--timeout',
      '1',
      '-c',
      `trap '' INT TERM; while :; do sleep 0.1; done`,
      '--shell',
      'sh',
    ]);
    const [code] = await once(run.leader, 'close');
    expect(code).toBe(124);
    for (const host of hosts) expect(exitOf(run.events(), host)).toMatchObject({ reason: 'timeout' });
    await eventually(() => running().length === 0, 'nothing is left');
  });

  test('a connection that breaks loses the run, says so, and what was left is ended', async () => {
    const run = start(['-c', `trap '' HUP PIPE; touch ready; while :; do sleep 0.1; done`, '--shell', 'sh']);
    await eventually(() => ready(), 'it runs everywhere');
    for (const host of hosts) for (const pid of fleet.sshds[host]!.sessions()) process.kill(pid, 'SIGKILL');
    const [code] = await once(run.leader, 'close');
    expect(code).toBe(4);
    for (const host of hosts) {
      const { reason, error } = exitOf(run.events(), host);
      expect([reason, error?.code]).toEqual(['lost', 'AW_RUN_LOST']);
      expect(error?.message).toMatch(/does not survive its connection: it was ended$/);
    }
    await eventually(() => running().length === 0, 'nothing is left');
  });

  test('a silent link is noticed', async () => {
    const run = start(['-c', 'touch ready; sleep 600', '--shell', 'sh']);
    await eventually(() => ready(), 'it runs everywhere');
    const silent = hosts.flatMap(host => fleet.sshds[host]!.sessions());
    for (const pid of silent) process.kill(pid, 'SIGSTOP');
    const [code] = await once(run.leader, 'close');
    for (const pid of silent) process.kill(pid, 'SIGKILL');
    expect(code).toBe(4);
    for (const host of hosts) expect(exitOf(run.events(), host)).toMatchObject({ reason: 'lost' });
  });

  test('no value of a variable stands in the arguments of any process, here or there', async () => {
    const secret = 'hunter2-hunter2';
    const watch =
      'for i in 1 2 3 4 5 6 7 8 9 10; do cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" " "; done; touch ready';
    const script = `${watch}; until [ -e go ]; do sleep 0.05; done; [ "$TOKEN" = ${[...secret].join('""')} ] && echo same`;
    const run = start(['--env', `TOKEN=${secret}`, '-c', script, '--shell', 'sh']);
    await eventually(() => ready(), 'it runs everywhere');
    const lines = readdirSync('/proc')
      .filter(name => /^\d+$/.test(name))
      .map(pid => readSafely(`/proc/${pid}/cmdline`).replaceAll('\0', ' '));
    for (const host of hosts) writeFileSync(file(host, 'go'), '');
    await once(run.leader, 'close');
    for (const host of hosts) rmSync(file(host, 'go'));
    const leader = `--env TOKEN=${secret}`;
    expect(lines.some(line => line.includes('/bin/sh -s aw-'))).toBe(true);
    expect(lines.filter(line => line.includes(secret) && !line.includes(leader))).toEqual([]);
    for (const host of hosts) {
      const output = outputOf(run.events(), host).toString();
      expect(output.endsWith('same\n')).toBe(true);
      expect(output.replaceAll(leader, '')).not.toContain(secret);
    }
  });

  test('a slow reader makes the command wait, and gets all of it', async () => {
    const run = start([
      '--host',
      'ssh',
      '--host',
      'openssh',
      '--',
      'sh',
      '-c',
      'head -c 20000000 /dev/zero; echo end >&2',
    ]);
    run.leader.stdout!.pause();
    await eventually(() => running().length > 0, 'it runs');
    // For longer than everything would take.
    await new Promise(wake => setTimeout(wake, 2_000));
    expect(running().length).toBeGreaterThan(0);
    run.leader.stdout!.resume();
    await once(run.leader, 'close');
    for (const host of ['ssh', 'openssh']) {
      expect(outputOf(run.events(), host).length).toBe(20_000_000);
      expect(outputOf(run.events(), host, 'stderr').toString()).toBe('end\n');
    }
  });

  test('input that breaks off here ends the command before it can take a part for all', async () => {
    const stateDir = join(fleet.dir, 'own-state');
    const source = new Readable({ read() {} });
    const run = await startRun(
      {
        hosts: HostCatalogue.parse({ hosts: [fleet.entry('ssh')] }).hosts,
        project: fleet.project,
        cwd: fleet.project,
        command: { kind: 'script', script: 'touch ready; cat >heard; echo all >>heard' },
        shell: 'sh',
        env: {},
        stdin: source,
        onLeaderLoss: 'continue',
        mapOutput: false,
        expandWorkspace: false,
        detach: false,
      },
      { stateDir, asker: { env: fleet.env } },
    );
    source.push('a part\n');
    void eventually(() => readSafely(file('ssh', 'heard')) !== '', 'it has read a part').then(() =>
      source.destroy(new Error('cut off')),
    );
    for await (const _ of run.events);
    expect((await run.outcome).hosts.ssh).toMatchObject({ verdict: 'failed', reason: 'lost' });
    expect(readSafely(file('ssh', 'heard'))).toBe('a part\n');
    expect(running()).toEqual([]);
  });

  test('a log that grows beyond its limit ends the command', async () => {
    const run = await fleet.run(['--log-limit', '1M', '--', 'yes']);
    expect(run.code).toBe(4);
    for (const host of hosts)
      expect(exitOf(run.events, host)).toMatchObject({ reason: 'lost', error: { code: 'AW_LOG_LIMIT' } });
    await eventually(() => running().length === 0, 'nothing is left');
  });

  test('when all is over no ssh and no login is left', async () => {
    const run = await fleet.run(['--', 'true']);
    expect(run.code).toBe(0);
    await eventually(
      () => hosts.every(host => fleet.sshds[host]!.sessions().length === 0),
      'no login is left',
    );
  });
});

function readSafely(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
