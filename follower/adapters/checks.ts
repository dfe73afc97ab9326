/**
 * What an operating system cannot represent is refused here, before anything is started: never shortened, never replaced.
 *
 * Arguments are numbered as the user sees them: 0 is the command (or the script), 1 its first argument.
 */

import { AwError, show } from '../../contract/errors.ts';
import type { Command } from '../../contract/follower-api.ts';
import type { Os } from '../../contract/names.ts';
import type { Invocation } from './types.ts';
import { crtLine } from './windows/crt.ts';

/** Linux refuses one string of this many bytes or more, its NUL included (MAX_ARG_STRLEN). */
export const LINUX_STRING_BYTES = 131_072;
/** macOS: all arguments and the environment together, with a NUL and a pointer for each (ARG_MAX). */
export const MACOS_TOTAL_BYTES = 1_048_576;
/** Linux: the same sum can never exceed this, whatever the stack limit (3/4 of 8 MiB). */
export const LINUX_TOTAL_BYTES = 6_291_456;
/** Windows: the command line in UTF-16 units, its NUL included (CreateProcess). */
export const WINDOWS_LINE_UNITS = 32_767;

const POINTER_BYTES = 8;

/**
 * Checks every string the user gave.
 * @throws AW_ARG_NUL, AW_ARG_LONE_SURROGATE, AW_ARG_TOO_LONG
 */
export function checkArguments(command: Command, os: Os): void {
  const values = command.kind === 'argv' ? command.argv : [command.script, ...(command.args ?? [])];
  for (const [index, value] of values.entries()) {
    if (value.includes('\0')) throw new AwError('AW_ARG_NUL', { index, value: show(value) });
    if (!value.isWellFormed()) throw new AwError('AW_ARG_LONE_SURROGATE', { index, value: show(value) });
    // A long script goes through a file, so only real arguments are bound by the limit.
    if (os === 'linux' && !(command.kind === 'script' && index === 0)) checkLinuxString(index, value);
  }
}

/**
 * Checks what the OS limits as a whole.
 * @throws AW_ARG_TOO_LONG
 */
export function checkInvocation(invocation: Invocation, os: Os): void {
  if (os === 'windows') {
    const length = commandLine(invocation).length;
    if (length + 1 > WINDOWS_LINE_UNITS)
      throw tooLong('the command line', length, 'UTF-16 units', os, WINDOWS_LINE_UNITS - 1);
    return;
  }
  const limit = os === 'macos' ? MACOS_TOTAL_BYTES : LINUX_TOTAL_BYTES;
  const strings = [invocation.argv0 ?? invocation.file, ...invocation.args];
  for (const [name, value] of Object.entries(invocation.env)) strings.push(`${name}=${value}`);
  const length = strings.reduce((sum, text) => sum + Buffer.byteLength(text) + 1 + POINTER_BYTES, 0);
  if (length > limit) throw tooLong('the argument list with the environment', length, 'bytes', os, limit);
}

/** The command line Windows would get for this invocation. */
export function commandLine(invocation: Invocation): string {
  const words = [invocation.argv0 ?? invocation.file, ...invocation.args];
  return invocation.verbatim === true ? words.join(' ') : crtLine(words);
}

export function tooLong(what: string, length: number, unit: string, os: string, limit: number): AwError {
  return new AwError('AW_ARG_TOO_LONG', { what, length, unit, os, limit });
}

function checkLinuxString(index: number, value: string): void {
  // Every UTF-16 unit is at most three bytes, so most strings need not be measured.
  if (value.length * 3 < LINUX_STRING_BYTES) return;
  const length = Buffer.byteLength(value);
  if (length < LINUX_STRING_BYTES) return;
  throw tooLong(`argument ${index} (${show(value, 40)})`, length, 'bytes', 'linux', LINUX_STRING_BYTES - 1);
}
