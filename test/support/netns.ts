/** A machine of its own as far as the network can tell, with a link to it that can go silent. Only root can make one. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { requires } from './require.ts';

const IP = '/usr/sbin/ip';
/** Locally administered, and nobody's: what is sent there is dropped, with no word to whoever sent it. */
const NOBODY = '02:00:00:00:de:ad';

/** Asks the system by doing it: a container may have all that is needed, and still not be allowed. */
export const canMakeNetworks = requires('netns', triesToMakeOne());

export interface Machine {
  /** Its own. */
  address: string;
  /** What a program is started with to be there. */
  under: readonly string[];
  /** From now on nothing that one side sends gets to the other, and neither is told. */
  silence(): void;
  restore(): void;
  /** Everything that runs there has to be ended before. */
  remove(): void;
}

export function makeMachine(): Machine {
  const id = randomBytes(4);
  const name = `awtest${id.toString('hex')}`;
  const [near, far] = [`${name}a`, `${name}b`];
  // Of the block that is set aside for tests of networks.
  const net = `198.18.${id[0]}.${id[1]! & 0xfc}`.split('.').map(Number);
  const at = (host: number) => [...net.slice(0, 3), net[3]! + host].join('.');
  const [here, there] = [at(1), at(2)];
  ip('netns', 'add', name);
  try {
    ip('link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'netns', name);
    ip('addr', 'add', `${here}/30`, 'dev', near);
    ip('-n', name, 'addr', 'add', `${there}/30`, 'dev', far);
    ip('link', 'set', near, 'up');
    ip('-n', name, 'link', 'set', far, 'up');
    ip('-n', name, 'link', 'set', 'lo', 'up');
  } catch (error) {
    ip('netns', 'del', name);
    throw error;
  }
  const neighbours = [
    ['neigh', there, near],
    ['-n', name, 'neigh', here, far],
  ];
  const each = (verb: string, ...words: string[]) => {
    for (const neighbour of neighbours) {
      const [address, device] = neighbour.slice(-2) as [string, string];
      ip(...neighbour.slice(0, -2), verb, address, ...words, 'dev', device);
    }
  };
  return {
    address: there,
    under: [IP, 'netns', 'exec', name],
    silence: () => each('replace', 'lladdr', NOBODY, 'nud', 'permanent'),
    restore: () => each('del'),
    remove: () => ip('netns', 'del', name),
  };
}

function triesToMakeOne(): boolean {
  if (process.getuid?.() !== 0 || !existsSync(IP)) return false;
  try {
    makeMachine().remove();
    return true;
  } catch {
    return false;
  }
}

function ip(...args: string[]): void {
  execFileSync(IP, args, { stdio: 'pipe' });
}
