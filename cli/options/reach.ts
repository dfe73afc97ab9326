/** The options that let a command do more to reach hosts over SSH than it would by itself. */
import { Option } from 'commander';

/** The one way to trust a host that was never seen before. */
export function acceptNewHostKeys(): Option {
  return new Option(
    '--accept-new-host-keys',
    'over SSH, trust hosts whose key is not on record and put it there; a changed key is refused all the same',
  );
}

/** The one way to have agents put on hosts by a command that is about something else. */
export function autoInstall(): Option {
  return new Option(
    '--auto-install',
    'over SSH, copy the agent to hosts that have none (they need Node 22 or newer); as aw agent followers install does',
  );
}
