/** From what was typed to what is run. */
import { resolve } from 'node:path';
import { AwError, show } from '../../contract/errors.ts';
import type { Command } from '../../contract/follower-api.ts';
import type { HostEntry } from '../../contract/hosts.ts';
import type { RunOptions, RunOrder } from '../../contract/leader-api.ts';
import { loadCatalogue } from '../catalogue/load.ts';
import { findProject } from '../catalogue/project.ts';
import { selectHosts } from '../catalogue/select.ts';
import type { Reach } from '../transports/index.ts';
import type { RunRecord, RunSpec } from '../types.ts';

/** Milliseconds. */
const FENCE_TIMEOUT = 120_000;

/**
 * Undefined when the hosts that failed last are asked for and there are none.
 * @throws AW_USAGE, AW_CATALOG_*, AW_SELECTOR_*
 */
export async function planRun(order: RunOrder, stateDir: string): Promise<RunSpec | undefined> {
  const given = commandOf(order);
  const project = findProject(order.cwd);
  const again = order.options.rerunFailed ? await lastFailure(project, order.name, stateDir) : undefined;
  const repeated = given === undefined ? again : undefined;
  const options = repeated === undefined ? order.options : asBefore(order.options, repeated.asked);
  const command = given ?? repeated?.command;
  if (command === undefined) {
    const { name } = order;
    throw usage(name, `no command was given: ${name} -- COMMAND [ARG...], or ${name} -c SCRIPT`);
  }
  if (again?.failed.length === 0) return undefined;
  const { cwd, env } = order;
  const { host, tag, hosts: file } = options;
  const hosts = await chooseHosts({ cwd, env, host: again?.failed ?? host, tag, hosts: file });
  return {
    ...optional(options),
    runId: order.runId,
    hosts,
    project,
    // The old command belongs to the directory it was given in.
    cwd:
      options.cwd === undefined && repeated !== undefined ? repeated.cwd : resolve(cwd, options.cwd ?? '.'),
    command,
    env: environmentFor(order, env, repeated?.asked.envNames),
    graceMs: options.grace,
    onLeaderLoss: options.onLeaderLoss,
    mapOutput: options.mapOutput === true,
    expandWorkspace: options.expandWorkspace === true,
    detach: options.detach === true,
    ...(options.fence === false || env.AW_NO_FENCE
      ? {}
      : {
          fence: {
            timeoutMs: options.fenceTimeout ?? FENCE_TIMEOUT,
            onLaggard: options.onLaggard ?? 'abort',
            portability: options.portability ?? 'error',
            snapshot: options.snapshot ?? 'auto',
            engine: options.engine ?? 'auto',
            heal: options.heal === true,
          },
        }),
    reach: reachOf(options),
  };
}

/** What was typed. */
type Asked = Pick<RunOrder, 'name' | 'words' | 'tail' | 'options'>;

/** How the hosts are to be reached. */
export function reachOf(options: Pick<RunOptions, 'acceptNewHostKeys' | 'autoInstall' | 'agentless'>): Reach {
  return {
    acceptNewHostKeys: options.acceptNewHostKeys === true,
    autoInstall: options.autoInstall === true,
    agentless: options.agentless === true,
  };
}

/** What says which hosts are meant, and from where that is to be understood. */
export interface Choice {
  cwd: string;
  env: NodeJS.ProcessEnv;
  host?: string[] | undefined;
  tag?: string[] | undefined;
  /** The catalogue's file. */
  hosts?: string | undefined;
}

/**
 * The selected hosts of the project's catalogue, in its order.
 * @throws AW_CATALOG_*, AW_SELECTOR_*
 */
export async function chooseHosts({ cwd, env, host, tag, hosts }: Choice): Promise<HostEntry[]> {
  const catalogue = await loadCatalogue({
    project: findProject(cwd),
    cwd,
    env,
    ...(hosts === undefined ? {} : { file: hosts }),
  });
  return selectHosts(catalogue.hosts, { host: host ?? [], tag: tag ?? [] });
}

/**
 * The command; undefined when none was given.
 * @throws AW_USAGE when words stand where only options belong.
 */
export function commandOf({ name, words, tail, options }: Asked): Command | undefined {
  if (words.length > 0) {
    throw usage(
      name,
      `${show(words[0]!)} stands before "--"; put the command behind it: ${name} -- ${words.join(' ')}`,
    );
  }
  if (options.command !== undefined) {
    return { kind: 'script', script: options.command, ...(tail?.length ? { args: [...tail] } : {}) };
  }
  return tail?.length ? { kind: 'argv', argv: [...tail] } : undefined;
}

/** What a command was given it is given again, unless something else is asked for now. */
function asBefore(options: RunOptions, asked: RunRecord['asked']): RunOptions {
  return {
    ...options,
    shell: options.shell ?? asked.shell,
    timeout: options.timeout ?? asked.timeoutMs,
    mapOutput: options.mapOutput === true || asked.mapOutput,
    expandWorkspace: options.expandWorkspace === true || asked.expandWorkspace,
  };
}

/**
 * `--env` as a record; the last of one name wins.
 * @throws AW_USAGE for `--env NAME` when the asker has no such variable, and when the command had a variable whose value
 * is not on record, and it is not given again.
 */
export function environmentFor(
  { name, options }: Asked,
  env: Readonly<Record<string, string>>,
  needed: readonly string[] = [],
): Record<string, string> {
  const result = new Map<string, string>();
  for (const assignment of options.env ?? []) {
    const equals = assignment.indexOf('=');
    const key = equals === -1 ? assignment : assignment.slice(0, equals);
    const value = equals === -1 ? env[key] : assignment.slice(equals + 1);
    if (value === undefined) throw usage(name, `--env ${show(key)}: there is no such variable here`);
    result.set(key, value);
  }
  const missing = needed.filter(key => !result.has(key));
  if (missing.length === 0) return Object.fromEntries(result);
  const again = missing.map(key => `--env ${key}=...`).join(' ');
  throw usage(name, `--rerun-failed: the values of variables are not kept; give them again: ${again}`);
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
async function lastFailure(project: string, name: string, stateDir: string) {
  const { lastRun } = await import('../records/read.ts');
  const record = await lastRun(project, { stateDir });
  if (record === undefined) throw usage(name, '--rerun-failed: there was no run of this project yet');
  if (record.outcome === undefined) {
    const attach = `aw agent runs attach ${record.runId}`;
    throw usage(
      name,
      `--rerun-failed: the last run (${record.runId}) has not ended; ${attach} shows its end`,
    );
  }
  const known = new Set(record.hosts.map(host => host.name));
  const failed = record.outcome.summary.failed.filter(host => known.has(host));
  return { command: record.command, cwd: record.cwd, asked: record.asked, failed };
}

function usage(command: string, problem: string): AwError {
  return new AwError('AW_USAGE', { problem, command });
}
