/** A leader's project, a follower's root, a real agent between them, and what lies around, which nobody may touch. */
import { createHash, randomUUID } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AwError } from '../../contract/errors.ts';
import { HostEntry } from '../../contract/hosts.ts';
import type { FenceHeld } from '../../contract/trees.ts';
import { startTestAgent, type TestAgent } from '../../follower/test-support/agent.ts';
import { type FenceSpec, type HostFence, startFence } from '../../leader/fence/fence.ts';
import { type FollowerFence, followerFence } from '../../leader/fence/follower-fence.ts';
import { connectFollower } from '../../leader/follower-client.ts';
import { createRequester } from '../../leader/follower-http.ts';
import { formatEndpoint } from '../../tunnel/endpoint.ts';
import { seededNumbers } from '../support/random.ts';

/** Path -> what is there: text is a file, `-> x` a link, `*text` a program, undefined a directory. */
export type Files = Record<string, string | undefined>;

export function make(root: string, files: Files): void {
  mkdirSync(root, { recursive: true });
  for (const [path, content] of Object.entries(files)) {
    const full = join(root, path);
    mkdirSync(content === undefined ? full : dirname(full), { recursive: true });
    if (content?.startsWith('-> ')) symlinkSync(content.slice(3), full);
    else if (content !== undefined) {
      writeFileSync(full, content, { mode: content.startsWith('*') ? 0o755 : 0o644 });
    }
  }
}

/** As `make` takes it. */
export function read(root: string): Files {
  const found: Files = {};
  for (const [path, { kind, content }] of Object.entries(look(root))) {
    found[path] = kind === 'directory' ? undefined : content;
  }
  return found;
}

interface Seen {
  kind: 'directory' | 'file' | 'link' | 'other';
  content: string;
  /** Anything that was done to it shows in its change time, whatever it was set to afterwards. */
  changed: bigint;
  mode: number;
}

/** All that is below, with what would give away that somebody wrote to it. Large files by their digest. */
export function look(root: string, at = ''): Record<string, Seen> {
  const found: Record<string, Seen> = {};
  for (const name of readdirSync(join(root, at))) {
    const path = at === '' ? name : `${at}/${name}`;
    const full = join(root, path);
    const stats = lstatSync(full, { bigint: true });
    const seen = { changed: stats.ctimeNs, mode: Number(stats.mode) };
    if (stats.isDirectory()) {
      found[path] = { kind: 'directory', content: '', ...seen };
      Object.assign(found, look(root, path));
    } else if (stats.isFile()) found[path] = { kind: 'file', content: contentOf(full), ...seen };
    else if (stats.isSymbolicLink())
      found[path] = { kind: 'link', content: `-> ${readlinkSync(full)}`, ...seen };
    else found[path] = { kind: 'other', content: '', ...seen };
  }
  return found;
}

function contentOf(file: string): string {
  const bytes = readFileSync(file);
  return bytes.length > 4096 ? createHash('sha256').update(bytes).digest('hex') : bytes.toString('latin1');
}

export interface Ground {
  dir: string;
  project: string;
  root: string;
  /** Beside them: a canary. */
  outside: string;
  readonly agent: TestAgent;
  /** Another project and an empty root; the agent stays. What was held is let go of. */
  reset(files: Files): void;
  /** Kills it, or ends it, and starts another one with the same state. */
  restartAgent(signal?: NodeJS.Signals): Promise<void>;
  /** Makes the root equal to the project, as the product does. */
  sync(options?: Partial<FenceSpec> & { port?: number }): Promise<HostFence>;
  /** Begins a fence of which every step is the test's. */
  hold(options?: { root?: string; leader?: string; id?: string }): Promise<FollowerFence & FenceHeld>;
  /** What fences have left for themselves: names of temporary files, and contents that are staged. */
  leftovers(): string[];
  close(): Promise<void>;
}

/** A fence that may do nothing but make equal. */
export const STRICT = {
  patterns: ['ignored', 'node_modules/'],
  timeoutMs: 120_000,
  connect: connectFollower,
  rehash: false,
  adopt: false,
  allowEmpty: false,
  portability: 'error',
} as const;

export async function makeGround(files: Files = {}): Promise<Ground> {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'aw-ground-')));
  const [project, root, outside] = ['project', 'root', 'outside'].map(name => join(dir, name)) as [
    string,
    string,
    string,
  ];
  make(project, files);
  make(root, {});
  make(outside, { canary: 'untouched', 'deep/canary': 'untouched' });
  const stateDir = join(dir, 'agent');
  mkdirSync(stateDir);
  let agent = await startTestAgent([], stateDir);
  const begun: FollowerFence[] = [];

  return {
    dir,
    project,
    root,
    outside,
    get agent() {
      return agent;
    },
    reset: given => {
      for (const fence of begun.splice(0)) fence.release();
      for (const path of [project, root]) rmSync(path, { recursive: true, force: true });
      make(project, given);
      make(root, {});
    },
    restartAgent: async (signal = 'SIGKILL') => {
      agent.session.destroy();
      if (agent.child.exitCode === null && agent.child.signalCode === null) await agent.end(signal);
      agent = await startTestAgent([], stateDir);
    },
    sync: async ({ port, ...spec } = {}) => {
      const endpoint =
        port === undefined ? agent.endpoint : ({ kind: 'tcp', host: '127.0.0.1', port } as const);
      const socket = formatEndpoint(endpoint);
      const host = HostEntry.parse({ name: 'f', os: 'linux', transport: 'local', workspace: root, socket });
      const fence = await startFence({
        hosts: [host],
        project,
        context: { stateDir: join(dir, 'leader'), timeoutMs: 20_000, start: false },
        ...STRICT,
        ...spec,
      });
      return (await fence.results).f!;
    },
    hold: async ({ root: wanted = root, leader = 'me@here', id = randomUUID() } = {}) => {
      const requester = createRequester(agent.session, { fault: undefined } as never, {});
      const fence = followerFence(requester, id, new AbortController().signal);
      begun.push(fence);
      // A fence of the product that has just ended may not have let go yet.
      const held = await onceFree(() => fence.hold({ root: wanted, leader }), `:${project}`);
      return { ...fence, ...held };
    },
    leftovers: () => {
      const trees = join(stateDir, 'trees');
      const staged = (existsSync(trees) ? readdirSync(trees) : []).flatMap(name => {
        const staging = join(trees, name, 'staging');
        return existsSync(staging) ? readdirSync(staging) : [];
      });
      return [...staged, ...Object.keys(look(root)).filter(path => path.includes('.aw-temporary-'))];
    },
    close: async () => {
      for (const fence of begun) fence.release();
      await agent.close();
      rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** The same numbers for the same seed. @returns whole numbers below `limit` */
export function seeded(seed: number): (limit: number) => number {
  const next = seededNumbers(seed);
  return limit => next() % limit;
}

/** As soon as the root is free. @param holder waits for this one only */
export async function onceFree<T>(act: () => Promise<T>, holder = ''): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await act();
    } catch (error) {
      const { code, message } = error as AwError;
      if (code !== 'AW_TREE_LOCKED' || !message.includes(holder) || tries === 600) throw error;
      await sleep(20);
    }
  }
}
