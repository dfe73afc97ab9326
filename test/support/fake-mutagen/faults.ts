/** What a test wants to go wrong with the fake Mutagen, and how often. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

export interface Faults {
  /** This path is left alone, and called a conflict, or a problem. */
  conflict?: { path: string; times: number };
  problem?: { path: string; times: number };
  /** A cycle ends with this status. */
  halt?: { status: string; times: number };
  /** A flush does not end. */
  hang?: { times: number };
  /** A flush ends well and has done nothing. */
  idle?: { times: number };
  /** The daemon dies in the middle of a flush. */
  crash?: { times: number };
  /** The daemon is of another version than the program. */
  mismatch?: { times: number };
}

const FILE = process.env.FAKE_MUTAGEN_FAULTS ?? '';

/** The fault, if it is to happen now; it then has happened once more. */
export function take<K extends keyof Faults>(name: K): Faults[K] | undefined {
  if (!existsSync(FILE)) return undefined;
  const faults: Faults = JSON.parse(readFileSync(FILE, 'utf8'));
  const fault = faults[name];
  if (fault === undefined || fault.times === 0) return undefined;
  fault.times--;
  writeFileSync(FILE, JSON.stringify(faults));
  return fault;
}
