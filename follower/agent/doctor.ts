/** A look at everything a run on this machine needs. */
import { accessSync, constants, statfsSync } from 'node:fs';
import { asAwError } from '../../contract/errors.ts';
import type { DoctorReport, Finding } from '../../contract/follower-api.ts';
import { quotePosix } from '../adapters/index.ts';
import { discoverToolchains, normalizeEnvironment } from '../environment/index.ts';
import { verifyDirectory } from '../path-mapping/verify-directory.ts';
import { linuxProcesses } from '../runs/processes-linux.ts';
import { MAX_LIVE_RUNS, type Runs } from '../runs/registry.ts';
import { findMkfifo } from '../runs/stdio.ts';
import { type Machine, OS } from './machine.ts';
import { allShells, chooseShell, hostFacts, loginOf } from './prepare.ts';

export interface DoctorOptions {
  machine: Machine;
  runs: Runs;
  stateDir: string;
  /** A directory that runs are meant to work in. */
  cwd: string | undefined;
}

const GIB = 1024 ** 3;
const LOW_SPACE = GIB;
const NO_SPACE = GIB / 10;

/** Never throws: what cannot be looked at is a finding. */
export async function doctor(options: DoctorOptions): Promise<DoctorReport> {
  const { machine, runs, stateDir, cwd } = options;
  const info = machine.info();
  const findings: Finding[] = [
    {
      check: 'agent',
      status: 'ok',
      detail: `version ${info.version}, process ${info.pid}, state in ${stateDir}`,
    },
    // The leader compares this with its own clock; here there is nothing to compare it with.
    { check: 'clock', status: 'info', detail: info.now },
    await shells(machine),
    ...(await environment(machine, stateDir)),
    ...(cwd === undefined ? [] : await directory(cwd)),
    space('disk of the state directory', stateDir),
    pipes(),
    processes(),
    slots(runs),
  ];
  return { info, findings };
}

async function shells(machine: Machine): Promise<Finding> {
  const check = 'shells';
  const found = Object.entries(await allShells(machine)).map(([name, path]) => `${name} (${path})`);
  const own = machine.loginShell();
  if (own === undefined) {
    const fix = 'install a shell, for instance: apt-get install bash';
    return { check, status: 'failed', detail: 'this machine has no shell', fix };
  }
  return { check, status: 'ok', detail: `login shell ${own}; found ${found.join(', ')}` };
}

async function environment(machine: Machine, stateDir: string): Promise<Finding[]> {
  const check = 'login environment';
  try {
    const shell = chooseShell(machine.shells(), machine.loginShell());
    const login = await loginOf(machine, shell);
    const env = normalizeEnvironment(OS, login.env, {});
    const path = env.PATH ?? env.Path ?? '(no PATH)';
    const captured: Finding =
      login.notes.length === 0
        ? { check, status: 'ok', detail: `from ${login.source}; PATH is ${path}` }
        : {
            check,
            status: 'warning',
            detail: `from ${login.source}: ${login.notes.join('; ')}`,
            fix: `run "${shell} -l -i -c env" there and correct the start-up file it complains about`,
          };
    const facts = hostFacts({ shells: machine.shells(), env, cwd: stateDir, scratch: stateDir });
    return [captured, ...(await discoverToolchains(facts, shell))];
  } catch (error) {
    const { message, remedy } = asAwError(error);
    return [{ check, status: 'failed', detail: message, fix: remedy }];
  }
}

async function directory(cwd: string): Promise<Finding[]> {
  const check = 'workspace';
  try {
    const path = await verifyDirectory(cwd);
    const writable = canWrite(path);
    const at = path === cwd ? cwd : `${cwd} (really ${path})`;
    const finding: Finding = writable
      ? { check, status: 'ok', detail: at }
      : {
          check,
          status: 'warning',
          detail: `${at} cannot be written to`,
          fix: `chmod u+w ${quotePosix(path)}`,
        };
    return [finding, space('disk of the workspace', path)];
  } catch (error) {
    const { message } = asAwError(error);
    return [{ check, status: 'failed', detail: message, fix: `mkdir -p ${quotePosix(cwd)}` }];
  }
}

function canWrite(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function space(check: string, path: string): Finding {
  try {
    const { bavail, bsize } = statfsSync(path);
    const free = bavail * bsize;
    const detail = `${(free / GIB).toFixed(1)} GiB free at ${path}`;
    if (free > LOW_SPACE) return { check, status: 'ok', detail };
    const fix = 'free some space on that disk';
    return { check, status: free > NO_SPACE ? 'warning' : 'failed', detail, fix };
  } catch (error) {
    return { check, status: 'warning', detail: (error as Error).message };
  }
}

function pipes(): Finding {
  const check = 'named pipes';
  if (OS === 'windows') return { check, status: 'ok', detail: 'not needed on Windows' };
  const path = findMkfifo();
  return path === undefined
    ? {
        check,
        status: 'failed',
        detail: 'there is no mkfifo: no command can be started',
        fix: 'install it, for instance: apt-get install coreutils',
      }
    : { check, status: 'ok', detail: path };
}

function processes(): Finding {
  const check = 'process trees';
  if (OS === 'windows') {
    return {
      check,
      status: 'info',
      detail: 'processes are found only while the command that started them is alive',
    };
  }
  if (OS === 'macos') return { check, status: 'ok', detail: 'ps' };
  try {
    const own = linuxProcesses().find(entry => entry.pid === process.pid);
    if (own === undefined) throw new Error('/proc does not show this process');
    return { check, status: 'ok', detail: '/proc shows the processes of this user' };
  } catch (error) {
    return { check, status: 'failed', detail: (error as Error).message, fix: 'mount -t proc proc /proc' };
  }
}

function slots(runs: Runs): Finding {
  const detail = `${runs.liveCount} of at most ${MAX_LIVE_RUNS} in progress, ${runs.list().length} kept`;
  return { check: 'runs', status: runs.liveCount < MAX_LIVE_RUNS ? 'ok' : 'warning', detail };
}
