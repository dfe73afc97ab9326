/** What happens to a run when its connection dies, when it is cancelled, and what other users of the machine see of it. */
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { eventIdentity, isKnown } from '../../contract/events.ts';
import { eventually, exitOf, outputOf, parseEvents } from '../support/fleet.ts';
import { allArguments } from '../support/processes.ts';
import { hasSshd, makeSshFleet, type SshFleet } from '../support/sshd.ts';

const hosts = ['ssh', 'openssh', 'third'];
/** Prints numbered lines until a file named `go` appears, then a last one. */
const UNTIL_TOLD =
  'i=0; until [ -e go ]; do i=$((i+1)); echo line $i; echo $i > progress; sleep 0.02; done; echo end';

describe.skipIf(!hasSshd)('links', () => {
  let fleet: SshFleet;
  beforeAll(async () => {
    fleet = await makeSshFleet(
      hosts.map(name => ({ name, transport: name === 'openssh' ? 'openssh' : 'ssh' })),
    );
  });
  afterAll(() => fleet.stop());
  beforeEach(() => {
    for (const host of hosts) {
      for (const name of ['go', 'progress']) rmSync(file(host, name), { force: true });
    }
  });

  const file = (host: string, name: string) => join(fleet.workspace(host), name);
  const progress = (host: string) =>
    existsSync(file(host, 'progress')) ? Number(readFileSync(file(host, 'progress'), 'utf8') || 0) : 0;

  function start(args: string[]) {
    const leader = fleet.start(['agent', 'run-everywhere', '--output', 'json', '--grace', '1', ...args]);
    const stdout: Buffer[] = [];
    leader.stdout!.on('data', chunk => stdout.push(chunk));
    let stderr = '';
    leader.stderr!.on('data', chunk => {
      stderr += chunk;
    });
    return {
      leader,
      printed: () => Buffer.concat(stdout).toString(),
      events: () => parseEvents(Buffer.concat(stdout)),
      /** How often so far. */
      restored: (host: string) =>
        Buffer.concat(stdout)
          .toString()
          .split('\n')
          .filter(line => line.includes('"connect.path.restored"') && line.includes(`"host":"${host}"`))
          .length,
      stderr: () => stderr,
    };
  }

  /** Pids of the commands that run, and of what they started. */
  const runProcesses = () =>
    fleet.processes().filter(pid => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'latin1').includes('AW_RUN_ID=');
      } catch {
        return false;
      }
    });

  test('kill -9 of the sshd of every connection, twice: the log is whole, nothing is doubled', async () => {
    const run = start(['-c', UNTIL_TOLD]);
    for (let times = 0; times < 2; times++) {
      const before = hosts.map(progress);
      await eventually(
        () => hosts.every((host, index) => progress(host) > before[index]! + 10),
        'the commands go on',
      );
      const restored = hosts.map(run.restored);
      for (const host of hosts) {
        for (const pid of fleet.sshds[host]!.sessions()) process.kill(pid, 'SIGKILL');
      }
      await eventually(
        () => hosts.every((host, index) => run.restored(host) > restored[index]!),
        'every connection is made again',
      );
    }
    for (const host of hosts) writeFileSync(file(host, 'go'), '');
    const [code] = await once(run.leader, 'close');
    expect(code).toBe(0);
    const events = run.events();
    for (const host of hosts) {
      const lines = outputOf(events, host).toString().trimEnd().split('\n');
      expect(lines.slice(0, -1)).toEqual(lines.slice(0, -1).map((_, index) => `line ${index + 1}`));
      expect(lines.at(-1)).toBe('end');
      expect(exitOf(events, host)).toMatchObject({ code: 0, reason: 'exited' });
      const numbers = events
        .filter(event => event.origin === 'follower' && 'host' in event && event.host === host)
        .map(event => eventIdentity(event)!.seq);
      expect(numbers).toEqual(numbers.map((_, index) => index));
    }
  });

  test('a link that goes silent is reported and replaced, and the log is whole', async () => {
    const run = start(['--host', 'ssh', '--host', 'openssh', '-c', UNTIL_TOLD]);
    const two = hosts.slice(0, 2);
    await eventually(() => two.every(host => progress(host) > 5), 'the commands run');
    const silent = two.flatMap(host => fleet.sshds[host]!.sessions());
    for (const pid of silent) process.kill(pid, 'SIGSTOP');
    await eventually(() => two.every(host => run.restored(host) > 0), 'both are replaced');
    for (const pid of silent) process.kill(pid, 'SIGKILL');
    for (const host of two) writeFileSync(file(host, 'go'), '');
    const [code] = await once(run.leader, 'close');
    expect(code).toBe(0);
    for (const host of two) {
      const lines = outputOf(run.events(), host).toString().trimEnd().split('\n');
      expect(lines.slice(0, -1)).toEqual(lines.slice(0, -1).map((_, index) => `line ${index + 1}`));
      expect(lines.at(-1)).toBe('end');
    }
    for (const host of two) {
      const degraded = run
        .events()
        .find(event => isKnown(event, 'connect.path.degraded') && event.host === host);
      // By whichever of the two that look noticed first: the leader, or its SSH.
      expect(degraded).toMatchObject({
        error: { message: expect.stringMatching(/no sign of life|keepalive/i) },
      });
    }
  });

  test('one Ctrl-C leaves no process on any host', async () => {
    const run = start(['-c', `trap "" INT TERM; setsid -f sleep 300; echo 1 > progress; sleep 301`]);
    await eventually(() => hosts.every(host => progress(host) === 1), 'it runs on each host');
    expect(runProcesses().length).toBeGreaterThanOrEqual(2 * hosts.length);
    run.leader.kill('SIGINT');
    const [code] = await once(run.leader, 'close');
    expect(code).toBe(130);
    for (const host of hosts) {
      expect(exitOf(run.events(), host)).toMatchObject({ reason: 'cancelled', survivors: [] });
    }
    expect(run.stderr()).toContain('3/3 hosts: all processes gone');
    expect(runProcesses()).toEqual([]);
  });

  test('no value of a variable, key or token stands in the arguments of any process', async () => {
    const secret = 'hunter2-hunter2';
    const run = start(['--env', `TOKEN=${secret}`, '-c', UNTIL_TOLD]);
    await eventually(() => hosts.every(host => progress(host) > 5), 'the commands run');
    const lines = allArguments();
    writeFileSync(join(fleet.dir, 'seen'), lines.join('\n'));
    for (const host of hosts) writeFileSync(file(host, 'go'), '');
    await once(run.leader, 'close');
    expect(lines.some(line => line.includes('aw-follower dial-stdio'))).toBe(true);
    // The leader itself has what was typed, as every program has.
    const leader = `--env TOKEN=${secret}`;
    expect(lines.filter(line => line.includes(secret) && !line.includes(leader))).toEqual([]);
    expect(lines.filter(line => line.includes('PRIVATE KEY'))).toEqual([]);
    expect(run.printed()).not.toContain(secret);
  });

  test('when all is over no ssh and no login is left', async () => {
    const run = await fleet.run(['--', 'true']);
    expect(run.code).toBe(0);
    // Until then the resident leader keeps the connections.
    await fleet.aw(['agent', 'fleet', 'down']);
    await eventually(
      () => hosts.every(host => fleet.sshds[host]!.sessions().length === 0),
      'no login is left',
    );
    expect(allArguments().filter(line => line.startsWith('ssh ') && line.includes(fleet.dir))).toEqual([]);
  });

  test('list says that an agent is stopped, and does not start it', async () => {
    const states = async () => {
      const listed = await fleet.aw(['agent', 'followers', 'list', '--json']);
      return listed.stdout
        .toString()
        .trim()
        .split('\n')
        .map(line => JSON.parse(line).state as string);
    };
    expect((await fleet.run(['--', 'true'])).code).toBe(0);
    expect(await states()).toEqual(['running', 'running', 'running']);
    expect((await fleet.aw(['agent', 'followers', 'stop'])).code).toBe(0);
    expect(await states()).toEqual(['stopped', 'stopped', 'stopped']);
    expect(await states()).toEqual(['stopped', 'stopped', 'stopped']);
  });

  test('doctor looks at all of it', async () => {
    const looked = await fleet.aw(['agent', 'followers', 'doctor', '--verbose']);
    expect(looked.stdout.toString()).toContain(`port ${fleet.sshds.ssh!.port}`);
    expect(looked.stdout.toString()).toMatch(/^3\/3 hosts well/m);
    expect(looked.stderr).toBe('');
  });
});
