/** Key files with a passphrase: it is asked for once, and the key kept in memory as long as this process lives. */
import type { ParsedKey } from 'ssh2';
import { show } from '../../../contract/errors.ts';
import type { Ask } from '../types.ts';

const TRIES = 3;

/** By path, as the file was when it was last changed. */
const unlocked = new Map<string, { version: number; key: ParsedKey }>();
/** Whoever has been asked is not asked again, also when they had no answer. */
const asked = new WeakMap<Ask, Map<string, Promise<ParsedKey | undefined>>>();

export interface LockedKey {
  path: string;
  /** Another one when the file has changed. */
  version: number;
  /** An error for a passphrase that does not fit. */
  open(passphrase: string): ParsedKey | Error;
}

/** Undefined when nobody could open it. However many want the same key at one time, one question is asked. */
export function unlock(locked: LockedKey, ask: Ask | undefined): Promise<ParsedKey | undefined> {
  const known = unlocked.get(locked.path);
  if (known?.version === locked.version) return Promise.resolve(known.key);
  if (ask === undefined) return Promise.resolve(undefined);
  const questions = asked.get(ask) ?? new Map<string, Promise<ParsedKey | undefined>>();
  asked.set(ask, questions);
  const question = `${locked.version} ${locked.path}`;
  const answer = questions.get(question) ?? askFor(locked, ask);
  questions.set(question, answer);
  return answer;
}

async function askFor(locked: LockedKey, ask: Ask): Promise<ParsedKey | undefined> {
  const { path, version } = locked;
  const question = `Passphrase of ${show(path, 4096).slice(1, -1)}: `;
  for (let tries = 0; tries < TRIES; tries++) {
    const passphrase = await ask(tries === 0 ? question : `That is not it. ${question}`);
    if (passphrase === undefined) return undefined;
    const key = locked.open(passphrase);
    if (key instanceof Error) continue;
    unlocked.set(path, { version, key });
    return key;
  }
  return undefined;
}
