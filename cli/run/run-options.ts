/** The options of `run-everywhere`, and the checks that need no other machine. */
import { resolve } from 'node:path';
import { show } from '../../contract/errors.ts';
import type { Command } from '../../contract/follower-api.ts';
import type { ShellName } from '../../contract/names.ts';
import { usage } from '../options/command.ts';
import type { OutputOptions } from '../options/output.ts';
import { checkSelectors, isSelecting, type SelectorOptions } from '../options/selectors.ts';
import type { ServiceOptions } from '../options/service.ts';

export interface RunOptions extends OutputOptions, SelectorOptions, ServiceOptions {
  command?: string;
  rerunFailed?: boolean;
  shell?: ShellName;
  cwd?: string;
  env?: string[];
  /** Milliseconds, as is `grace`. */
  timeout?: number;
  grace: number;
  maxParallel?: number;
  onLeaderLoss: 'continue' | 'cancel';
  detach?: boolean;
  stdin?: boolean;
  mapOutput?: boolean;
  expandWorkspace?: boolean;
  /** Bytes. */
  logLimit?: number;
  session?: string;
  followerReports?: boolean;
  acceptNewHostKeys?: boolean;
}

export interface RunArguments {
  /** How the command was called. */
  name: string;
  /** What stood before `--` and was no option. */
  words: readonly string[];
  /** What stood behind `--`; undefined without one. */
  tail: readonly string[] | undefined;
  options: RunOptions;
}

/** @throws AW_USAGE for options that contradict each other. */
export function checkOptions({ name, options }: RunArguments): void {
  checkSelectors(options, name);
  const contradictions: [unknown, unknown, string][] = [
    [options.rerunFailed, isSelecting(options) || options.all, '--rerun-failed and --host, --tag or --all'],
    [options.detach, options.junit, '--detach and --junit'],
    [options.detach, options.stdin, '--detach and --stdin'],
  ];
  for (const [one, other, text] of contradictions) {
    if (one && other) throw usage(name, `${text} cannot be used together`);
  }
  if (options.session !== undefined && options.service === undefined) {
    throw usage(name, '--session needs --service (or AW_SERVICE)');
  }
  if (options.followerReports && options.service === undefined) {
    throw usage(name, '--follower-reports needs --service (or AW_SERVICE)');
  }
}

/**
 * The command; undefined when none was given.
 * @throws AW_USAGE when words stand where only options belong.
 */
export function commandOf({ name, words, tail, options }: RunArguments): Command | undefined {
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

/**
 * `--env` as a record; the last of one name wins.
 * @throws AW_USAGE for `--env NAME` when there is no such variable here.
 */
export function environmentOf(
  { name, options }: RunArguments,
  env: NodeJS.ProcessEnv,
): Record<string, string> {
  const result = new Map<string, string>();
  for (const assignment of options.env ?? []) {
    const equals = assignment.indexOf('=');
    const key = equals === -1 ? assignment : assignment.slice(0, equals);
    const value = equals === -1 ? env[key] : assignment.slice(equals + 1);
    if (value === undefined) throw usage(name, `--env ${show(key)}: there is no such variable here`);
    result.set(key, value);
  }
  return Object.fromEntries(result);
}

export function directoryOf({ options }: RunArguments, cwd: string): string {
  return resolve(cwd, options.cwd ?? '.');
}
