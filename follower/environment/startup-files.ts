/** The files a login shell reads, as far as they can be known from outside. */
import { readdir, stat } from 'node:fs/promises';
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
 * are not seen.
 */
export async function startupStamp(shell: PosixShell, home: string): Promise<string> {
  const paths = [...FILES[shell], ...MACOS_PATHS].map(path => path.replace(/^~/, home));
  return (await Promise.all(paths.map(stampOf))).join('\n');
}

async function stampOf(path: string): Promise<string> {
  const own = await stampOfOne(path);
  if (!own.startsWith('directory ')) return own;
  const names = await readdir(path).catch(() => []);
  const inside = names.sort().slice(0, MAX_SNIPPETS);
  return [own, ...(await Promise.all(inside.map(name => stampOfOne(join(path, name)))))].join('\n');
}

async function stampOfOne(path: string): Promise<string> {
  return stat(path, { bigint: true }).then(
    found => `${found.isDirectory() ? 'directory' : 'file'} ${path} ${found.size} ${found.mtimeNs}`,
    () => `none ${path}`,
  );
}
