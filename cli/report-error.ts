/** Errors of a command, on stderr. */
import { inspect } from 'node:util';
import { asAwError } from '../contract/errors.ts';
import { errorLines } from './render/error-text.ts';
import type { Io } from './terminal/io.ts';

/** Prints what was thrown, with its stack when `debug`, and returns the exit code it asks for. */
export function reportError(thrown: unknown, io: Io, debug: boolean): number {
  const error = asAwError(thrown);
  for (const line of errorLines(error, io.stderr.paint, error.host)) io.write('stderr', `${line}\n`);
  if (debug) io.write('stderr', `${inspect(error, { colors: io.stderr.colour })}\n`);
  return error.exitCode;
}
