/** The one way to have agents put on hosts by a command that is about something else. */
import { Option } from 'commander';

export function autoInstall(): Option {
  return new Option(
    '--auto-install',
    'over SSH, copy the agent to hosts that have none (they need Node 22 or newer); as aw agent followers install does',
  );
}
