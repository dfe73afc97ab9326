/** Which paths of a project stay on the leader: the built-in list, then what the project says in `.agents/mutagen.yml`. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { AwError, show } from '../../contract/errors.ts';
import { DEFAULT_IGNORES } from '../../follower/tree/ignore.ts';

const FILE = '.agents/mutagen.yml';

/**
 * Nothing but the ignore paths is read from the file: the rest of it can name commands, and a repository may be anybody's.
 * @throws AW_USAGE when the file is there and is no such file
 */
export function ignorePatterns(project: string): string[] {
  let text: string;
  try {
    text = readFileSync(join(project, FILE), 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [...DEFAULT_IGNORES];
    throw unreadable(code ?? String(error), error);
  }
  let sessions: unknown;
  try {
    // Aliases could make much of little.
    sessions = fieldOf(parse(text, { maxAliasCount: 100 }), 'sync');
  } catch (error) {
    throw unreadable((error as Error).message, error);
  }
  const { defaults, ...named } = isObject(sessions) ? sessions : {};
  const own = [defaults, ...Object.values(named)].flatMap(pathsOf);
  return [...DEFAULT_IGNORES, ...own];
}

function pathsOf(session: unknown): string[] {
  const paths = fieldOf(fieldOf(session, 'ignore'), 'paths');
  if (paths === undefined || paths === null) return [];
  if (!Array.isArray(paths) || !paths.every(path => typeof path === 'string')) {
    throw unreadable('"ignore.paths" is not a list of patterns');
  }
  return paths;
}

function fieldOf(value: unknown, name: string): unknown {
  return isObject(value) ? value[name] : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unreadable(reason: string, cause?: unknown): AwError {
  const problem = `${FILE} cannot be used: ${show(reason, 300).slice(1, -1)}`;
  return new AwError('AW_USAGE', { problem, command: 'aw agent followers' }, { cause });
}
