/**
 * Snapshots as commits of a repository of our own, one for each project, which keeps equal contents once. The project's own
 * repository is never opened: its index, its configuration, its hooks, filters and attributes have no part in this.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { AwError } from '../../contract/errors.ts';
import type { TreeNode } from '../../follower/tree/node.ts';
import { type Lock, lockHolder, takeLock } from '../../tunnel/lock.ts';
import { fileContent } from '../fence/content.ts';
import { writeWhole } from '../state.ts';
import { importStream } from './git-stream.ts';
import { findProgram, searchPath, snapshotFailed } from './program.ts';
import type { Provider } from './provider.ts';

/** For whoever takes files out of it by hand: that they come as they are stored. */
const ATTRIBUTES = '* -text -eol -filter -ident -working-tree-encoding -export-ignore -export-subst\n';
/** Milliseconds: for another snapshot of the project to be finished, or one to be forgotten. */
const PATIENCE = 120_000;
/** Milliseconds: for all of a project to be read and compressed. */
const LIMIT = 30 * 60_000;
/** Of what git says when it fails. */
const COMPLAINT = 4096;

const refOf = (id: string) => `refs/snapshots/${id}`;
/** Everything in the tree: git has no empty directories. */
export const manifestFile = (directory: string, id: string) => join(directory, id, 'manifest.ndjson');

export const git: Provider = {
  name: 'git',
  obstacle: async () => ((await findProgram('git')) === undefined ? 'there is no program git' : undefined),

  place: ({ project, directory }) => {
    const name = createHash('sha256').update(project).digest('hex').slice(0, 16);
    return join(directory, 'repositories', `${name}.git`);
  },

  async take({ project, directory }, repository, id, tree) {
    const entries = await tree.entries();
    writeWhole(manifestFile(directory, id), entries.map(manifestLine).join(''));
    return locked(repository, async () => {
      if (!existsSync(join(repository, 'info/attributes'))) await initialise(repository);
      const commit = { ref: refOf(id), message: `${id}\n`, time: Date.now() };
      const stream = importStream(commit, entries, (path, { sha256, size }) =>
        fileContent(join(project, path), sha256, size),
      );
      await run(repository, ['fast-import', '--quiet', '--done'], stream);
      return { commit: (await readFile(join(repository, refOf(id)), 'utf8')).trim() };
    });
  },

  async remove(repository, id) {
    if (!existsSync(repository)) return;
    await locked(repository, async () => {
      const isWhole = existsSync(join(repository, 'info/attributes'));
      if (isWhole) await run(repository, ['update-ref', '-d', refOf(id)]);
      if (isWhole && readdirSync(join(repository, 'refs/snapshots')).length > 0) await collect(repository);
      else await rm(repository, { recursive: true, force: true });
    });
  },
};

/** The attributes are written last: with them it is complete. */
async function initialise(repository: string): Promise<void> {
  await rm(repository, { recursive: true, force: true });
  mkdirSync(repository, { recursive: true, mode: 0o700 });
  await run(repository, ['init', '--quiet', '--bare', '--template=', repository]);
  // No reference may be moved to where an empty directory of them is not looked for; no name is taken for another.
  await run(repository, ['config', 'gc.packRefs', 'false']);
  for (const name of ['core.protectNTFS', 'core.protectHFS'])
    await run(repository, ['config', name, 'false']);
  mkdirSync(join(repository, 'refs/snapshots'), { recursive: true });
  mkdirSync(join(repository, 'info'), { recursive: true });
  writeFileSync(join(repository, 'info/attributes'), ATTRIBUTES);
}

/** Removes what no snapshot has, and what an import that was killed has left. */
async function collect(repository: string): Promise<void> {
  for (const name of readdirSync(repository)) {
    if (name.startsWith('fast_import_crash_')) await rm(join(repository, name), { force: true });
  }
  await run(repository, ['gc', '--quiet', '--prune=now']);
}

/** @param input what it reads on its standard input. @throws what `input` throws, AW_SNAPSHOT_FAILED */
async function run(
  repository: string,
  args: string[],
  input: AsyncIterable<Buffer> = nothing(),
): Promise<void> {
  const file = await findProgram('git');
  if (file === undefined) throw snapshotFailed('git', 'there is no program git');
  const child = spawn(file, args, {
    cwd: repository,
    env: {
      PATH: searchPath(),
      LC_ALL: 'C',
      HOME: repository,
      GIT_DIR: repository,
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_TERMINAL_PROMPT: '0',
    },
    stdio: ['pipe', 'ignore', 'pipe'],
    timeout: LIMIT,
    killSignal: 'SIGKILL',
  });
  const ended = once(child, 'close');
  ended.catch(() => {});
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (said.length < COMPLAINT) said += text;
  });
  let failure: unknown;
  const watched = async function* () {
    try {
      yield* input;
    } catch (error) {
      failure = error;
      throw error;
    }
  };
  // Whether it did not want all of its input is told by how it ends.
  await pipeline(Readable.from(watched(), { objectMode: false }), child.stdin).catch(() => {});
  const [code, signal] = await ended.catch(error => {
    throw snapshotFailed('git', (error as Error).message, error);
  });
  if (failure instanceof AwError) throw failure;
  if (failure !== undefined || code !== 0)
    throw snapshotFailed('git', said.trim() || String(failure ?? `it ended with ${signal ?? code}`), failure);
}

async function* nothing(): AsyncGenerator<Buffer> {}

/** One at a time in a repository: what one has written and nothing refers to yet, another would take away. */
async function locked<T>(repository: string, work: () => Promise<T>): Promise<T> {
  mkdirSync(join(repository, '..'), { recursive: true, mode: 0o700 });
  const path = `${repository}.lock`;
  let lock: Lock | undefined;
  for (const end = performance.now() + PATIENCE; ; await sleep(50)) {
    lock = takeLock(path);
    if (lock !== undefined) break;
    if (performance.now() > end)
      throw snapshotFailed('git', `process ${lockHolder(path)} works in ${repository}`);
  }
  try {
    return await work();
  } finally {
    lock.release();
  }
}

function manifestLine([path, node]: [string, TreeNode]): string {
  const { kind } = node;
  switch (node.kind) {
    case 'file': {
      const { size, sha256, executable } = node;
      return `${JSON.stringify({ path, kind, size, sha256, executable })}\n`;
    }
    case 'symlink':
      return `${JSON.stringify({ path, kind, target: node.target })}\n`;
    case 'directory':
      return `${JSON.stringify({ path, kind })}\n`;
  }
}
