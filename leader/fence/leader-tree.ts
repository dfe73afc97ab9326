/** The leader's trees, one thread for each project: kept for the next fence by whoever leads more than one. They are only ever read. */
import { createHash } from 'node:crypto';
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Content, LinesDigest } from '../../contract/trees.ts';
import { startThread, type Thread } from '../../follower/tree/thread.ts';
import { makePrivateDirectory } from '../state.ts';
import { bootId } from './boot.ts';
import { contentFrames } from './content.ts';
import { type LargeFiles, largeFiles, type RecipeCache } from './large-files.ts';
import type { SmallFile } from './small-files.ts';
import type { LeaderScan, LeaderTreeMethods, Memory } from './tree-worker.ts';

/** Milliseconds that a tree stays in memory unused. */
const IDLE = 10 * 60_000;
/** Contents whose paths are known at one time. */
const PATHS = 20_000;
/** Trees in memory; of those beyond them the ones that nobody uses go. */
const IN_MEMORY = 4;
/** Trees remembered on disk. */
const ON_DISK = 16;

export interface LeaderTree extends LeaderScan {
  patterns: readonly string[];
  thread: Thread<LeaderTreeMethods>;
  /**
   * Of these contents, one after the other, as the follower takes them.
   * @param root of a copy of the tree; default the project
   * @throws AW_LEADER_UNSTABLE
   */
  contents(wanted: readonly Content[], root?: string): AsyncGenerator<Buffer>;
  /** The files with these contents, in chunks. @param root as above */
  large(wanted: readonly Content[], root?: string): Promise<LargeFiles>;
  /** Of those of the project's files that are texts, what is in their lines. */
  lines(paths: readonly string[]): Promise<LinesDigest[]>;
  /** Once nobody asks for anything of it any more. */
  close(): void;
}

export interface LeaderTrees {
  /**
   * The tree as it is at a moment after this call. Calls that are made before the look for the first of them has begun share
   * that look.
   * @param project absolute
   * @throws as `read` of `tree-worker.ts`
   */
  read(project: string, patterns: readonly string[]): Promise<LeaderTree>;
  /** Writes down what the next process can use, and ends the threads. */
  close(): Promise<void>;
}

interface Project {
  thread: Thread<LeaderTreeMethods>;
  memory: Memory | undefined;
  recipes: RecipeCache;
  /** Settles when all looks so far are through. */
  looks: Promise<unknown>;
  /** A look that has not begun. */
  next: Reading | undefined;
  users: number;
  idle: NodeJS.Timeout | undefined;
}

interface Reading {
  key: string;
  scan: Promise<LeaderScan>;
  users: number;
}

/** @param stateDir of the leader */
export function createLeaderTrees(stateDir: string): LeaderTrees {
  const projects = new Map<string, Project>();

  const end = async (path: string, project: Project) => {
    clearTimeout(project.idle);
    if (projects.get(path) === project) projects.delete(path);
    const { thread, memory } = project;
    if (memory !== undefined) await thread.call('remember', memory).catch(() => {});
    await thread.close();
  };
  const projectAt = (path: string): Project => {
    const there = projects.get(path);
    if (there?.thread.hasEnded === false) {
      clearTimeout(there.idle);
      return there;
    }
    for (const [other, project] of projects) {
      if (projects.size >= IN_MEMORY && project.users === 0) void end(other, project);
    }
    const thread = startThread<LeaderTreeMethods>(new URL('./tree-worker.ts', import.meta.url));
    const memory = memoryOf(stateDir, path);
    const looks = memory === undefined ? Promise.resolve() : thread.call('recall', memory).catch(() => {});
    const recipes: RecipeCache = new Map();
    const project: Project = { thread, memory, recipes, looks, next: undefined, users: 0, idle: undefined };
    projects.set(path, project);
    return project;
  };
  const readingOf = (path: string, project: Project, patterns: readonly string[]): Reading => {
    const key = JSON.stringify(patterns);
    if (project.next?.key === key) return project.next;
    const scan = project.looks.then(() => {
      if (project.next === reading) project.next = undefined;
      return project.thread.call('read', path, [...patterns]);
    });
    const reading: Reading = { key, scan, users: 0 };
    project.next = reading;
    project.looks = scan.catch(() => {});
    return reading;
  };

  return {
    async read(path, patterns) {
      const project = projectAt(path);
      const { thread } = project;
      const reading = readingOf(path, project, patterns);
      project.users++;
      reading.users++;
      const leave = () => {
        if (--project.users > 0) return;
        project.idle = setTimeout(() => void end(path, project), IDLE);
        project.idle.unref();
      };
      let scan: LeaderScan;
      try {
        scan = await reading.scan;
      } catch (error) {
        leave();
        throw error;
      }
      const { digest } = scan;
      const locate = async (wanted: readonly Content[]) =>
        new Map(
          await thread.call(
            'locate',
            digest,
            wanted.map(({ sha256 }) => sha256),
          ),
        );
      return {
        ...scan,
        patterns,
        thread,
        contents: async function* (wanted, root = path) {
          const read = (files: SmallFile[]) => thread.call('frames', files);
          for (let at = 0; at < wanted.length; at += PATHS) {
            const some = wanted.slice(at, at + PATHS);
            yield* contentFrames(root, some, await locate(some), read);
          }
        },
        large: async (wanted, root = path) => largeFiles(root, await locate(wanted), thread, project.recipes),
        lines: paths => thread.call('lines', path, [...paths]),
        close: () => {
          if (--reading.users === 0) thread.call('release', digest).catch(() => {});
          leave();
        },
      };
    },
    close: async () => {
      await Promise.all([...projects].map(([path, project]) => end(path, project)));
    },
  };
}

/** Undefined where nothing can be kept. The oldest of too many are removed. */
function memoryOf(stateDir: string, project: string): Memory | undefined {
  try {
    const directory = makePrivateDirectory(join(stateDir, 'trees'));
    const name = `${createHash('sha256').update(project).digest('hex').slice(0, 16)}.json`;
    const others = readdirSync(directory).filter(each => each !== name);
    if (others.length >= ON_DISK) {
      const age = (each: string) => statSync(join(directory, each), { throwIfNoEntry: false })?.mtimeMs ?? 0;
      const oldest = others.toSorted((one, other) => age(one) - age(other));
      for (const each of oldest.slice(0, 1 + others.length - ON_DISK))
        rmSync(join(directory, each), { force: true });
    }
    return { file: join(directory, name), bootId: bootId() };
  } catch {
    return undefined;
  }
}
