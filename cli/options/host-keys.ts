/** The one way to trust a host that was never seen before. */
import { Option } from 'commander';

export function acceptNewHostKeys(): Option {
  return new Option(
    '--accept-new-host-keys',
    'over SSH, trust hosts whose key is not on record and put it there; a changed key is refused all the same',
  );
}
