/** Machines that one can log in to and that have no agent to work with: an error each, with a remedy, and nobody else is harmed. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PROTOCOL } from '../../contract/version.ts';
import { exitOf, outputOf } from '../support/fleet.ts';
import { canMount } from '../support/install.ts';
import { hasSshd, makeSshFleet, type SshFleet } from '../support/sshd.ts';
import { addUser, canAddUsers, type TestUser } from '../support/users.ts';

/** What another version's agent does at the end of a login: it says which protocol it has, in a shape of its own. */
const otherAgent = (protocol: number) => `
import http2 from 'node:http2';
import { Duplex } from 'node:stream';
const server = http2.createServer((request, response) => {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ protocol: ${protocol}, version: '${protocol}.0.0', shape: 'another' }));
});
server.emit('connection', Duplex.from({ readable: process.stdin, writable: process.stdout }));
`;

describe.skipIf(!hasSshd)('a host with', () => {
  let fleet: SshFleet;
  const state = () => join(fleet.dir, 'remote', 'bad');
  beforeAll(async () => {
    fleet = await makeSshFleet(['good', 'bad'].map(name => ({ name, transport: 'ssh' })));
  });
  afterAll(() => fleet.stop());

  const attempt = async (fields: object, ...command: string[]) => {
    const hosts = fleet.catalogue([{ ...fleet.entry('bad'), ...fields }, fleet.entry('good')]);
    const run = await fleet.run([...hosts, '--', ...command]);
    const exit = exitOf(run.events, 'bad');
    return { ...run, exit, error: exit.error };
  };

  describe.each(['ssh', 'openssh'])('over %s:', transport => {
    const refused = async (fields: object) => {
      const { code, events, exit, error } = await attempt({ transport, ...fields }, 'echo', 'hi');
      expect(code).toBe(4);
      expect(outputOf(events, 'good').toString()).toBe('hi\n');
      expect(exitOf(events, 'good')).toMatchObject({ code: 0, reason: 'exited' });
      expect(outputOf(events, 'bad').length).toBe(0);
      expect(exit.reason).toBe('lost');
      return error!;
    };

    test.each([PROTOCOL - 1, PROTOCOL + 1])('an agent of protocol %i', async protocol => {
      const agent = join(fleet.dir, `agent-${protocol}`);
      writeFileSync(agent, `#!${process.execPath}\n${otherAgent(protocol)}`, { mode: 0o755 });
      const error = await refused({ agent });
      expect(error).toMatchObject({
        code: 'AW_PROTOCOL_MISMATCH',
        message: expect.stringContaining(`speaks protocol ${protocol} (version ${protocol}.0.0)`),
        remedy: expect.stringContaining('same version'),
      });
    });

    test('no agent', async () => {
      const error = await refused({ agent: '/nowhere/aw-follower' });
      expect(error).toMatchObject({
        code: 'AW_AGENT_MISSING',
        message: expect.stringContaining('/nowhere/aw-follower'),
      });
    });

    test.skipIf(!canMount).each([
      ['a full disk', 'ENOSPC'],
      ['a disk that is read-only', 'cannot write'],
    ])('%s', async (what, words) => {
      rmSync(state(), { recursive: true, force: true });
      await mounted(state(), 'size=64k', async () => {
        if (what.includes('read-only')) execFileSync('mount', ['-o', 'remount,ro', state()]);
        else fill(state());
        const error = await refused({});
        expect(error.code).toBe('AW_AGENT_START_FAILED');
        expect(error.message).toContain(words);
        expect(error.remedy).not.toBe('');
      });
    });
  });

  test.skipIf(!canMount)('a disk that fills up during a run', async () => {
    rmSync(state(), { recursive: true, force: true });
    await mounted(state(), 'size=4m', async () => {
      const { code, events, exit, error } = await attempt(
        {},
        'sh',
        '-c',
        'echo begin; sleep 0.5; head -c 8000000 /dev/zero; echo end',
      );
      expect(code).toBe(4);
      expect(exit).toMatchObject({ reason: 'lost', survivors: [] });
      expect(error).toMatchObject({ code: 'AW_DISK', message: expect.stringContaining('ENOSPC') });
      // What there was room for is there.
      expect(outputOf(events, 'bad').toString()).toMatch(/^begin\n/);
      expect(exitOf(events, 'good')).toMatchObject({ code: 0, reason: 'exited' });
      expect((await fleet.aw(['agent', 'followers', 'stop', '--force', '--host', 'bad'])).code).toBe(0);
    });
  });
});

describe.skipIf(!hasSshd || !canAddUsers)('a home', () => {
  let fleet: SshFleet;
  let user: TestUser;
  beforeAll(async () => {
    fleet = await makeSshFleet(
      ['good', 'bad'].map(name => ({ name, transport: 'ssh' })),
      host => (host === 'bad' ? { env: { AW_STATE_DIR: '' } } : {}),
    );
    user = addUser('/bin/sh', join(fleet.dir, 'users', 'bad'));
    for (const path of ['', 'users', 'workspaces', 'sshd', 'sshd/bad'])
      chmodSync(join(fleet.dir, path), 0o711);
    chmodSync(join(fleet.dir, 'sshd/bad/authorized_keys'), 0o644);
    user.own(fleet.workspace('bad'));
    chmodSync(user.home, 0o555);
  });
  afterAll(async () => {
    try {
      await fleet.stop();
    } finally {
      user.remove();
    }
  });

  test.each(['ssh', 'openssh'])('that its user cannot write to, over %s', async transport => {
    const bad = { ...fleet.entry('bad'), transport, sshUser: user.name };
    const run = await fleet.run([...fleet.catalogue([bad, fleet.entry('good')]), '--', 'echo', 'hi']);
    expect(run.code).toBe(4);
    expect(outputOf(run.events, 'good').toString()).toBe('hi\n');
    expect(exitOf(run.events, 'bad')).toMatchObject({
      reason: 'lost',
      error: { code: 'AW_AGENT_START_FAILED', message: expect.stringContaining('EACCES') },
    });
    // What needs no agent works all the same.
    const without = fleet.catalogue([{ ...bad, agentless: true }]);
    const there = await fleet.run([...without, '--', 'echo', 'hi']);
    expect(outputOf(there.events, 'bad').toString()).toBe('hi\n');
  });
});

async function mounted(at: string, options: string, work: () => Promise<void>): Promise<void> {
  mkdirSync(at, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', `mode=700,${options}`, 'tmpfs', at]);
  try {
    await work();
  } finally {
    execFileSync('umount', ['--lazy', at]);
  }
}

function fill(directory: string): void {
  try {
    writeFileSync(join(directory, 'filler'), Buffer.alloc(1024 * 1024));
  } catch {
    // That was the point.
  }
}
