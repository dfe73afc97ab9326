/** Who makes a directory of another machine equal to one here, and how each is asked to. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { LEADER_FLAGS } from '../../leader/daemon/place.ts';
import type { HostSpec } from '../../test/support/fleet.ts';
import { which } from '../../test/support/require.ts';
import type { Group, Machines } from '../fanout/machines.ts';
import { AW } from '../measure.ts';
import type { Fenced } from './resident.ts';

export interface Ground {
  machines: Machines;
  /** Of one machine. */
  group: Group;
  project: string;
  /** A directory for whatever else a peer needs. */
  dir: string;
}

/** One of the programs, with a directory of its own to bring in step. */
export interface Contestant {
  name: string;
  /** Forgets all it knows, and takes another directory. */
  begin(destination: string): Promise<void>;
  /** @throws when it fails */
  sync(): Promise<void>;
  /** Where the time of the last `sync` went. */
  note?(): Fenced['phases'];
  /** Of whoever leads, in MB. */
  memory?(): number;
  end?(): void;
}

/** The programs that must be installed for those that are no part of this project. */
const NEEDS = ['rsync', 'unison', 'mutagen'];
/** Whose names are like this. */
const ONLY = new RegExp(process.env.AW_BENCH_ONLY ?? '');

export function contestants(ground: Ground): { here: Contestant[]; missing: string[] } {
  const missing = NEEDS.filter(name => which(name) === undefined);
  const has = (name: string) => !missing.includes(name);
  const here = [
    resident(ground.machines.fleet.env, ground.group.hosts, ground.project, join(ground.dir, 'resident')),
    cold(ground),
    ...(has('rsync') ? [rsync(ground, false), rsync(ground, true)] : []),
    ...(has('unison') ? [unison(ground)] : []),
    ...(has('mutagen') ? [mutagen(ground)] : []),
  ];
  return { here: here.filter(({ name }) => ONLY.test(name)), missing };
}

/** A leader that stays, with its connection and its tree. */
export const OURS = 'fence, resident';

/** As the launchers have it. */
const COMPILED = join(import.meta.dirname, '../../node_modules/.cache/compile');

/** Without a destination it forgets nothing, and the workspaces are those of `hosts`. */
export function resident(
  env: Record<string, string>,
  hosts: readonly HostSpec[],
  project: string,
  stateDir: string,
): Omit<Contestant, 'begin'> & { begin(destination?: string): Promise<void> } {
  let child: ChildProcess | undefined;
  let answers: AsyncIterator<string> | undefined;
  let wanted = hosts;
  let last: Fenced | undefined;
  const end = () => {
    child?.kill('SIGKILL');
    child = undefined;
  };
  return {
    name: OURS,
    begin: async destination => {
      end();
      if (destination !== undefined) rmSync(stateDir, { recursive: true, force: true });
      wanted = at(hosts, destination);
      const module = join(import.meta.dirname, 'resident.ts');
      child = spawn(process.execPath, [...LEADER_FLAGS, module], {
        env: { ...env, AW_STATE_DIR: stateDir, NODE_COMPILE_CACHE: COMPILED },
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      const lines: Interface = createInterface({ input: child.stdout! });
      answers = lines[Symbol.asyncIterator]();
      // It is there before anybody wants it.
      await answers.next();
    },
    sync: async () => {
      child!.stdin!.write(`${JSON.stringify({ project, hosts: wanted })}\n`);
      const answer = await answers!.next();
      if (answer.done) throw new Error('the resident leader has ended');
      last = JSON.parse(answer.value) as Fenced;
      if (last.problem !== undefined) throw new Error(last.problem);
    },
    note: () => last?.phases ?? {},
    memory: () => peakMemory(child!.pid!),
    end,
  };
}

/** The command line without a resident leader: Node starts, connects, and recalls the tree. */
function cold({ machines, group, project, dir }: Ground): Contestant {
  const stateDir = join(dir, 'cold');
  const catalogue = join(dir, 'cold.json');
  return {
    name: 'sync-fence, cold',
    begin: async destination => {
      rmSync(stateDir, { recursive: true, force: true });
      writeFileSync(catalogue, JSON.stringify({ hosts: at(group.hosts, destination) }));
    },
    sync: () =>
      run(
        [process.execPath, AW, 'agent', 'followers', 'sync-fence', '--hosts', catalogue, '--timeout', '600'],
        {
          cwd: project,
          env: { ...machines.fleet.env, AW_STATE_DIR: stateDir, AW_NO_DAEMON: '1' },
        },
      ),
  };
}

/** @param looksAgain a second time, without a change, and so verifies as a fence does: by size and time of each file */
function rsync({ machines, group, project }: Ground, looksAgain: boolean): Contestant {
  const { env } = machines.fleet;
  let destination = '';
  const call = (...more: string[]) => {
    const shell = ['-e', `ssh -F ${group.config.warm}`];
    return run(
      ['rsync', '-a', '--delete', ...more, ...shell, `${project}/`, `${group.names[0]}:${destination}/`],
      {
        env,
      },
    );
  };
  return {
    name: looksAgain ? 'rsync, and rsync -n' : 'rsync',
    begin: async to => {
      destination = to;
    },
    sync: async () => {
      await call();
      if (looksAgain) await call('-n');
    },
  };
}

function unison({ machines, group, project, dir }: Ground): Contestant {
  let destination = '';
  return {
    name: 'unison',
    begin: async to => {
      destination = to;
    },
    sync: () => {
      const remote = `ssh://${group.names[0]}/${destination}`;
      const options = ['-batch', '-silent', '-confirmbigdel=false', '-force', project];
      return run(['unison', project, remote, ...options, '-sshargs', `-F ${group.config.warm}`], {
        env: { ...machines.fleet.env, UNISON: join(dir, 'unison') },
      });
    },
  };
}

function mutagen({ machines, group, project, dir }: Ground): Contestant {
  const tools = join(dir, 'mutagen-ssh');
  const env = {
    ...machines.fleet.env,
    MUTAGEN_DATA_DIRECTORY: join(dir, 'mutagen'),
    MUTAGEN_SSH_PATH: tools,
  };
  const call = (...args: string[]) => run(['mutagen', 'sync', ...args], { env });
  let session = 0;
  return {
    name: 'mutagen, sync flush',
    begin: async destination => {
      mkdirSync(tools, { recursive: true });
      for (const program of ['ssh', 'scp']) {
        const script = `#!/bin/sh\nexec ${which(program)} -F '${group.config.warm}' "$@"\n`;
        writeFileSync(join(tools, program), script, { mode: 0o755 });
      }
      if (session > 0) await call('terminate', `bench-${session}`);
      const options = [
        '--no-global-configuration',
        '-m',
        'one-way-replica',
        '-n',
        `bench-${++session}`,
        '-p',
      ];
      await call('create', ...options, project, `${group.names[0]}:${destination}`);
      await call('resume', `bench-${session}`);
    },
    sync: () => call('flush', `bench-${session}`),
    end: () => void spawn('mutagen', ['daemon', 'stop'], { env, stdio: 'ignore' }),
  };
}

/** The machines, with this directory to be brought in step. */
function at(hosts: readonly HostSpec[], destination?: string): readonly HostSpec[] {
  return destination === undefined ? hosts : hosts.map(host => ({ ...host, workspace: destination }));
}

async function run(
  argv: readonly string[],
  options: { cwd?: string; env: Record<string, string> },
): Promise<void> {
  const [file, ...args] = argv;
  const child = spawn(file!, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', chunk => {
      said = (said + chunk).slice(-1000);
    });
  }
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${argv.join(' ')} ended with ${code} and said ${said}`);
}

/** The most that a process has had, in MB. */
export function peakMemory(pid: number): number {
  return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1000;
}
