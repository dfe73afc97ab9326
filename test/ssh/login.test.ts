/** Which keys a login is tried with, and which of the two transports `auto` takes. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/fleet.ts';
import { hasSshd, makeKey, makeSshFleet, type SshFleet } from '../support/sshd.ts';

describe.skipIf(!hasSshd)('logins', () => {
  let fleet: SshFleet;
  let agent: ChildProcess;
  const SOCKET = () => join(fleet.dir, 'ssh-agent.sock');
  const usual = () => join(fleet.ssh, 'id_ed25519');
  const away = () => join(fleet.dir, 'moved-away');
  const sshAdd = (...args: string[]) =>
    execFileSync('ssh-add', ['-q', ...args], { env: { ...process.env, SSH_AUTH_SOCK: SOCKET() } });

  beforeAll(async () => {
    fleet = await makeSshFleet([{ name: 'a', transport: 'ssh' }]);
    agent = spawn('ssh-agent', ['-D', '-a', SOCKET()], { stdio: 'ignore' });
    await eventually(() => existsSync(SOCKET()), 'the SSH agent listens');
  });
  afterEach(() => {
    if (existsSync(away())) renameSync(away(), usual());
    sshAdd('-D');
  });
  afterAll(async () => {
    agent.kill();
    await once(agent, 'exit');
    await fleet.stop();
  });

  const attempt = async (fields: object = {}, env: Record<string, string> = {}) => {
    const catalogue = fleet.catalogue([{ ...fleet.entry('a'), ...fields }]);
    const args = ['agent', 'run-everywhere', '--output', 'json', ...catalogue, '--', 'true'];
    const { code, stdout } = await fleet.aw(args, { env });
    const exited = stdout
      .toString()
      .split('\n')
      .filter(line => line.includes('"hostExited"'))
      .map(line => JSON.parse(line))[0];
    return { code, exited };
  };
  const refused = (message: string) => ({
    code: 4,
    exited: { error: { code: 'AW_SSH_AUTH_REFUSED', message: expect.stringContaining(message) } },
  });

  test('a key of the SSH agent, after others that are refused', async () => {
    makeKey(join(fleet.dir, 'stranger'));
    sshAdd(join(fleet.dir, 'stranger'));
    sshAdd(usual());
    renameSync(usual(), away());
    expect(await attempt()).toMatchObject(refused('there was no key to offer'));
    expect(await attempt({}, { SSH_AUTH_SOCK: SOCKET() })).toMatchObject({ code: 0 });
  });

  test.each([
    ['ecdsa', ['-t', 'ecdsa']],
    ['rsa', ['-t', 'rsa', '-b', '2048']],
  ])('a file with a key of type %s', async (type, options) => {
    const { publicKey } = makeKey(join(fleet.dir, type), options);
    writeFileSync(join(fleet.dir, 'sshd/a/authorized_keys'), `${fleet.publicKey}\n${publicKey}\n`);
    expect(await attempt({ identityFile: type })).toMatchObject({ code: 0 });
  });

  test('an encrypted file: from the agent only', async () => {
    const file = join(fleet.dir, 'encrypted');
    const { publicKey } = makeKey(file);
    writeFileSync(join(fleet.dir, 'sshd/a/authorized_keys'), `${fleet.publicKey}\n${publicKey}\n`);
    sshAdd(file);
    execFileSync('ssh-keygen', ['-q', '-p', '-N', 'a passphrase', '-f', file], { stdio: 'ignore' });
    expect(await attempt({ identityFile: file })).toMatchObject(refused('encrypted: ssh-add it'));
    expect(await attempt({ identityFile: file }, { SSH_AUTH_SOCK: SOCKET() })).toMatchObject({ code: 0 });
  });

  test('with an identityFile no other key is tried', async () => {
    makeKey(join(fleet.dir, 'unknown'));
    sshAdd(usual());
    expect(
      await attempt({ identityFile: join(fleet.dir, 'unknown') }, { SSH_AUTH_SOCK: SOCKET() }),
    ).toMatchObject(refused(`offered ${join(fleet.dir, 'unknown')}; the server takes publickey`));
  });

  test('a file that others can read is not used', async () => {
    makeKey(join(fleet.dir, 'open'));
    execFileSync('chmod', ['644', join(fleet.dir, 'open')]);
    expect(await attempt({ identityFile: 'open' })).toMatchObject(refused('chmod 600'));
  });

  test('an agent that is not there is no obstacle', async () => {
    expect(await attempt({}, { SSH_AUTH_SOCK: join(fleet.dir, 'nobody') })).toMatchObject({ code: 0 });
  });

  test('auto: built in, but the system’s ssh when ~/.ssh/config has a setting for the address', async () => {
    const config = join(fleet.ssh, 'config');
    const withoutSsh = { PATH: join(fleet.dir, 'nothing') };
    expect(await attempt({ transport: 'auto' }, withoutSsh)).toMatchObject({ code: 0 });
    writeFileSync(config, 'Host 127.*\n  Compression no\n');
    expect(await attempt({ transport: 'auto' }, withoutSsh)).toMatchObject({
      exited: { error: { message: expect.stringContaining('no ssh program in PATH') } },
    });
    expect(await attempt({ transport: 'auto' })).toMatchObject({ code: 0 });
    rmSync(config);
  });
});
