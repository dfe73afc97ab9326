/** Keys that a passphrase protects, and how a login offers what it has. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HostEntry } from '../../contract/hosts.ts';
import { startLimit } from '../../leader/transports/limit.ts';
import { openSsh } from '../../leader/transports/ssh/index.ts';
import { eventually } from '../support/fleet.ts';
import { hasSshd, makeKey, makeSshFleet, type SshFleet } from '../support/sshd.ts';

describe.skipIf(!hasSshd)('passphrases', { timeout: 120_000 }, () => {
  let fleet: SshFleet;
  let agent: ChildProcess;
  const socket = () => join(fleet.dir, 'ssh-agent.sock');
  beforeAll(async () => {
    fleet = await makeSshFleet([{ name: 'a', transport: 'ssh' }], () => ({
      config: ['LogLevel VERBOSE', 'MaxAuthTries 2'],
      env: { HOME: '/nonexistent' },
    }));
    agent = spawn('ssh-agent', ['-D', '-a', socket()], { stdio: 'ignore' });
    await eventually(() => existsSync(socket()), 'the SSH agent listens');
  });
  afterAll(async () => {
    agent.kill();
    await once(agent, 'exit');
    await fleet.stop();
  });

  const SECRET = 'correct horse';
  /** A key that the host takes, in a file that is encrypted. */
  function encrypted(name: string, ...options: string[]): string {
    const file = join(fleet.dir, name);
    const { publicKey } = makeKey(file, ['-t', 'ed25519', ...options]);
    const authorized = join(fleet.dir, 'sshd/a/authorized_keys');
    writeFileSync(authorized, `${readFileSync(authorized, 'utf8')}${publicKey}\n`);
    execFileSync('ssh-keygen', ['-q', '-p', '-N', SECRET, '-f', file, ...options], { stdio: 'ignore' });
    return file;
  }

  async function login(
    identityFile: string | undefined,
    { ask, env = {} }: { ask?: (question: string) => Promise<string | undefined>; env?: object } = {},
  ): Promise<void> {
    const context = {
      stateDir: fleet.dir,
      timeoutMs: 60_000,
      start: true,
      env: { ...process.env, ...fleet.env, SSH_AUTH_SOCK: undefined, ...env },
      ...(ask === undefined ? {} : { ask }),
    };
    const host = HostEntry.parse({ ...fleet.entry('a'), sshUser: userInfo().username, identityFile });
    const limit = startLimit(context, 'nothing');
    try {
      (await openSsh.ssh(host, context, limit)).close();
    } finally {
      limit.done();
    }
  }

  const answers = (...given: (string | undefined)[]) => {
    const questions: string[] = [];
    const ask = async (question: string) => {
      questions.push(question);
      return given.shift();
    };
    return { ask, questions };
  };

  test.each([
    ['as OpenSSH writes it', []],
    ['as PEM', ['-t', 'rsa', '-b', '2048', '-m', 'PEM']],
  ])('a key file %s: asked once for many hosts, and not again in this process', async (_, options) => {
    const file = encrypted(`good-${options.length}`, ...options);
    const { ask, questions } = answers(SECRET);
    await Promise.all(Array.from({ length: 6 }, () => login(file, { ask })));
    expect(questions).toEqual([`Passphrase of ${file}: `]);
    await login(file);
  });

  test('three wrong answers, which nobody gets to see', async () => {
    const file = encrypted('wrong');
    const { ask, questions } = answers('hunter2', 'hunter3', 'hunter4', SECRET);
    const outcomes = await Promise.allSettled([login(file, { ask }), login(file, { ask })]);
    expect(questions).toHaveLength(3);
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ reason: { code: 'AW_SSH_AUTH_REFUSED' } });
      expect(JSON.stringify([outcome, String((outcome as PromiseRejectedResult).reason)])).not.toContain(
        'hunter',
      );
    }
  });

  test('nobody who answers, and nobody to ask', async () => {
    const file = encrypted('alone');
    const { ask, questions } = answers(undefined);
    const refused = {
      code: 'AW_SSH_AUTH_REFUSED',
      message: expect.stringContaining(`${file} (encrypted: ssh-add it)`),
    };
    await expect(login(file, { ask })).rejects.toMatchObject(refused);
    await expect(login(file)).rejects.toMatchObject(refused);
    expect(questions).toHaveLength(1);
  });

  test('a key that the SSH agent holds is not asked for', async () => {
    const file = encrypted('held');
    const plain = join(fleet.dir, 'held-plain');
    writeFileSync(plain, readFileSync(file), { mode: 0o600 });
    execFileSync('ssh-keygen', ['-q', '-p', '-P', SECRET, '-N', '', '-f', plain], { stdio: 'ignore' });
    execFileSync('ssh-add', ['-q', plain], { env: { ...process.env, SSH_AUTH_SOCK: socket() } });
    const { ask, questions } = answers();
    await login(file, { ask, env: { SSH_AUTH_SOCK: socket() } });
    expect(questions).toEqual([]);
  });

  test('the only key is offered together with its signature', async () => {
    const before = fleet.sshds.a!.log();
    await login(undefined);
    const own = () => fleet.sshds.a!.log().slice(before.length);
    await eventually(() => own().includes('Accepted publickey'), 'the login is in the log');
    expect(own()).not.toContain('Postponed publickey');
  });

  test('of two keys the second is offered, too, and signed for once the server wants it', async () => {
    const stranger = makeKey(join(fleet.ssh, 'id_ecdsa'), ['-t', 'ecdsa']);
    const own = readFileSync(join(fleet.ssh, 'id_ed25519.pub'), 'utf8');
    writeFileSync(join(fleet.dir, 'sshd/a/authorized_keys'), `${stranger.publicKey}\n`);
    const before = fleet.sshds.a!.log();
    await login(undefined);
    await eventually(
      () => fleet.sshds.a!.log().slice(before.length).includes('Postponed publickey'),
      'the server is asked first',
    );
    writeFileSync(join(fleet.dir, 'sshd/a/authorized_keys'), own);
  });
});
