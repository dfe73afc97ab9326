/** The files a login shell reads, as far as they can be known from outside. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { PosixShell } from '../adapters/posix/shells.ts';

/** A directory of snippets is looked into this far. */
const MAX_SNIPPETS = 200;

const PROFILE = ['/etc/profile', '/etc/profile.d', '~/.profile'];
const MACOS_PATHS = ['/etc/paths', '/etc/paths.d'];
const FILES: Record<PosixShell, readonly string[]> = {
  sh: PROFILE,
  dash: PROFILE,
  ash: PROFILE,
  mksh: [...PROFILE, '/etc/mkshrc', '~/.mkshrc'],
  bash: [...PROFILE, '/etc/bash.bashrc', '/etc/bashrc', '~/.bash_profile', '~/.bash_login', '~/.bashrc'],
  zsh: ['/etc', '/etc/zsh', '~']
    .flatMap(directory =>
      ['zshenv', 'zprofile', 'zshrc', 'zlogin'].map(
        name => `${directory}/${directory === '~' ? '.' : ''}${name}`,
      ),
    )
    .concat(PROFILE),
  fish: ['/etc/fish', '~/.config/fish'].flatMap(directory => [
    `${directory}/config.fish`,
    `${directory}/conf.d`,
    `${directory}/fish_variables`,
  ]),
};

/**
 * Changes when one of the shell's start-up files does: their sizes and times of change. Files those files read in turn
 * are not seen. Asked before every run, and a trip to another thread for each file would take longer than all the looks.
 */
export function startupStamp(shell: PosixShell, home: string): string {
  const paths = [...FILES[shell], ...MACOS_PATHS].map(path => path.replace(/^~/, home));
  return paths.map(stampOf).join('\n');
}

function stampOf(path: string): string {
  const own = stampOfOne(path);
  if (!own.startsWith('directory ')) return own;
  const inside = namesIn(path).sort().slice(0, MAX_SNIPPETS);
  return [own, ...inside.map(name => stampOfOne(join(path, name)))].join('\n');
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function stampOfOne(path: string): string {
  try {
    const found = statSync(path, { bigint: true, throwIfNoEntry: false });
    if (found !== undefined)
      return `${found.isDirectory() ? 'directory' : 'file'} ${path} ${found.size} ${found.mtimeNs}`;
  } catch {
    // Nobody else reads it either.
  }
  return `none ${path}`;
}
