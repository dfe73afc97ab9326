/** Snapshots of projects on real file systems, in images of their own, and fences that read from them. */
import { execFileSync, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { AwError } from '../../contract/errors.ts';
import { isKnown } from '../../contract/events.ts';
import type { SnapshotChoice } from '../../contract/snapshot-names.ts';
import type { Snapshot } from '../../contract/snapshots.ts';
import { createLeaderTrees } from '../../leader/fence/leader-tree.ts';
import { readFrozen } from '../../leader/snapshots/freeze.ts';
import { createSnapshot, deleteSnapshot, listSnapshots } from '../../leader/snapshots/index.ts';
import { snapshotIds } from '../../leader/snapshots/record.ts';
import { FENCED } from '../support/fence.ts';
import { type Fleet, makeFleet, parseEvents } from '../support/fleet.ts';
import { killMaking } from '../support/killed-snapshots.ts';
import { canMount, type Mount, mountImage } from '../support/mounts.ts';

const subvolume = (...args: string[]) => execFileSync('btrfs', ['subvolume', ...args], { stdio: 'pipe' });
const code = (thrown: unknown) => (thrown instanceof AwError ? thrown.code : String(thrown));

describe.skipIf(!canMount('btrfs'))('btrfs', () => {
  let mount: Mount;
  let fleet: Fleet;
  let project: string;

  beforeAll(() => {
    mount = mountImage('btrfs');
  });
  afterAll(() => mount.unmount());
  beforeEach(() => {
    fleet = makeFleet([{ name: 'a' }]);
    project = join(mount.path, 'project');
    subvolume('create', project);
    mkdirSync(join(project, '.agents'));
    writeFileSync(join(project, '.agents/hosts.json'), readFileSync(fleet.hostsFile));
    writeFileSync(join(project, 'a.txt'), 'a\r\n');
  });
  afterEach(async () => {
    const { stdout } = await fleet.aw(['agent', 'snapshot', 'list', '--json']);
    const ids = records(stdout).map(({ id }) => id);
    if (ids.length > 0) await fleet.aw(['agent', 'snapshot', 'delete', ...ids]);
    await fleet.stop();
    for (const name of readdirSync(project, { recursive: true, encoding: 'utf8' })) {
      if (name.endsWith('inner')) subvolume('delete', join(project, name));
    }
    subvolume('delete', project);
    expect(readdirSync(mount.path)).toEqual([]);
  });

  const records = (stdout: Buffer) =>
    stdout
      .toString()
      .split('\n')
      .filter(line => line !== '')
      .map((line): Snapshot => JSON.parse(line));
  const aw = (...args: string[]) => fleet.aw(args, { cwd: project, env: FENCED });
  const fence = (...args: string[]) => aw('agent', 'followers', 'sync-fence', ...args);
  const snapshots = async () => records((await aw('agent', 'snapshot', 'list', '--json')).stdout);

  test('a fence takes one by itself, where the project is a subvolume, and says which', async () => {
    const fenced = await fence();
    expect(fenced.stderr).toBe('');
    const [snapshot, ...others] = await snapshots();
    expect(others).toEqual([]);
    expect(snapshot).toMatchObject({ provider: 'btrfs', project, files: 2 });
    expect(fenced.stdout.toString()).toContain(snapshot!.id);
    expect(readFileSync(join(fleet.workspace('a'), 'a.txt'), 'latin1')).toBe('a\r\n');
    expect(() => writeFileSync(join(snapshot!.path!, 'a.txt'), '')).toThrow('EROFS');

    writeFileSync(join(project, 'a.txt'), 'b');
    expect(readFileSync(join(snapshot!.path!, 'a.txt'), 'latin1')).toBe('a\r\n');
    const ran = await aw('agent', 'run-everywhere', '--output', 'json', '--', 'cat', 'a.txt');
    const events = parseEvents(ran.stdout);
    const ids = [
      events.find(event => isKnown(event, 'fenceStarted'))?.snapshotId,
      events.find(event => isKnown(event, 'fenceResult'))?.snapshotId,
    ];
    const newest = (await snapshots()).at(-1)!;
    expect(ids).toEqual([newest.id, newest.id]);
    expect(newest.id).not.toBe(snapshot!.id);
  });

  test('what is read from it has the contents and the times of the moment', async () => {
    const stateDir = join(fleet.dir, 'state');
    const trees = createLeaderTrees(stateDir);
    try {
      const options = { stateDir, choice: 'auto', purpose: 'fence', proof: 'project' } as const;
      const { tree, snapshot } = await readFrozen(trees, project, [], options);
      const hash = createHash('sha256').update('a\r\n').digest('hex');
      writeFileSync(join(project, 'a.txt'), 'bbb');
      const chunks: Buffer[] = [];
      for await (const chunk of tree.contents([{ sha256: hash, size: 3 }])) chunks.push(chunk);
      expect(Buffer.concat(chunks).subarray(-3).toString()).toBe('a\r\n');
      tree.close();

      // The snapshot's files are not the project's: what was seen there is not believed here.
      const next = await trees.read(project, []);
      expect(next.digest).not.toBe(snapshot!.treeDigest);
      next.close();
    } finally {
      await trees.close();
    }
  });

  test('a subvolume in the project would be missing: named, it is refused; otherwise done without', async () => {
    mkdirSync(join(project, 'lib'));
    subvolume('create', join(project, 'lib/inner'));
    writeFileSync(join(project, 'lib/inner/b.txt'), 'b');
    const refused = await fence('--snapshot', 'btrfs');
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('AW_SNAPSHOT_UNSUITABLE');
    expect(refused.stderr).toContain('"lib/inner" is a subvolume of its own');
    expect(refused.stderr).toContain('reflink');
    const { code, stdout } = await fence();
    expect(code).toBe(0);
    expect(stdout.toString()).toContain('snapshot tree-');
    expect(readFileSync(join(fleet.workspace('a'), 'lib/inner/b.txt'), 'utf8')).toBe('b');
    expect(await snapshots()).toEqual([]);
    expect(readdirSync(mount.path)).toEqual(['project']);

    expect((await aw('agent', 'snapshot', 'create')).stderr).toBe('');
    const [kept] = await snapshots();
    expect(kept?.provider).toBe('copy');
    expect(readFileSync(join(kept!.path!, 'lib/inner/b.txt'), 'utf8')).toBe('b');
  });

  test('a subvolume in what is ignored is no matter', async () => {
    mkdirSync(join(project, 'node_modules'));
    subvolume('create', join(project, 'node_modules/inner'));
    expect((await fence('--snapshot', 'btrfs')).stderr).toBe('');
    expect(await snapshots()).toHaveLength(1);
  });

  test('create, list, delete', async () => {
    const created = await aw('agent', 'snapshot', 'create', '--name', 'before-the-port');
    expect(created.stderr).toBe('');
    const [snapshot] = await snapshots();
    expect(created.stdout.toString()).toContain(snapshot!.id);
    const listed = (await aw('agent', 'snapshot', 'list')).stdout.toString();
    expect(listed).toMatch(/^snapshot .*provider .*created .*files .*size .*name .*project .*where/);
    expect(listed).toMatch(/btrfs .* 2 .* before-the-port/);
    const deleted = await aw('agent', 'snapshot', 'delete', snapshot!.id, 'snap-20200101-000000-000000');
    expect(deleted.code).toBe(2);
    expect(deleted.stdout.toString()).toBe(`${snapshot!.id} deleted\n`);
    expect(deleted.stderr).toContain('AW_SNAPSHOT_NOT_FOUND');
    expect(existsSync(snapshot!.path!)).toBe(false);
    const bad = await aw('agent', 'snapshot', 'create', '--name', '../x');
    expect([bad.code, bad.stderr]).toEqual([2, expect.stringContaining('AW_USAGE')]);
  });

  test('an ordinary user makes and deletes those of a subvolume that is his', async () => {
    const nobody = 65_534;
    chownSync(mount.path, nobody, nobody);
    for (const path of [mount.path, join(mount.path, '..')]) chmodSync(path, 0o755);
    for (const path of [project, join(project, '.agents'), join(project, 'a.txt')])
      chownSync(path, nobody, nobody);
    const script = join(mount.path, 'project/script.ts');
    const options = JSON.stringify({ stateDir: join(project, 'node_modules'), provider: 'btrfs' });
    writeFileSync(
      script,
      `import { createSnapshot, deleteSnapshot } from ${JSON.stringify(join(process.cwd(), 'leader/snapshots/index.ts'))};
      const snapshot = await createSnapshot(${JSON.stringify(project)}, ${options});
      process.stdout.write(\`\${snapshot.provider} \${snapshot.files}\`);
      await deleteSnapshot(snapshot.id, ${options});`,
    );
    const said = execFileSync(process.execPath, [script], {
      uid: nobody,
      gid: nobody,
      encoding: 'utf8',
      cwd: '/',
    });
    expect(said).toBe('btrfs 3');
    expect(readdirSync(mount.path)).toEqual(['project']);
    chownSync(mount.path, 0, 0);
  });
});

describe.skipIf(!canMount('btrfs'))('btrfs, when things go wrong', () => {
  let mount: Mount;

  beforeAll(() => {
    mount = mountImage('btrfs');
  });
  afterAll(() => mount.unmount());

  test.each(['btrfs', 'reflink'] as const)(
    '%s: killed at any moment, it leaves nothing that the next does not remove',
    { timeout: 600_000 },
    async provider => {
      const project = join(mount.path, `project-${provider}`);
      const stateDir = join(mount.path, 'ignored/state');
      mkdirSync(stateDir, { recursive: true });
      subvolume('create', project);
      for (let file = 0; file < 100; file++) writeFileSync(join(project, `f${file}`), `${file}`.repeat(500));
      const directory = join(stateDir, 'snapshots');
      const options = { stateDir, provider };
      const interrupted = await killMaking(project, options, join(mount.path, 'script.ts'), 6);
      expect(interrupted).toBe(6);
      await createSnapshot(project, options);
      const made = listSnapshots({ stateDir })
        .map(({ id }) => id)
        .sort();
      expect(readdirSync(join(directory, 'trees')).sort()).toEqual(made);
      expect(readdirSync(directory).sort()).toEqual([...made, 'trees']);
      for (const id of made) await deleteSnapshot(id, { stateDir });
      expect(readdirSync(directory)).toEqual([]);
      subvolume('delete', project);
    },
  );

  test.each([
    ['copy', 'AW_DISK'],
    ['git', 'AW_SNAPSHOT_FAILED'],
  ] as const)(
    '%s: a disk that is full is said to be, and nothing of it stays',
    async (provider, expected) => {
      const dir = mkdtempSync(join(tmpdir(), 'aw-full-'));
      const stateDir = join(dir, 'state');
      const project = join(dir, 'project');
      mkdirSync(stateDir);
      mkdirSync(project);
      writeFileSync(join(project, 'large'), randomBytes(3_000_000));
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', stateDir]);
      try {
        const failed = await createSnapshot(project, { stateDir, provider }).catch(code);
        expect(failed).toBe(expected);
        expect(listSnapshots({ stateDir })).toEqual([]);
        expect(snapshotIds(join(stateDir, 'snapshots'))).toEqual([]);
      } finally {
        execFileSync('umount', [stateDir]);
        rmSync(dir, { recursive: true });
      }
    },
  );
});

describe.skipIf(!canMount('xfs'))('xfs', () => {
  let mount: Mount;
  let stateDir: string;

  beforeAll(() => {
    mount = mountImage('xfs');
    stateDir = mkdtempSync(join(tmpdir(), 'aw-xfs-'));
  });
  afterAll(() => {
    rmSync(stateDir, { recursive: true });
    mount.unmount();
  });

  test('copies that share their blocks: more of them than the disk could hold', async () => {
    const project = join(mount.path, 'project');
    mkdirSync(project);
    const content = Buffer.alloc(100_000_000, 'x');
    writeFileSync(join(project, 'large'), content);
    writeFileSync(join(project, 'run'), '#!/bin/sh\n', { mode: 0o755 });
    const made: Snapshot[] = [];
    for (let round = 0; round < 6; round++) {
      made.push(await createSnapshot(project, { stateDir, provider: round === 0 ? 'auto' : 'reflink' }));
    }
    expect(new Set(made.map(({ provider }) => provider))).toEqual(new Set(['reflink']));
    writeFileSync(join(project, 'large'), 'another');
    for (const { path } of made) expect(readFileSync(join(path!, 'large')).equals(content)).toBe(true);
    execFileSync('test', ['-x', join(made[0]!.path!, 'run')]);
    for (const { id } of made) await deleteSnapshot(id, { stateDir });
    expect(readdirSync(mount.path)).toEqual(['project']);
  });
});

/**
 * A program writes `a`, then `b`, over and over, each time the next number: at every moment `a` is equal to `b` or one ahead.
 * Reading one early and the other late makes up moments that never were.
 */
describe('a project that is written to while it is frozen', () => {
  const SIZE = 64 * 1024;
  const content = (version: number) => String(version).padEnd(SIZE, '.');
  const writer = `
    const { openSync, writeSync, closeSync, writeFileSync } = require('node:fs');
    const [root] = process.argv.slice(1);
    const put = (name, version) => {
      const file = openSync(root + '/' + name, version === 0 ? 'w' : 'r+');
      writeSync(file, String(version).padEnd(${SIZE}, '.'));
      closeSync(file);
    };
    const pause = ms => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
    put('a', 0);
    put('b', 0);
    process.stdout.write('ready');
    for (let version = 1; version < 100_000; version++) {
      put('a', version);
      put('b', version);
      // Mostly in bursts, as tools write.
      pause(version % 20 === 0 ? 150 : version % 3);
    }`;

  async function freezeMany(mount: string, choice: SnapshotChoice, tries: number) {
    const dir = mkdtempSync(join(tmpdir(), 'aw-torn-'));
    const stateDir = join(dir, 'state');
    const project = join(mount, `project-${choice}`);
    if (choice === 'btrfs') subvolume('create', project);
    else mkdirSync(project);
    const child = spawn(process.execPath, ['-e', writer, project], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'exit');
    const trees = createLeaderTrees(stateDir);
    const versions = new Map<string, number>();
    let known = 0;
    const versionOf = (hash: string): number => {
      for (; !versions.has(hash) && known < 100_000; known++)
        versions.set(createHash('sha256').update(content(known)).digest('hex'), known);
      return versions.get(hash) ?? Number.NaN;
    };
    const seen = { frozen: 0, torn: [] as unknown[] };
    try {
      await once(child.stdout, 'data');
      for (let round = 0; round < tries; round++) {
        try {
          const options = { stateDir, choice, purpose: 'fence', proof: 'project' } as const;
          const { tree, snapshot } = await readFrozen(trees, project, [], options);
          const entries = await tree.thread.call('entries', tree.digest);
          const hashes = entries.map(([, node]) => (node.kind === 'file' ? node.sha256 : ''));
          const [a, b] = hashes.map(versionOf) as [number, number];
          const files = snapshot === undefined ? [] : filesOf(snapshot);
          const isSame = files.every(
            (bytes, index) => createHash('sha256').update(bytes).digest('hex') === hashes[index],
          );
          if (!(a - b === 0 || a - b === 1) || !isSame) seen.torn.push({ a, b, isSame });
          seen.frozen++;
          tree.close();
        } catch (error) {
          expect(code(error)).toBe('AW_LEADER_UNSTABLE');
        }
      }
    } finally {
      child.kill('SIGKILL');
      await ended;
      await trees.close();
      for (const { id } of listSnapshots({ stateDir })) await deleteSnapshot(id, { stateDir });
      rmSync(dir, { recursive: true });
      if (choice === 'btrfs') subvolume('delete', project);
    }
    return seen;
  }

  function filesOf({ path, place, commit }: Snapshot): Buffer[] {
    const show = (name: string) =>
      execFileSync('git', ['--git-dir', place, 'show', `${commit}:${name}`], { maxBuffer: 1 << 24 });
    return ['a', 'b'].map(name => (path === undefined ? show(name) : readFileSync(join(path, name))));
  }

  test.skipIf(!canMount('btrfs'))('btrfs, 200 times', { timeout: 600_000 }, async () => {
    const mount = mountImage('btrfs');
    try {
      const { torn, frozen } = await freezeMany(mount.path, 'btrfs', 200);
      expect(torn).toEqual([]);
      expect(frozen).toBeGreaterThan(0);
    } finally {
      mount.unmount();
    }
  });

  test.each(['none', 'copy', 'git'] as const)('%s', { timeout: 600_000 }, async choice => {
    const dir = mkdtempSync(join(tmpdir(), 'aw-torn-'));
    try {
      const { torn, frozen } = await freezeMany(dir, choice, 30);
      expect(torn).toEqual([]);
      expect(frozen).toBeGreaterThan(0);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  test.skipIf(!canMount('xfs'))('reflink', { timeout: 600_000 }, async () => {
    const mount = mountImage('xfs');
    try {
      const { torn, frozen } = await freezeMany(mount.path, 'reflink', 30);
      expect(torn).toEqual([]);
      expect(frozen).toBeGreaterThan(0);
    } finally {
      mount.unmount();
    }
  });
});
