/**
 * From a command name to a program, by the rules of the target OS but without its traps: the working directory is never
 * searched for a bare name, also not through an empty or relative PATH entry (where POSIX would), because whoever can
 * write into a project could otherwise plant a `git` or an `npm` there.
 */
import { AwError, show } from '../../contract/errors.ts';
import type { HostFacts } from './types.ts';

/** `unusable`: there is a file of that name, but it cannot be run. `searched` is for a person. */
export type Lookup =
  | { kind: 'found'; file: string }
  | { kind: 'unusable'; file: string; reason: string }
  | { kind: 'missing'; searched: string };

const POSIX_BUILTINS = new Set(
  (
    '. : [[ alias autoload bg bind break builtin caller cd command compgen complete continue declare dirs disown emulate ' +
    'enable eval exec exit export fc fg getopts hash history jobs let local logout mapfile popd pushd read readarray ' +
    'readonly rehash return set setopt shift shopt source suspend times trap type typeset ulimit umask unalias unset ' +
    'unsetopt wait whence'
  ).split(' '),
);
const CMD_BUILTINS = new Set(
  (
    'assoc break call cd chdir cls color copy date del dir dpath echo endlocal erase exit for ftype goto if keys md mkdir ' +
    'mklink move path pause popd prompt pushd rd rem ren rename rmdir set setlocal shift start time title type ver verify vol'
  ).split(' '),
);

export function isCmdBuiltin(name: string): boolean {
  return CMD_BUILTINS.has(name.toLowerCase());
}

/**
 * The found file.
 * @throws AW_CMD_NOT_FOUND, AW_CMD_NOT_EXECUTABLE: what a failed lookup stands for
 */
export function fileOf(name: string, lookup: Lookup, facts: HostFacts): string {
  if (lookup.kind === 'found') return lookup.file;
  const command = show(name);
  if (lookup.kind === 'unusable')
    throw new AwError('AW_CMD_NOT_EXECUTABLE', {
      command,
      file: show(lookup.file, 300),
      reason: lookup.reason,
    });
  const builtins = facts.os === 'windows' ? CMD_BUILTINS : POSIX_BUILTINS;
  const hint = builtins.has(name) ? `; ${command} is a shell builtin, not a program` : '';
  throw new AwError('AW_CMD_NOT_FOUND', { command, searched: lookup.searched + hint });
}
