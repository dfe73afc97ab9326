/** Finding programs on Linux and macOS, as execvp does but never in the working directory. */
import { show } from '../../../contract/errors.ts';
import type { Lookup } from '../resolve.ts';
import type { HostFacts, PathKind } from '../types.ts';

/** What is searched where there is no PATH at all. */
const DEFAULT_PATH = '/usr/bin:/bin';

export function findOnPosix(name: string, facts: HostFacts): Lookup {
  if (name === '') return { kind: 'missing', searched: 'nothing: the name is empty' };
  let unusable: Lookup | undefined;
  const files = posixCandidates(name, facts);
  for (const file of files) {
    const kind = facts.probe(file);
    if (kind === 'executable') return { kind: 'found', file };
    // A later directory may still have a usable one.
    if (kind !== 'missing') unusable ??= { kind: 'unusable', file, reason: reasonFor(kind) };
  }
  return unusable ?? { kind: 'missing', searched: posixSearched(name, facts) };
}

/** The files a name may stand for. One with a slash is a path, its symbolic links and `..` left to the system. */
export function posixCandidates(name: string, facts: HostFacts): string[] {
  if (name.startsWith('/')) return [name];
  if (name.includes('/')) return [`${facts.cwd.replace(/\/$/, '')}/${name.replace(/^(?:\.\/+)+/, '')}`];
  const directories = (facts.env.PATH ?? DEFAULT_PATH).split(':').filter(entry => entry.startsWith('/'));
  return directories.map(directory => `${directory.replace(/\/+$/, '')}/${name}`);
}

/** Where a name was looked for, for a person. */
export function posixSearched(name: string, facts: HostFacts): string {
  if (name.includes('/')) return show(posixCandidates(name, facts).join(), 300);
  const path = facts.env.PATH ?? DEFAULT_PATH;
  return path === '' ? 'nothing: PATH is empty' : show(path, 1000);
}

function reasonFor(kind: Exclude<PathKind, 'executable' | 'missing'>): string {
  return kind === 'directory' ? 'it is a directory' : 'it has no execute permission for this user';
}
