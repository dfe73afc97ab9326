/** A2: one-way Mutagen sessions to local followers and over SSH, with the project's ignore rules and their health told. */
import { mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasMutagen, installFakeMutagen } from '../support/fake-mutagen/install.ts';
import { FENCED, fence, fill, read } from '../support/fence.ts';
import { eventually } from '../support/fleet.ts';
import { hasSshd, makeSshFleet, type SshFleet } from '../support/sshd.ts';

let fleet: SshFleet;
let fake: string;
let machine: string;
let catalogue: string[];
const local = ['a', 'b'];

beforeAll(async () => {
  if (!hasSshd) return;
  fleet = await makeSshFleet([{ name: 'far', transport: 'openssh' }], () => ({
    // Relative paths begin at the fleet's home here, and not at that of whoever runs the tests.
    config: [
      'ForceCommand cd "$HOME" && exec sh -c "$SSH_ORIGINAL_COMMAND"',
      'Subsystem sftp /usr/lib/openssh/sftp-server',
    ],
  }));
  machine = fleet.env.PATH!;
  fake = installFakeMutagen(fleet.dir, machine).PATH;
  const others = local.map(name => {
    mkdirSync(fleet.workspace(name), { recursive: true });
    return {
      name,
      os: 'linux',
      transport: 'local',
      workspace: fleet.workspace(name),
      env: { AW_TEST_FLEET: fleet.dir },
    };
  });
  catalogue = fleet.catalogue([fleet.entry('far'), ...others]);
});
afterAll(async () => {
  if (!hasSshd) return;
  const stopped = await fleet.aw(['agent', 'followers', 'stop', '--all', '--force', ...catalogue]);
  await fleet.stop();
  expect(stopped.code).toBe(0);
});

const files = {
  'src/main.c': 'int main(void) { return 0; }\n',
  'data/crlf.csv': 'a;b\r\n',
  'out/app.log': 'ours\n',
  'node_modules/dep/index.js': 'ours\n',
};
const synced = ['src', 'src/main.c', 'data', 'data/crlf.csv', 'link'];
const hosts = ['far', ...local];

describe.each<[string, () => string, boolean]>([
  ['the fake', () => fake, hasSshd],
  ['a real mutagen', () => machine, hasSshd && hasMutagen],
])('by %s', (name, path, isThere) => {
  test.skipIf(!isThere)(
    'A2 sessions are up, ignore rules applied, health reported',
    async () => {
      fleet.env.PATH = path();
      const canary = join(fleet.dir, `ran-${name}`);
      fill(fleet.project, files);
      writeFileSync(
        join(fleet.project, '.agents/mutagen.yml'),
        `beforeCreate: ["touch '${canary}'"]\nsync:\n  app:\n    ignore:\n      paths: ["*.log", "/out"]\n`,
      );
      symlinkSync('src/main.c', join(fleet.project, 'link'));
      for (const host of hosts) {
        rmSync(fleet.workspace(host), { recursive: true, force: true });
        mkdirSync(fleet.workspace(host));
        fill(fleet.workspace(host), { 'src/old.c': 'theirs\n', 'own.log': 'theirs\n' });
      }
      const first = await fence(fleet, '--engine', 'mutagen', '--adopt', ...catalogue);
      for (const host of hosts) {
        expect(first.hosts[host]).toMatchObject({
          state: 'consistent',
          session: {
            session: `h-${host}`,
            status: 'watching',
            isConnected: true,
            cycles: 1,
            conflicts: 0,
            problems: 0,
          },
        });
        expect(read(fleet.workspace(host))).toEqual({
          ...Object.fromEntries(
            Object.entries(read(fleet.project)).filter(([each]) => synced.includes(each)),
          ),
          'own.log': 'theirs\n',
        });
      }
      expect(first.code).toBe(0);
      expect(readdirSync(fleet.dir)).not.toContain(`ran-${name}`);
      const daemons = () =>
        readdirSync(join(fleet.dir, 'state/mutagen')).flatMap(key => {
          const own = readdirSync(join(fleet.dir, 'state/mutagen', key, 'daemon'));
          return own.filter(file => file === 'daemon.sock');
        });
      expect(daemons()).toEqual([]);

      const again = await fence(fleet, '--engine', 'mutagen', ...catalogue);
      for (const host of hosts) {
        expect(again.hosts[host]).toMatchObject({ state: 'consistent', changes: 0 });
        expect(again.hosts[host]!.digest).toBe(first.hosts[host]!.digest);
      }

      writeFileSync(join(fleet.project, 'src/main.c'), 'int main(void) { return 1; }\n');
      const run = await fleet.aw(
        [
          'agent',
          'run-everywhere',
          '--engine',
          'mutagen',
          ...catalogue,
          '--',
          'grep',
          '-c',
          'return 1',
          'src/main.c',
        ],
        { env: FENCED },
      );
      expect(run.stderr + run.stdout).not.toContain('AW_');
      expect(run.code).toBe(0);
    },
    240_000,
  );
});

test.skipIf(!hasSshd)("a host that the system's ssh is not to reach says which engine does", async () => {
  fleet.env.PATH = fake;
  fill(fleet.project, { file: 'x' });
  const entry = { ...fleet.entry('far'), transport: 'ssh' };
  const { code, hosts: results } = await fence(
    fleet,
    '--engine',
    'mutagen',
    '--adopt',
    ...fleet.catalogue([entry]),
  );
  expect(results.far!.error).toMatchObject({ code: 'AW_MUTAGEN_UNREACHABLE' });
  expect(results.far!.error!.remedy).toContain('--engine embedded');
  expect(code).toBe(3);
});

test.skipIf(!hasSshd)('a leader that is killed leaves no daemon, and the next fence goes on', async () => {
  const slow = installFakeMutagen(join(fleet.dir, 'slow'), machine);
  slow.fail({ hang: { times: 1 } });
  fleet.env.PATH = slow.PATH;
  fill(fleet.project, { other: 'y' });
  const before = fleet.processes();
  const args = [
    'agent',
    'followers',
    'sync-fence',
    '--engine',
    'mutagen',
    '--adopt',
    '--host',
    'a',
    ...catalogue,
  ];
  const leader = fleet.start(args);
  await eventually(() => slow.left().hang?.times === 0, 'a flush that hangs');
  leader.kill('SIGKILL');
  const agents = () => fleet.processes().filter(pid => !before.includes(pid));
  await eventually(() => agents().length <= 1, 'the end of all but the follower');
  const { hosts: results } = await fence(
    fleet,
    '--engine',
    'mutagen',
    '--adopt',
    '--host',
    'a',
    ...catalogue,
  );
  expect(results.a).toMatchObject({ state: 'consistent' });
  expect(read(fleet.workspace('a'))).toMatchObject({ other: 'y' });
});
