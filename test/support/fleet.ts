/** A fleet of local followers for one test file: everything in one temp directory, everything ended by `stop()`. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Event, type HostLog, isKnown, logBytes } from '../../contract/events.ts';
import type { ShellName } from '../../contract/names.ts';

const repository = resolve(import.meta.dirname, '../..');

export interface Result {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: Buffer;
  stderr: string;
}

export interface HostSpec {
  name: string;
  shell?: ShellName;
  [field: string]: unknown;
}

export interface Fleet {
  dir: string;
  project: string;
  hostsFile: string;
  env: Record<string, string>;
  workspace(host: string): string;
  /** Starts `aw ARGS` in the project; the caller ends it. */
  start(args: readonly string[], options?: { env?: Record<string, string>; cwd?: string }): ChildProcess;
  /** Runs `aw ARGS` to its end. */
  aw(
    args: readonly string[],
    options?: { input?: string | Buffer; cwd?: string; env?: Record<string, string> },
  ): Promise<Result>;
  /** Runs `aw agent run-everywhere --output json ARGS` and parses every line it printed. */
  run(args: readonly string[]): Promise<{ code: number | null; events: Event[]; stderr: string }>;
  /** Pids of all processes that belong to this fleet: agents and what they started. */
  processes(): number[];
  /** Ends the resident leader and the followers, and fails if anything is left running. */
  stop(): Promise<void>;
}

export function makeFleet(hosts: readonly HostSpec[]): Fleet {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'aw-fleet-')));
  const project = join(dir, 'project');
  const workspace = (host: string) => join(dir, 'workspaces', host);
  for (const path of [join(project, '.agents'), join(dir, 'home'), join(dir, 'tmp')])
    mkdirSync(path, { recursive: true });
  const entries = hosts.map(host => {
    mkdirSync(workspace(host.name), { recursive: true });
    return { os: 'linux', transport: 'local', workspace: workspace(host.name), ...host };
  });
  const hostsFile = join(project, '.agents/hosts.json');
  writeFileSync(hostsFile, JSON.stringify({ hosts: entries }));
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: join(dir, 'home'),
    TMPDIR: join(dir, 'tmp'),
    SHELL: '/bin/bash',
    AW_STATE_DIR: join(dir, 'state'),
    // Tests put what they need into the workspaces; those of the fence take this away.
    AW_NO_FENCE: '1',
  };

  const start: Fleet['start'] = (args, options) =>
    spawn(process.execPath, [join(repository, 'bin/aw.js'), ...args], {
      cwd: options?.cwd ?? project,
      env: { ...env, ...options?.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });

  const aw: Fleet['aw'] = async (args, options) => {
    const child = start(args, options);
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout!.on('data', chunk => stdout.push(chunk));
    child.stderr!.on('data', chunk => stderr.push(chunk));
    child.stdin!.on('error', () => {});
    child.stdin!.end(options?.input ?? '');
    const [code, signal] = await once(child, 'close');
    return { code, signal, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() };
  };

  // Every process of the fleet has the directory in its environment: agents as their state, children as AW_TEST_FLEET.
  const processes = () =>
    readdirSync('/proc')
      .filter(name => /^\d+$/.test(name) && Number(name) !== process.pid)
      .filter(pid => {
        try {
          const state = /\) (\w)/.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))?.[1];
          const text =
            readFileSync(`/proc/${pid}/environ`, 'latin1') + readFileSync(`/proc/${pid}/cmdline`, 'latin1');
          return state !== 'Z' && text.includes(dir);
        } catch {
          return false;
        }
      })
      .map(Number);

  return {
    dir,
    project,
    hostsFile,
    env,
    workspace,
    start,
    aw,
    run: async args => {
      const result = await aw(['agent', 'run-everywhere', '--output', 'json', ...args]);
      return { code: result.code, events: parseEvents(result.stdout), stderr: result.stderr };
    },
    processes,
    stop: async () => {
      await aw(['agent', 'fleet', 'down']);
      const stopped = await aw(['agent', 'followers', 'stop', '--all']);
      try {
        for (let tries = 0; processes().length > 0; tries++) {
          if (tries === 100) {
            const left = processes().map(pid =>
              readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' '),
            );
            throw new Error(`left running: ${left.join('; ')}; stop said ${stopped.code}: ${stopped.stderr}`);
          }
          await new Promise(wake => setTimeout(wake, 100));
        }
      } finally {
        for (const pid of processes()) process.kill(pid, 'SIGKILL');
        rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
      }
    },
  };
}

/** Every line as a contract event; throws on anything else. */
export function parseEvents(stdout: Buffer): Event[] {
  return stdout
    .toString('utf8')
    .split('\n')
    .filter(line => line !== '')
    .map(line => Event.parse(JSON.parse(line)));
}

/** All bytes a host wrote to one stream. */
export function outputOf(
  events: readonly Event[],
  host: string,
  stream: 'stdout' | 'stderr' = 'stdout',
): Buffer {
  const logs = events.filter((event): event is HostLog => isKnown(event, 'hostLog'));
  return Buffer.concat(logs.filter(log => log.host === host && log.stream === stream).map(logBytes));
}

/** A host's `hostExited`; throws unless there is exactly one. */
export function exitOf(events: readonly Event[], host: string) {
  const exits = events.filter(event => isKnown(event, 'hostExited')).filter(event => event.host === host);
  if (exits.length !== 1) throw new Error(`${exits.length} hostExited of ${host}`);
  return exits[0]!;
}

/** Polls until the condition holds; for what a process does in its own time. */
export async function eventually(condition: () => boolean, what: string, tries = 600): Promise<void> {
  for (let tried = 0; !condition(); tried++) {
    if (tried === tries) throw new Error(`never: ${what}`);
    await new Promise(wake => setTimeout(wake, 50));
  }
}
