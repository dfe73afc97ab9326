/** A look at everything a run on this machine needs. */
import { asAwError, show } from '../../contract/errors.ts';
import type { DoctorReport, Finding } from '../../contract/follower-api.ts';
import type { ShellName } from '../../contract/names.ts';
import { discoverToolchains, namesLostBy, normalizeEnvironment } from '../environment/index.ts';
import { linuxProcesses } from '../runs/processes-linux.ts';
import { MAX_LIVE_RUNS, type Runs } from '../runs/registry.ts';
import { findMkfifo } from '../runs/stdio.ts';
import { stateDirectory, workspace } from './doctor/directories.ts';
import { comparePaths } from './doctor/path.ts';
import { type Machine, OS } from './machine.ts';
import { allShells, chooseShell, hostFacts, loginOf } from './prepare.ts';

export interface DoctorOptions {
  machine: Machine;
  runs: Runs;
  stateDir: string;
  /** A directory that runs are meant to work in. */
  cwd: string | undefined;
  /** The `PATH` of what sshd starts for this user, when somebody has seen it. */
  sshdPath: string | undefined;
}

/** Of names in one line. */
const SHOWN = 5;

/** Never throws: what cannot be looked at is a finding. */
export async function doctor(options: DoctorOptions): Promise<DoctorReport> {
  const { machine, runs, stateDir, cwd, sshdPath } = options;
  const info = machine.info();
  const findings: Finding[] = [
    {
      check: 'agent',
      status: 'ok',
      detail: `version ${info.version}, process ${info.pid}, ${info.user}@${info.hostname}`,
    },
    // The leader compares this with its own clock; here there is nothing to compare it with.
    { check: 'clock', status: 'info', detail: info.now },
    await shells(machine),
    ...(await environment(machine, stateDir, sshdPath)),
    ...(cwd === undefined ? [] : await workspace(cwd)),
    ...stateDirectory(stateDir),
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

async function environment(
  machine: Machine,
  stateDir: string,
  sshdPath: string | undefined,
): Promise<Finding[]> {
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
    return [
      captured,
      ...lostNames(shell, env),
      ...(sshdPath === undefined || OS === 'windows' ? [] : [comparePaths(path, sshdPath)]),
      ...(await discoverToolchains(facts, shell)),
    ];
  } catch (error) {
    const { message, remedy } = asAwError(error);
    return [{ check, status: 'failed', detail: message, fix: remedy }];
  }
}

/** Scripts see less than programs do, and nothing else says so. */
export function lostNames(shell: ShellName, env: Record<string, string>): Finding[] {
  const lost = namesLostBy(shell, env);
  if (lost.length === 0) return [];
  const shown = lost
    .slice(0, SHOWN)
    .map(name => show(name))
    .join(', ');
  const more = lost.length > SHOWN ? ` and ${lost.length - SHOWN} more` : '';
  return [
    {
      check: 'variables',
      status: 'warning',
      detail: `${shell} hands on only names of letters, digits and _: what it starts does not get ${shown}${more}`,
      fix: 'rename them in the start-up files there, or set another "shell" in the catalogue, for instance bash',
    },
  ];
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
