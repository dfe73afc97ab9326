/** Puts the fake Mutagen into a directory for PATH. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { requires, which } from '../require.ts';
import type { Faults } from './faults.ts';

/** The one that people have. */
export const hasMutagen = requires('mutagen', which('mutagen') !== undefined);

export interface FakeMutagen {
  /** For whoever is to find it. */
  PATH: string;
  /** What goes wrong from now on. */
  fail(faults: Faults): void;
  /** What of that is still to go wrong. */
  left(): Faults;
}

/**
 * @param dir of the test, in which it makes directories of its own
 * @param path what PATH is otherwise
 */
export function installFakeMutagen(dir: string, path = process.env.PATH): FakeMutagen {
  const bin = join(dir, 'mutagen-bin');
  mkdirSync(bin, { recursive: true });
  const faults = join(dir, 'mutagen-faults.json');
  const agent = join(dir, 'mutagen-agent');
  const quoted = (path: string) => `'${path}'`;
  const node = quoted(process.execPath);
  const script = (name: string) => quoted(resolve(import.meta.dirname, name));
  writeFileSync(agent, `#!/bin/sh\nFAKE_MUTAGEN_AGENT="$0" exec ${node} ${script('agent.ts')} "$@"\n`, {
    mode: 0o755,
  });
  writeFileSync(
    join(bin, 'mutagen'),
    `#!/bin/sh
export FAKE_MUTAGEN_FAULTS=${quoted(faults)} FAKE_MUTAGEN_AGENT_FILE=${quoted(agent)}
exec ${node} ${script('mutagen.ts')} "$@"
`,
    { mode: 0o755 },
  );
  return {
    PATH: `${bin}${delimiter}${path}`,
    fail: given => writeFileSync(faults, JSON.stringify(given)),
    left: () => JSON.parse(readFileSync(faults, 'utf8')),
  };
}
