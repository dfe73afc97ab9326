/** From options to a run, and from the run to its exit code. */
import { AwError } from '../../contract/errors.ts';
import type { HostEntry } from '../../contract/hosts.ts';
// Not through leader/index.ts, which loads all of the leader: no command is started as often as this one.
import { loadCatalogue } from '../../leader/catalogue/load.ts';
import { findProject } from '../../leader/catalogue/project.ts';
import { selectHosts } from '../../leader/catalogue/select.ts';
import type { Run, RunRecord, RunSpec, ServiceTarget } from '../../leader/index.ts';
import { startRun } from '../../leader/run-everywhere/start.ts';
import { usage } from '../options/command.ts';
import { hostsWord } from '../render/summary.ts';
import type { Io } from '../terminal/io.ts';
import { commandText } from './command-text.ts';
import { followRun } from './follow-run.ts';
import { watchInterrupts } from './interrupts.ts';
import {
  checkOptions,
  commandOf,
  directoryOf,
  environmentOf,
  type RunArguments,
  type RunOptions,
} from './run-options.ts';
import { serviceTarget } from './service-target.ts';

/** Resolves to the exit code. */
export async function runEverywhere(run: RunArguments & { io: Io }): Promise<number> {
  const { options, io } = run;
  checkOptions(run);
  const plan = await planRun(run);
  if (plan === undefined) {
    io.write('stderr', 'The last run passed on every host; there is nothing to run again.\n');
    return 0;
  }
  const interrupts = watchInterrupts();
  try {
    const service = await serviceTarget(options, commandText(plan.command), io);
    const spec = { ...plan, ...(service === undefined ? {} : { service: service satisfies ServiceTarget }) };
    const started = await startRun(spec);
    if (options.detach) return await tellDetached(started, io, options.output === 'json');
    return await followRun({
      run: started,
      output: options,
      command: commandText(spec.command),
      interrupts,
      onInterrupt: 'cancel',
      graceMs: options.grace,
      io,
    });
  } finally {
    interrupts.dispose();
    // A stdin that is still open would keep this process alive.
    if (options.stdin) io.stdin.destroy();
  }
}

/** Undefined when the hosts that failed last are asked for and there are none. */
async function planRun(run: RunArguments & { io: Io }): Promise<RunSpec | undefined> {
  const { io } = run;
  const given = commandOf(run);
  const here = directoryOf(run, io.cwd);
  const project = findProject(io.cwd);
  const again = run.options.rerunFailed ? await lastFailure(project, run.name) : undefined;
  const repeated = given === undefined ? again : undefined;
  const options = repeated === undefined ? run.options : asBefore(run.options, repeated.asked);
  const command = given ?? repeated?.command;
  if (command === undefined) {
    throw usage(run.name, `no command was given: ${run.name} -- COMMAND [ARG...], or ${run.name} -c SCRIPT`);
  }
  if (again?.failed.length === 0) return undefined;
  const catalogue = await loadCatalogue({
    project,
    env: io.env,
    ...(options.hosts === undefined ? {} : { file: options.hosts }),
  });
  const hosts = selectHosts(catalogue.hosts, {
    host: again?.failed ?? options.host ?? [],
    tag: options.tag ?? [],
  });
  return {
    ...optional(options),
    hosts,
    project,
    // The old command belongs to the directory it was given in.
    cwd: options.cwd === undefined && repeated !== undefined ? repeated.cwd : here,
    command,
    env: environmentFor(run, repeated?.asked.envNames ?? []),
    graceMs: options.grace,
    onLeaderLoss: options.onLeaderLoss,
    mapOutput: options.mapOutput === true,
    expandWorkspace: options.expandWorkspace === true,
    detach: options.detach === true,
    reach: { acceptNewHostKeys: options.acceptNewHostKeys === true },
    ...(options.stdin ? { stdin: io.stdin } : {}),
  };
}

/** What a command was given it is given again, unless something else is asked for now. */
function asBefore(options: RunOptions, asked: RunRecord['asked']): RunOptions {
  const shell = options.shell ?? asked.shell;
  const timeout = options.timeout ?? asked.timeoutMs;
  return {
    ...options,
    ...(shell === undefined ? {} : { shell }),
    ...(timeout === undefined ? {} : { timeout }),
    mapOutput: options.mapOutput === true || asked.mapOutput,
    expandWorkspace: options.expandWorkspace === true || asked.expandWorkspace,
  };
}

/** @throws AW_USAGE when the command had a variable whose value is not on record, and it is not given again. */
function environmentFor(run: RunArguments & { io: Io }, needed: readonly string[]): Record<string, string> {
  const env = environmentOf(run, run.io.env);
  const missing = needed.filter(name => !Object.hasOwn(env, name));
  if (missing.length === 0) return env;
  const again = missing.map(name => `--env ${name}=...`).join(' ');
  throw usage(run.name, `--rerun-failed: the values of variables are not kept; give them again: ${again}`);
}

function optional(options: RunOptions): Partial<RunSpec> {
  return {
    ...(options.shell === undefined ? {} : { shell: options.shell }),
    ...(options.timeout === undefined ? {} : { timeoutMs: options.timeout }),
    ...(options.maxParallel === undefined ? {} : { maxParallel: options.maxParallel }),
    ...(options.logLimit === undefined ? {} : { logLimit: options.logLimit }),
  };
}

/** @throws AW_USAGE when there was no run, or its end is not known. */
async function lastFailure(project: string, name: string) {
  const { lastRun } = await import('../../leader/records/read.ts');
  const record = await lastRun(project);
  if (record === undefined) throw usage(name, '--rerun-failed: there was no run of this project yet');
  if (record.outcome === undefined) {
    const attach = `aw agent runs attach ${record.runId}`;
    throw usage(
      name,
      `--rerun-failed: the last run (${record.runId}) has not ended; ${attach} shows its end`,
    );
  }
  const known = new Set(record.hosts.map((host: HostEntry) => host.name));
  const failed = record.outcome.summary.failed.filter(host => known.has(host));
  return { command: record.command, cwd: record.cwd, asked: record.asked, failed };
}

/** A detached run: who has started, and how to see the rest. */
async function tellDetached(run: Run, io: Io, isJson: boolean): Promise<number> {
  for await (const event of run.events) {
    if (isJson) io.write('stdout', `${JSON.stringify(event)}\n`);
  }
  const { exitCode, hosts } = await run.outcome;
  const { errorLines } = await import('../render/error-text.ts');
  for (const [host, { error }] of Object.entries(hosts)) {
    const shown = error ?? new AwError('AW_INTERNAL', { reason: 'the host did not start the run' });
    for (const line of errorLines(shown, io.stderr.paint, host)) io.write('stderr', `${line}\n`);
  }
  const total = run.hosts.length;
  const started = total - Object.keys(hosts).length;
  if (!isJson) io.write('stdout', `${run.runId}\n`);
  io.write(
    'stderr',
    `Started on ${started}/${total} ${hostsWord(total)}; aw agent runs attach ${run.runId} shows it, ` +
      `aw agent runs cancel ${run.runId} ends it.\n`,
  );
  return exitCode;
}
