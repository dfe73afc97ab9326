/** No byte goes to a host that does not show the key it should, over either transport. */
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { exitOf } from '../support/fleet.ts';
import { hasSshd, type KeyPair, makeKey, makeSshFleet, type SshFleet, startSshd } from '../support/sshd.ts';

describe.skipIf(!hasSshd)('host keys', () => {
  let fleet: SshFleet;
  let other: KeyPair;
  const transports = ['ssh', 'openssh'];
  beforeAll(async () => {
    fleet = await makeSshFleet([{ name: 'a', transport: 'ssh' }]);
    // A connection that a resident leader holds was checked when it was made.
    fleet.env.AW_NO_DAEMON = '1';
    other = makeKey(join(fleet.dir, 'other'));
  });
  afterAll(async () => {
    record(`${address()} ${sshd().publicKey}`);
    await fleet.stop();
  });
  beforeEach(() => record());

  const sshd = () => fleet.sshds.a!;
  const address = () => `[127.0.0.1]:${sshd().port}`;
  const knownHosts = () => join(fleet.ssh, 'known_hosts');
  const record = (...lines: string[]) => writeFileSync(knownHosts(), lines.map(line => `${line}\n`).join(''));
  const attempt = async (transport: string, fields: object = {}, options: string[] = []) => {
    const catalogue = fleet.catalogue([{ ...fleet.entry('a'), transport, ...fields }]);
    const run = await fleet.run([...catalogue, ...options, '--', 'true']);
    return { code: run.code, exited: exitOf(run.events, 'a') };
  };
  const passed = { code: 0, exited: { reason: 'exited', code: 0 } };
  const refused = (code: string, message: string, remedy = '') => ({
    code: 4,
    exited: {
      reason: 'lost',
      error: { code, message: expect.stringContaining(message), remedy: expect.stringContaining(remedy) },
    },
  });

  describe.each(transports)('over %s', transport => {
    test('on record', async () => {
      record(`${address()} ${sshd().publicKey}`);
      expect(await attempt(transport)).toMatchObject(passed);
    });

    test('unknown', async () => {
      expect(await attempt(transport)).toMatchObject(
        refused('AW_SSH_HOST_KEY_UNKNOWN', address(), '--accept-new-host-keys'),
      );
      expect(readFileSync(knownHosts(), 'utf8')).toBe('');
    });

    test('unknown, accepted and put on record, and good from then on', async () => {
      rmSync(knownHosts());
      expect(await attempt(transport, {}, ['--accept-new-host-keys'])).toMatchObject(passed);
      const key = sshd().publicKey.split(' ').slice(0, 2).join(' ');
      expect(readFileSync(knownHosts(), 'utf8')).toContain(`${key}\n`);
      expect(await attempt(transport)).toMatchObject(passed);
    });

    test('changed, which is not accepted as new', async () => {
      record(`${address()} ${other.publicKey}`);
      expect(await attempt(transport, {}, ['--accept-new-host-keys'])).toMatchObject(
        refused('AW_SSH_HOST_KEY_CHANGED', sshd().fingerprint, `ssh-keygen -R '${address()}'`),
      );
      expect(readFileSync(knownHosts(), 'utf8')).toBe(`${address()} ${other.publicKey}\n`);
    });

    test('revoked, though it is on record as well', async () => {
      record(`${address()} ${sshd().publicKey}`, `@revoked * ${sshd().publicKey}`);
      expect(await attempt(transport)).toMatchObject(refused('AW_SSH_HOST_KEY_REVOKED', address()));
    });

    test('the fingerprint of the catalogue, whatever known_hosts says', async () => {
      record(`${address()} ${other.publicKey}`);
      expect(await attempt(transport, { hostKey: sshd().fingerprint })).toMatchObject(passed);
    });

    test('another fingerprint than that of the catalogue', async () => {
      record(`${address()} ${sshd().publicKey}`);
      const wrong = await attempt(transport, { hostKey: other.fingerprint }, ['--accept-new-host-keys']);
      expect(wrong).toMatchObject(
        refused('AW_SSH_HOST_KEY_CHANGED', other.fingerprint, 'correct "hostKey" of a in the catalogue'),
      );
    });
  });

  test('a host certificate: refused by the built-in SSH, so auto takes the one that can check it', async () => {
    const file = (name: string) => join(fleet.dir, name);
    makeKey(file('authority'));
    makeKey(file('certified'));
    const sign = ['-q', '-s', file('authority'), '-I', 'a host', '-h', '-n', '127.0.0.1'];
    execFileSync('ssh-keygen', [...sign, file('certified.pub')]);
    const certified = await startSshd({
      dir: file('certified-sshd'),
      authorizedKeys: `${fleet.publicKey}\n`,
      env: { AW_TEST_FLEET: fleet.dir },
      config: [`HostKey ${file('certified')}`, `HostCertificate ${file('certified-cert.pub')}`],
    });
    try {
      const { port } = certified;
      // What is started there ends as a program that is missing: that far it only gets after the login.
      const fields = { port, agent: '/nowhere/aw-follower' };
      record(`@cert-authority [127.0.0.1]:${port} ${readFileSync(file('authority.pub'), 'utf8').trim()}`);
      expect(await attempt('ssh', fields)).toMatchObject(
        refused('AW_SSH_HOST_KEY_UNKNOWN', 'only transport "openssh" can check certificates'),
      );
      expect(await attempt('auto', fields)).toMatchObject(
        refused('AW_AGENT_MISSING', '/nowhere/aw-follower'),
      );
      record(`@cert-authority [127.0.0.1]:${port} ${other.publicKey}`);
      expect(await attempt('auto', fields)).toMatchObject(refused('AW_SSH_HOST_KEY_UNKNOWN', ''));
    } finally {
      await certified.stop();
    }
  });
});
