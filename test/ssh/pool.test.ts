/** Connections over SSH that are kept: made with the environment of whoever asks, and all of them gone at the end. */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { isKnown } from '../../contract/events.ts';
import { HostEntry } from '../../contract/hosts.ts';
import { createPool, type Pool } from '../../leader/connections/pool.ts';
import { startRun } from '../../leader/run-everywhere/start.ts';
import { collect } from '../../leader/test-support/stage.ts';
import type { TransportContext } from '../../leader/transports/index.ts';
import { eventually } from '../support/fleet.ts';
import { hasSshd, makeSshFleet, type SshFleet } from '../support/sshd.ts';

const ways = ['ssh', 'openssh'];
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

describe.skipIf(!hasSshd)('a pool over SSH', () => {
  let fleet: SshFleet;
  let pool: Pool;
  beforeAll(async () => {
    fleet = await makeSshFleet(ways.map(name => ({ name, transport: name })));
  });
  afterAll(() => fleet.stop());
  beforeEach(() => {
    pool = createPool();
  });
  afterEach(() => pool.close());

  const host = (name: string, more: object = {}) => HostEntry.parse({ ...fleet.entry(name), ...more });
  const context = (more: Partial<TransportContext> = {}): TransportContext => ({
    stateDir: fleet.env.AW_STATE_DIR!,
    timeoutMs: 120_000,
    start: true,
    env: fleet.env,
    ...more,
  });
  const run = async (names: string[]) =>
    collect(
      await startRun(
        {
          hosts: names.map(name => host(name)),
          project: fleet.project,
          cwd: fleet.project,
          command: { kind: 'argv', argv: ['echo', 'hello'] },
          env: {},
          onLeaderLoss: 'continue',
          mapOutput: false,
          expandWorkspace: false,
          detach: false,
        },
        {
          stateDir: fleet.env.AW_STATE_DIR!,
          connect: pool.connect,
          asker: { env: fleet.env },
          timing: { connect: 120_000 },
        },
      ),
    );
  const logins = () => ways.map(name => fleet.sshds[name]!.log().split('Accepted publickey').length - 1);
  /** The ssh programs of this process. */
  const children = () =>
    readdirSync('/proc').filter(pid => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
        return stat.includes('(ssh) ') && stat.includes(`) S ${process.pid} `);
      } catch {
        return false;
      }
    });

  test('many runs, one login a host; at the end no program and no login is left', async () => {
    const before = logins();
    for (let n = 0; n < 5; n++) {
      const { outcome, events } = await run(ways);
      const errors = events.filter(event => isKnown(event, 'hostExited')).map(({ error }) => error);
      expect([outcome.exitCode, ...errors]).toEqual([0, ...ways.map(() => undefined)]);
    }
    expect(logins().map((count, n) => count - before[n]!)).toEqual([1, 1]);
    expect(children().length).toBeGreaterThan(0);
    expect(pool.status().map(({ address, state }) => [address, state])).toEqual(
      expect.arrayContaining(ways.map(name => [`127.0.0.1:${fleet.sshds[name]!.port}`, 'idle'])),
    );
    await pool.close();
    await eventually(() => children().length === 0, 'no program is left');
    await eventually(
      () => ways.every(name => fleet.sshds[name]!.sessions().length === 0),
      'no login is left',
    );
  });

  test('keys and known hosts are looked for in the asker’s home', async () => {
    const stranger = { ...fleet.env, HOME: fleet.project };
    await expect(pool.warm(host('ssh'), context({ env: stranger }))).rejects.toMatchObject({
      code: 'AW_SSH_HOST_KEY_UNKNOWN',
    });
    expect(await pool.warm(host('ssh'), context())).toMatchObject({ host: 'ssh', state: 'idle' });
  });

  test('the system’s ssh is the one in the asker’s PATH', async () => {
    await expect(
      pool.warm(host('openssh'), context({ env: { ...fleet.env, PATH: '/nowhere' } })),
    ).rejects.toMatchObject({
      code: 'AW_HOST_UNREACHABLE',
      message: expect.stringContaining('no ssh program'),
    });
  });

  test('the built-in SSH asks the asker’s SSH agent', async () => {
    const key = join(fleet.ssh, 'id_ed25519');
    const socket = join(fleet.dir, 'pool-agent.sock');
    const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
    try {
      await eventually(() => existsSync(socket), 'the agent listens');
      const env = { ...fleet.env, SSH_AUTH_SOCK: socket };
      execFileSync('ssh-add', ['-q', key], { env });
      renameSync(key, `${key}.away`);
      try {
        await expect(pool.warm(host('ssh'), context())).rejects.toMatchObject({
          code: 'AW_SSH_AUTH_REFUSED',
        });
        await expect(pool.warm(host('ssh'), context({ env }))).resolves.toMatchObject({ state: 'idle' });
        // What one asker's agent has opened is not another's who has none.
        await expect(pool.warm(host('ssh'), context())).rejects.toMatchObject({
          code: 'AW_SSH_AUTH_REFUSED',
        });
      } finally {
        renameSync(`${key}.away`, key);
      }
    } finally {
      agent.kill();
    }
  });

  test('what was let through without its key on record is not for those who did not allow that', async () => {
    const stranger = host('ssh', { address: 'localhost' });
    const strict = pool.warm(stranger, context());
    await expect(strict).rejects.toMatchObject({ code: 'AW_SSH_HOST_KEY_UNKNOWN' });
    const pinned = host('ssh', { hostKey: fleet.sshds.openssh!.fingerprint });
    await pool.warm(host('ssh'), context());
    await expect(pool.warm(pinned, context())).rejects.toMatchObject({ code: 'AW_SSH_HOST_KEY_CHANGED' });
  });
});
