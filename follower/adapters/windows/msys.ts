/**
 * Programs built on the MSYS2 or Cygwin runtime split their command line themselves when a native program starts them:
 * `'` quotes too, and what stands outside quotes is a glob, a brace list, a home directory or an `@file`.
 */
import { win32 } from 'node:path';
import type { HostFacts, Invocation } from '../types.ts';

const RUNTIMES = ['msys-2.0.dll', 'cygwin1.dll'];

/** True when the program's own directory holds the runtime. */
export function isMsysProgram(file: string, facts: HostFacts): boolean {
  const directory = win32.dirname(file);
  return RUNTIMES.some(runtime => facts.probe(win32.join(directory, runtime)) !== 'missing');
}

export function msysInvocation(file: string, args: readonly string[], facts: HostFacts): Invocation {
  return {
    file,
    argv0: `"${file}"`,
    args: args.map(quoteMsys),
    env: facts.env,
    cwd: facts.cwd,
    verbatim: true,
  };
}

/** One argument, always quoted. Backslashes are doubled: within quotes the runtime takes pairs as one. */
export function quoteMsys(argument: string): string {
  const word = `"${protect(argument)}"`;
  if (!looksLikeDosPath(word.slice(1))) return word;
  // Cygwin keeps doubled backslashes in a word that starts with a quoted drive or share. A first character in quotes of
  // its own hides that start.
  const [first = '', ...rest] = argument;
  return `'${protect(first)}'"${protect(rest.join(''))}"`;
}

function protect(text: string): string {
  return text.replace(/["\\]/g, '\\$&');
}

function looksLikeDosPath(text: string): boolean {
  return /^[A-Za-z]:/.test(text) || /^\\\\[A-Za-z].*\\/s.test(text);
}
