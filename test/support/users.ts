/** Users of this machine that exist for one test file. Only root can make them. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { requires } from './require.ts';

/** Not looked for in PATH, which need not have the administrator's directories. */
const USERADD = '/usr/sbin/useradd';

export const canAddUsers = requires('useradd', existsSync(USERADD) && process.getuid?.() === 0);

export interface TestUser {
  name: string;
  home: string;
  /** Hands a file or directory, which exists, over to the user. */
  own(path: string): void;
  remove(): void;
}

/** `home` is made for the user and goes with whoever made the directory it is in. */
export function addUser(shell: string, home: string): TestUser {
  const name = `awtest${randomBytes(4).toString('hex')}`;
  // A password that nothing matches, where the default would be a locked account.
  execFileSync(USERADD, ['-M', '-d', home, '-s', shell, '-p', '*', name]);
  const own = (path: string) => void execFileSync('chown', ['-R', `${name}:`, path]);
  mkdirSync(home, { recursive: true });
  own(home);
  return {
    name,
    home,
    own,
    remove: () => void execFileSync('/usr/sbin/userdel', [name], { stdio: 'ignore' }),
  };
}
