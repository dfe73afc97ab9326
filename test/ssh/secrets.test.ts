/** Values of variables, keys and tokens: in no argument of any process, in no file but those that are for them, in no event. */
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/fleet.ts';
import { allArguments } from '../support/processes.ts';
import { hasSshd, makeSshFleet, type SshFleet } from '../support/sshd.ts';

const SECRET = 'hunter2-correct-horse';
const WAIT = 'touch ready; until [ -e go ]; do sleep 0.05; done; [ -n "$TOKEN" ] && echo has it';

const modes: Record<string, { hosts: string[]; options: string[] }> = {
  'with agents, by the resident leader': { hosts: ['ssh', 'openssh'], options: [] },
  'with agents, by the command itself': { hosts: ['ssh', 'openssh'], options: ['--no-daemon'] },
  'without agents': { hosts: ['bare-ssh', 'bare-openssh'], options: [] },
  'through a jump host': { hosts: ['behind-ssh', 'behind-openssh'], options: [] },
};

describe.skipIf(!hasSshd)('a secret', () => {
  let fleet: SshFleet;
  let catalogue: string[];
  const all = Object.values(modes).flatMap(({ hosts }) => hosts);
  beforeAll(async () => {
    fleet = await makeSshFleet(
      [...new Set(all), 'gate'].map(name => ({
        name,
        transport: name.endsWith('openssh') ? 'openssh' : 'ssh',
        ...(name.startsWith('bare') ? { agentless: true } : {}),
      })),
    );
    const hosts = [...new Set(all)].map(name => ({
      ...fleet.entry(name),
      ...(name.startsWith('behind') ? { jump: 'gate' } : {}),
    }));
    catalogue = fleet.catalogue([...hosts, fleet.entry('gate')]);
  });
  afterAll(() => fleet.stop());
  const file = (host: string, name: string) => join(fleet.workspace(host), name);
  afterEach(() => {
    for (const host of all) for (const name of ['ready', 'go']) rmSync(file(host, name), { force: true });
  });

  test.each(Object.entries(modes))('%s', async (_, { hosts, options }) => {
    const selected = hosts.flatMap(host => ['--host', host]);
    const command = fleet.start(
      [
        'agent',
        'run-everywhere',
        '--output',
        'json',
        ...catalogue,
        ...options,
        ...selected,
        '--env',
        'TOKEN',
        '-c',
        WAIT,
      ],
      { env: { TOKEN: SECRET } },
    );
    const printed: Buffer[] = [];
    for (const stream of [command.stdout!, command.stderr!]) stream.on('data', chunk => printed.push(chunk));
    await eventually(() => hosts.every(host => existsSync(file(host, 'ready'))), 'all run');
    const seen = allArguments();
    for (const host of hosts) writeFileSync(file(host, 'go'), '');
    const [code] = await once(command, 'close');
    const text = Buffer.concat(printed).toString();
    expect([code, text.split('"has it').length - 1]).toEqual([0, hosts.length]);

    const keys = readFileSync(join(fleet.ssh, 'id_ed25519'), 'utf8').split('\n').slice(3, 5);
    const secrets = [SECRET, Buffer.from(SECRET).toString('base64').slice(0, 20), ...keys];
    const hidden = (what: string) => secrets.every(secret => !what.includes(secret));
    // What was looked at is what runs: the command and what leads to the hosts.
    expect(seen.filter(line => line.includes(fleet.dir)).length).toBeGreaterThan(hosts.length);
    expect(seen.filter(line => !hidden(line))).toEqual([]);
    expect(hidden(text)).toBe(true);
    expect(filesBelow(fleet.dir).filter(path => !hidden(readFileSync(path, 'latin1')))).toEqual(
      filesBelow(fleet.ssh).filter(path => path.endsWith('/id_ed25519')),
    );
  });
});

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map(name => join(directory, name))
    .filter(path => statSync(path, { throwIfNoEntry: false })?.isFile());
}
