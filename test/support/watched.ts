/** A command that goes on while a test does something to what it depends on. */
import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface Watched {
  command: ChildProcess;
  /** What it has written so far. */
  printed(): Buffer;
  stderr(): string;
  /** Does that; what fails meanwhile says also what became of the command, and the last lines of the leader's log. */
  telling<T>(act: () => Promise<T>): Promise<T>;
}

const LAST_LINES = 20;

export function watch(command: ChildProcess, leaderLog: string): Watched {
  const stdout: Buffer[] = [];
  let stderr = '';
  command.stdout!.on('data', chunk => stdout.push(chunk));
  command.stderr!.on('data', chunk => {
    stderr += chunk;
  });
  const printed = () => Buffer.concat(stdout);
  const story = () => {
    const { pid, exitCode, signalCode } = command;
    const state = exitCode ?? signalCode ?? 'running';
    const events = printed().toString().trimEnd().split('\n').slice(-LAST_LINES).join('\n');
    return `the command (process ${pid}): ${state}; stderr:\n${stderr}\nlast events:\n${events}\nleader.log:\n${tail(leaderLog)}`;
  };
  return {
    command,
    printed,
    stderr: () => stderr,
    async telling(act) {
      try {
        return await act();
      } catch (error) {
        (error as Error).message += `\n${story()}`;
        throw error;
      }
    },
  };
}

function tail(path: string): string {
  try {
    return readFileSync(path, 'utf8').trimEnd().split('\n').slice(-LAST_LINES).join('\n');
  } catch (error) {
    return (error as Error).message;
  }
}
