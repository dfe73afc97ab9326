/** The resident leader over SSH: what becomes of runs when it dies, and what is left of many of them. */
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { leaderLog } from '../../leader/daemon/place.ts';
import { eventually, exitOf, outputOf, parseEvents } from '../support/fleet.ts';
import { hasSshd, makeSshFleet, type SshFleet } from '../support/sshd.ts';
import { type Watched, watch } from '../support/watched.ts';

const hosts = ['ssh', 'openssh'];
const UNTIL_TOLD =
  'i=0; until [ -e go ]; do i=$((i+1)); echo line $i; echo $i > progress; sleep 0.02; done; echo end';
const MiB = 1024 * 1024;
/** How many runs in a row: enough to see what grows, and as many as it takes to be sure. */
const MANY = process.env.AW_SLOW === '1' ? 200 : 60;

describe.skipIf(!hasSshd)('the resident leader over SSH', () => {
  let fleet: SshFleet;
  beforeAll(async () => {
    fleet = await makeSshFleet(hosts.map(name => ({ name, transport: name })));
  });
  afterAll(() => fleet.stop());
  beforeEach(() => {
    for (const host of hosts)
      for (const name of ['go', 'progress']) rmSync(file(host, name), { force: true });
  });
  afterEach(async () => {
    // A test that failed leaves no run to the next one.
    for (const { command } of watched.splice(0)) command.kill('SIGKILL');
    for (const host of hosts) writeFileSync(file(host, 'go'), '');
    await eventually(() => runProcesses().length === 0, 'no run is left');
  });

  const watched: Watched[] = [];
  const file = (host: string, name: string) => join(fleet.workspace(host), name);
  const progress = (host: string) =>
    existsSync(file(host, 'progress')) ? Number(readFileSync(file(host, 'progress'), 'utf8') || 0) : 0;
  const programs = (name: string) =>
    fleet
      .processes()
      .filter(pid => read(`/proc/${pid}/cmdline`).split('\0').slice(0, 6).join(' ').includes(name));
  const leaders = () => programs('aw-leader');
  const runProcesses = () =>
    fleet.processes().filter(pid => read(`/proc/${pid}/environ`).includes('AW_RUN_ID='));

  async function started() {
    const command = fleet.start(['agent', 'run-everywhere', '--output', 'json', '-c', UNTIL_TOLD]);
    const run = watch(command, leaderLog(fleet.env.AW_STATE_DIR!));
    watched.push(run);
    await run.telling(() =>
      eventually(() => hosts.every(host => progress(host) > 5) && run.printed().length > 0, 'both run'),
    );
    return { ...run, runId: JSON.parse(run.printed().toString().split('\n')[0]!).runId as string };
  }

  async function killLeader() {
    const [pid, ...others] = leaders();
    expect(others).toEqual([]);
    process.kill(pid!, 'SIGKILL');
    await eventually(() => !leaders().includes(pid!), 'it is gone');
  }

  const moreProgress = async () => {
    const before = hosts.map(progress);
    await eventually(
      () => hosts.every((host, index) => progress(host) > before[index]! + 10),
      'the commands go on',
    );
  };

  function expectWhole(printed: Buffer) {
    const events = parseEvents(printed);
    for (const host of hosts) {
      const lines = outputOf(events, host).toString().trimEnd().split('\n');
      expect(lines.slice(0, -1)).toEqual(lines.slice(0, -1).map((_, index) => `line ${index + 1}`));
      expect(lines.at(-1)).toBe('end');
      expect(exitOf(events, host)).toMatchObject({ code: 0, reason: 'exited' });
    }
  }

  test('killed in the middle: the command goes on with another, and every byte comes once', async () => {
    const { command, printed, telling } = await started();
    await telling(async () => {
      await killLeader();
      await moreProgress();
      await eventually(() => leaders().length === 1, 'another one leads');
      for (const host of hosts) writeFileSync(file(host, 'go'), '');
      const [code] = await once(command, 'close');
      expect(code).toBe(0);
      expectWhole(printed());
    });
  });

  test('killed in the middle with the command: the next command attaches', async () => {
    const { command, runId, telling } = await started();
    await telling(async () => {
      command.kill('SIGKILL');
      await once(command, 'close');
      await killLeader();
      await moreProgress();
      const attaching = fleet.aw(['agent', 'runs', 'attach', runId, '--output', 'json']);
      for (const host of hosts) writeFileSync(file(host, 'go'), '');
      const { code, stderr, stdout } = await attaching;
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expectWhole(stdout);
    });
  });

  test(`${MANY} runs and as many that are cancelled: nothing is left of them, and nothing has grown`, async () => {
    const one = ['--host', 'ssh'];
    const run = async () => expect((await fleet.run([...one, '--', 'seq', '500'])).code).toBe(0);
    const cancelled = async () => {
      const go = file('ssh', 'ready');
      const command = fleet.start([
        'agent',
        'run-everywhere',
        '--grace',
        '0.2',
        ...one,
        '-c',
        'touch ready; sleep 300',
      ]);
      const closed = once(command, 'close');
      command.stdout!.resume();
      command.stderr!.resume();
      await eventually(() => existsSync(go) || command.exitCode !== null, 'it runs');
      command.kill('SIGINT');
      expect(await closed).toEqual([130, null]);
      rmSync(go);
    };
    const here = () => {
      const [leader, agent] = [leaders(), programs(join(fleet.dir, 'remote/ssh/follower'))];
      expect([leader.length, agent.length]).toEqual([1, 1]);
      const sessions = fleet.sshds.ssh!.sessions();
      return {
        pids: [...leader, ...agent, ...sessions],
        files: [...leader, ...agent].map(openFiles),
        memory: [...leader, ...agent].map(memory),
        sessions: sessions.length,
      };
    };
    // Caches fill and code is compiled in the first ones.
    for (let n = 0; n < MANY / 3; n++) await run();
    for (let n = 0; n < MANY / 6; n++) await cancelled();
    const before = here();
    for (let n = 0; n < MANY; n++) await run();
    for (let n = 0; n < MANY; n++) await cancelled();
    expect(runProcesses()).toEqual([]);
    const after = here();
    expect(after.pids).toEqual(before.pids);
    expect(after.sessions).toBe(before.sessions);
    for (const [index, count] of after.files.entries())
      expect(count).toBeLessThanOrEqual(before.files[index]! + 3);
    for (const [index, bytes] of after.memory.entries())
      expect(bytes - before.memory[index]!).toBeLessThan(32 * MiB);
  }, 900_000);
});

const openFiles = (pid: number) => readdirSync(`/proc/${pid}/fd`).length;
const memory = (pid: number) => Number(/VmRSS:\s+(\d+)/.exec(read(`/proc/${pid}/status`))![1]) * 1024;

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    // It has just ended.
    return '';
  }
}
