/**
 * What an adapter is: a pure function from a command and the facts of one machine to an invocation ready for spawn.
 * It never looks at the machine it runs on, so every OS's rules are tested on every OS.
 */
import type { Command } from '../../contract/follower-api.ts';
import type { Os, ShellName } from '../../contract/names.ts';

export interface CommandSpec {
  command: Command;
  /** Given with `--shell`: run the command through this shell. */
  shell?: ShellName;
  /** The follower's shell: runs scripts when `shell` is not given. */
  loginShell: ShellName;
}

/** What lies at a path, as far as running it goes. `denied`: a file that this user may not execute. */
export type PathKind = 'executable' | 'denied' | 'directory' | 'missing';

export interface HostFacts {
  os: Os;
  /** The complete environment the child will have, already normalised for `os`. */
  env: Readonly<Record<string, string>>;
  /** Absolute, verified to exist. */
  cwd: string;
  /** Absolute paths of the shells this machine has. */
  shells: Readonly<Partial<Record<ShellName, string>>>;
  /** A private directory of this run on the follower, where `Invocation.files` will be written. */
  scratch: string;
  /** Looks at a path, following links. */
  probe(path: string): PathKind;
  /** The first 64 KiB of a small text file (npm shims); undefined when it cannot be read. */
  readText(path: string): string | undefined;
}

export interface Invocation {
  /** Absolute. */
  file: string;
  args: readonly string[];
  /** What the program sees as its own name; default `file`. With `verbatim` it stands first in the line, quoted. */
  argv0?: string;
  env: Readonly<Record<string, string>>;
  cwd: string;
  /** Windows only: `args` are joined by single spaces as they are, without quoting. */
  verbatim?: boolean;
  /** To be written into `HostFacts.scratch` before the spawn and removed after the run. */
  files?: readonly { name: string; content: Uint8Array }[];
}

/** Turns a command into an invocation, or throws the `AwError` that says why it cannot be passed on faithfully. */
export type Adapter = (spec: CommandSpec, facts: HostFacts) => Invocation;
