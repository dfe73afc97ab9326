/**
 * Where agents listen on their machines, as they said themselves: one line for each word of theirs, the last one counts. It
 * is a hint, which saves a login shell and a program over there when it is right and costs one try when it is not.
 */
import { createHash } from 'node:crypto';
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { makePrivateDirectory, writeWhole } from '../state.ts';

/** Lines of the file when it is written anew, and its bytes from which on it is. */
const KEPT = 500;
const LARGE = 256 * 1024;
/** The longest address a Unix socket has; and nothing in it that could begin a line of its own. */
const PATH = /^\/[^\p{Cc}]{1,106}$/u;
const LINE = /^([0-9a-f]{64})(?: (.+))?$/;

export interface AgentSockets {
  /** Undefined when it is not known. */
  find(): string | undefined;
  /** `path`: undefined when the agent tells of none any more. A path that no socket can have counts as none. */
  learn(path: string | undefined): void;
}

/** Of one login: what a machine has said is never used for another one, nor for another user. Never throws. */
export function agentSockets(stateDir: string, login: readonly string[]): AgentSockets {
  const file = join(stateDir, 'agent-sockets');
  const key = createHash('sha256').update(JSON.stringify(login)).digest('hex');
  const find = () => read(file).get(key);
  return {
    find,
    learn: told => {
      const path = told !== undefined && PATH.test(told) ? told : undefined;
      if (path === find()) return;
      try {
        makePrivateDirectory(stateDir);
        appendFileSync(file, path === undefined ? `${key}\n` : `${key} ${path}\n`, { mode: 0o600 });
        shorten(file);
      } catch {
        // The next connection goes the long way, as this one did.
      }
    },
  };
}

function read(file: string): Map<string, string> {
  const known = new Map<string, string>();
  for (const line of textOf(file).split('\n')) {
    const [, key, path] = LINE.exec(line) ?? [];
    if (key === undefined) continue;
    // What was said last shall stand last.
    known.delete(key);
    if (path !== undefined && PATH.test(path)) known.set(key, path);
  }
  return known;
}

function shorten(file: string): void {
  if (textOf(file).length <= LARGE) return;
  const latest = [...read(file)].slice(-KEPT);
  writeWhole(file, latest.map(([key, path]) => `${key} ${path}\n`).join(''));
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
