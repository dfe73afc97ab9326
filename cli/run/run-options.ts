/** The options of `run-everywhere`, and the checks that need nothing but them. */
import type { RunOptions as LeaderOptions } from '../../contract/leader-api.ts';
import { usage } from '../options/command.ts';
import type { LeaderChoice } from '../options/leader.ts';
import type { OutputOptions } from '../options/output.ts';
import { checkSelectors, isSelecting, type SelectorOptions } from '../options/selectors.ts';

/** What the leader is told, and what only this command needs. */
export type RunOptions = LeaderOptions & OutputOptions & SelectorOptions & LeaderChoice;

export interface RunArguments {
  /** How the command was called. */
  name: string;
  /** What stood before `--` and was no option. */
  words: string[];
  /** What stood behind `--`; undefined without one. */
  tail: string[] | undefined;
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
