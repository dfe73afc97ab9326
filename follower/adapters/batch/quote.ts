/**
 * Arguments of a batch file: cmd.exe expands and splits the line, and what `%*` hands on is read by the C runtime.
 * One text has to survive both.
 */
import { AwError, show } from '../../../contract/errors.ts';
import { doubleBackslashes } from '../windows/crt.ts';

/** All of these are plain to cmd.exe and to the C runtime. Letters and digits of every script are too. */
const PLAIN = /^[\p{L}\p{N}\p{M}#$*+\-./:?@\\_]+$/u;

/**
 * One argument for a batch file. Quoted only when needed, because a batch file sees the quotes in `%1`.
 * Must be free of line breaks (`checkBatchArguments`).
 */
export function quoteBatch(argument: string): string {
  // A trailing backslash would escape the quote of a batch file's own "%~1".
  if (PLAIN.test(argument) && !argument.endsWith('\\')) return argument;
  const escaped = doubleBackslashes(argument).replaceAll('"', '""');
  return `"${literalPercent(escaped)}"`;
}

/**
 * Text in which cmd.exe finds no variable: `%cd:~,%` is an empty substring of a variable that always exists, and the
 * percent sign before it, starting no name, stays.
 */
function literalPercent(text: string): string {
  return text.replaceAll('%', '%%cd:~,%');
}

/** The line that runs a batch file. `file` is absolute; Windows allows no quote in a path. */
export function batchLine(file: string, args: readonly string[]): string {
  return [`"${literalPercent(file)}"`, ...args.map(quoteBatch)].join(' ');
}

/** @throws AW_ARG_NEWLINE_BATCH: cmd.exe ends the line there and would run the rest as a command */
export function checkBatchArguments(args: readonly string[], file: string): void {
  for (const [index, value] of args.entries()) {
    if (/[\r\n]/.test(value))
      throw new AwError('AW_ARG_NEWLINE_BATCH', { index: index + 1, value: show(value), file });
  }
}
