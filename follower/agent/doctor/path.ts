/**
 * The two PATHs of a machine: the one of a login, which runs get, and the one of sshd, which whatever `ssh HOST PROGRAM`
 * names gets. That they differ is why a tool is "not found" that everybody there can start.
 */
import { accessSync, constants, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Finding } from '../../../contract/follower-api.ts';

const TOOLS = ['node', 'npm', 'git', 'python3', 'cargo', 'go', 'java', 'dotnet', 'aw-follower'];
/** A list is cut here: a PATH can have hundreds of directories. */
const SHOWN = 6;

/** POSIX only. `isProgram`: whether a path is a file that can be executed. */
export function comparePaths(
  login: string,
  sshd: string,
  isProgram: (path: string) => boolean = isExecutableFile,
): Finding {
  const check = 'path';
  const [ofLogin, ofSshd] = [directories(login), directories(sshd)];
  const onlyLogin = ofLogin.filter(directory => !ofSshd.includes(directory));
  const onlySshd = ofSshd.filter(directory => !ofLogin.includes(directory));
  if (onlyLogin.length === 0 && onlySshd.length === 0) {
    return { check, status: 'ok', detail: 'a login and sshd have the same directories in PATH' };
  }
  const find = (tool: string, from: readonly string[]) =>
    from.map(directory => join(directory, tool)).find(isProgram);
  const tools = TOOLS.map(tool => ({ tool, atLogin: find(tool, ofLogin), bySshd: find(tool, ofSshd) }));
  const names = (wanted: (tool: (typeof tools)[number]) => boolean) =>
    tools.filter(wanted).map(({ tool }) => tool);
  const hidden = names(({ atLogin, bySshd }) => atLogin !== undefined && bySshd === undefined);
  const lost = names(({ atLogin, bySshd }) => atLogin === undefined && bySshd !== undefined);
  const other = names(
    ({ atLogin, bySshd }) => atLogin !== undefined && bySshd !== undefined && atLogin !== bySshd,
  );
  const parts = [
    ...(onlyLogin.length === 0 ? [] : [`only a login has ${list(onlyLogin)}`]),
    ...(onlySshd.length === 0 ? [] : [`only sshd has ${list(onlySshd)}`]),
    ...(hidden.length === 0 ? [] : [`runs find ${hidden.join(', ')}, but "ssh HOST ${hidden[0]}" does not`]),
    ...(other.length === 0 ? [] : [`${other.join(', ')}: another one by each`]),
    ...(lost.length === 0 ? [] : [`"ssh HOST ${lost[0]}" works, but runs do not find ${lost.join(', ')}`]),
  ];
  const detail = parts.join('; ');
  if (lost.length === 0) return { check, status: 'info', detail };
  const missing = onlySshd.find(directory => isProgram(join(directory, lost[0]!)));
  const fix = `add ${missing} to PATH in a start-up file of the login shell there`;
  return { check, status: 'warning', detail, fix };
}

/** Relative ones, and empty ones, which mean the current directory, are never searched for a run. */
function directories(path: string): string[] {
  const absolute = path.split(':').filter(directory => directory.startsWith('/'));
  return [...new Set(absolute.map(directory => directory.replace(/(?<=.)\/+$/, '')))];
}

function list(items: readonly string[]): string {
  const more = items.length - SHOWN;
  return `${items.slice(0, SHOWN).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function isExecutableFile(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
