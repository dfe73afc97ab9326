/** The option of commands that have a leader do their work. */
import type { Command } from 'commander';

export interface LeaderChoice {
  /** False: lead in this process. */
  daemon?: boolean;
}

export function addLeaderChoice(command: Command): Command {
  return command.option(
    '--no-daemon',
    'do all of it in this process, without the resident leader (env: AW_NO_DAEMON)',
  );
}
