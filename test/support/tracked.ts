import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** Files of the working tree that git tracks or would track, relative to the repository, with `/`. */
export function trackedFiles(pattern: string): string[] {
  const listed = execFileSync(
    'git',
    ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--', pattern],
    {
      encoding: 'utf8',
    },
  );
  return [...new Set(listed.split('\0'))].filter(file => file !== '' && existsSync(file));
}
