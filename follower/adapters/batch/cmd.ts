/** cmd.exe: the line it is given, its own commands, and scripts for it. */
import { win32 } from 'node:path';
import { AwError, show } from '../../../contract/errors.ts';
import { tooLong } from '../checks.ts';
import type { HostFacts, Invocation } from '../types.ts';
import { windowsVariable } from '../windows/lookup.ts';
import { batchLine, quoteBatch } from './quote.ts';

/** The longest line cmd.exe reads, in UTF-16 units. */
export const CMD_LINE_UNITS = 8191;

/** Extensions on (for `%cd:~,%`), delayed expansion off (`!` stays), no AutoRun, the outer quotes always taken off. */
const SWITCHES = ['/e:ON', '/v:OFF', '/d', '/s', '/c'];

/**
 * `line` is complete shell text. It is wrapped in one more pair of quotes, which cmd.exe takes off.
 * @throws AW_ARG_TOO_LONG
 */
export function runThroughCmd(line: string, facts: HostFacts): Invocation {
  const file = cmdPath(facts);
  const argv0 = `"${file}"`;
  const args = [...SWITCHES, `"${line}"`];
  const { length } = [argv0, ...args].join(' ');
  if (length > CMD_LINE_UNITS)
    throw tooLong('the command line of cmd.exe', length, 'UTF-16 units', facts.os, CMD_LINE_UNITS);
  return { file, argv0, args, env: facts.env, cwd: facts.cwd, verbatim: true };
}

/** `dir`, `echo`...: they read their own text, so quotes that an argument needs are part of what they see. */
export function runCmdBuiltin(name: string, args: readonly string[], facts: HostFacts): Invocation {
  checkLines(args);
  return runThroughCmd([name, ...args.map(quoteBatch)].join(' '), facts);
}

/** A script of any length and its arguments (`%1`...), as a file: `-c` text of several lines would lose all but the first. */
export function runCmdScript(script: string, args: readonly string[], facts: HostFacts): Invocation {
  checkLines(args);
  const name = 'script.cmd';
  // cmd.exe reads batch files in the console's code page, and misses labels in files with bare line feeds.
  const text = `@echo off\n@chcp 65001 >nul\n${script}\n`.replace(/\r?\n/g, '\r\n');
  return {
    ...runThroughCmd(batchLine(win32.join(facts.scratch, name), args), facts),
    files: [{ name, content: Buffer.from(text) }],
  };
}

function cmdPath(facts: HostFacts): string {
  const root = windowsVariable(facts.env, 'SystemRoot') ?? 'C:\\Windows';
  return facts.shells.cmd ?? win32.join(root, 'System32', 'cmd.exe');
}

function checkLines(args: readonly string[]): void {
  for (const [index, value] of args.entries()) {
    if (/[\r\n]/.test(value))
      throw new AwError('AW_ARG_NEWLINE_SHELL', { index: index + 1, value: show(value), shell: 'cmd' });
  }
}
