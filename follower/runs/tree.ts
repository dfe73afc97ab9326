/**
 * Finding and signalling all processes of a run: its descendants, its process group and session, and, where the
 * environment of processes can be read, everything that carries the run's marks in it (a daemon that left them all).
 */
import { execFile } from 'node:child_process';
import { linuxProcesses, linuxProcessesSince, countStarts as linuxStarts } from './processes-linux.ts';
import { macosProcesses } from './processes-macos.ts';

/** What a search for a run's processes starts from. */
export interface TreeRoot {
  /**
   * `NAME=value` lines that every process of the run has in its environment, all of them, unless it removed one. Several
   * followers of one machine work on a run of one id, so the host's name is among them.
   */
  marks: readonly string[];
  /** The process that was spawned; absent when that is not known. */
  pid?: number;
  /** Its `startMark`. */
  mark?: string;
  /** What `countStarts` said before it was spawned. Makes it cheap to find out that it has left nothing behind. */
  starts?: number;
}

export interface ProcessEntry {
  pid: number;
  parent: number;
  group: number;
  session: number;
  /** As `startMark` gives it. */
  mark: string;
  /** True when it could have been started after the process with that mark. */
  startedSince(mark: string): boolean;
  /** Whether all these `NAME=value` are in its environment; false when that cannot be read. */
  hasVariables(assignments: readonly string[]): boolean;
  command(): string;
}

/** What the processes of a run carry, as a `TreeRoot` names it. */
export function runMarks(runId: string, host: string): string[] {
  return [`AW_RUN_ID=${runId}`, `AW_HOST=${host}`];
}

/** True where the whole tree can be found, also after its root is gone. */
export const canFindTrees = process.platform !== 'win32';

/** The living processes of a run. Empty on Windows, where only a living root leads to its tree. */
export async function findTree(root: TreeRoot): Promise<ProcessEntry[]> {
  if (!canFindTrees) return [];
  const { pid, starts, marks } = root;
  if (process.platform !== 'linux') return membersOf(root, await macosProcesses(marks));
  const since = pid === undefined || starts === undefined ? undefined : linuxProcessesSince(pid, starts);
  return membersOf(root, since ?? linuxProcesses());
}

/** For `TreeRoot`; undefined where that is of no use. */
export function countStarts(): number | undefined {
  return process.platform === 'linux' ? linuxStarts() : undefined;
}

/** Pure but for the look at environments, which is put off until nothing else tells. */
export function membersOf(root: TreeRoot, all: readonly ProcessEntry[]): ProcessEntry[] {
  const holder = all.find(entry => entry.pid === root.pid);
  // A later process with the root's number, and its group, are none of ours.
  const numbersAreOurs = root.pid !== undefined && (holder === undefined || holder.mark === root.mark);
  const possible = all.filter(
    entry => entry.pid !== process.pid && (root.mark === undefined || entry.startedSince(root.mark)),
  );
  const members = new Map<number, ProcessEntry>();
  for (const entry of possible) {
    const byNumber =
      numbersAreOurs && (entry.pid === root.pid || entry.group === root.pid || entry.session === root.pid);
    if (byNumber || entry.hasVariables(root.marks)) members.set(entry.pid, entry);
  }
  for (let before = -1; before !== members.size; ) {
    before = members.size;
    for (const entry of possible) if (members.has(entry.parent)) members.set(entry.pid, entry);
  }
  return [...members.values()];
}

export type TreeSignal = 'SIGINT' | 'SIGTERM' | 'SIGKILL';

/** Signals every process of the run that is alive now. @returns those it found. */
export async function signalTree(root: TreeRoot, signal: TreeSignal): Promise<ProcessEntry[]> {
  if (process.platform === 'win32') {
    if (root.pid !== undefined) await taskkill(root.pid, signal === 'SIGKILL');
    return [];
  }
  const members = await findTree(root);
  const group = members.filter(entry => entry.group === root.pid);
  // The group gets it at one stroke, so that no member can start another in between.
  if (group.length > 0 && send(-root.pid!, signal)) {
    for (const entry of members) if (entry.group !== root.pid) send(entry.pid, signal);
  } else {
    for (const entry of members) send(entry.pid, signal);
  }
  return members;
}

function send(target: number, signal: TreeSignal): boolean {
  try {
    process.kill(target, signal);
    return true;
  } catch {
    // Gone meanwhile, or another user's: the next search tells.
    return false;
  }
}

/** Windows knows no polite signal for a process without a window; without /F this asks only those that have one. */
function taskkill(pid: number, force: boolean): Promise<void> {
  const program = `${process.env.SystemRoot ?? 'C:\\Windows'}\\System32\\taskkill.exe`;
  const args = ['/PID', String(pid), '/T', ...(force ? ['/F'] : [])];
  return new Promise(fulfil => {
    execFile(program, args, { timeout: 10_000, windowsHide: true }, () => fulfil());
  });
}
