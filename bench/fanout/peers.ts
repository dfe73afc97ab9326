/** Who runs one command on many machines, and how each is asked to. */
import { which } from '../../test/support/require.ts';
import { AW } from '../measure.ts';
import type { Group, Warmth } from './machines.ts';

export interface Peer {
  name: string;
  /** The program that must be installed. */
  needs: string;
  /** `command` is one line for a shell there, without anything that shells disagree about. */
  ask(group: Group, command: string, warmth: Warmth): Call;
}

export interface Call {
  argv: readonly string[];
  env?: Record<string, string>;
}

/** One process for each machine, and nobody in front who would say what comes from where. */
export const ssh: Peer = {
  name: 'ssh, xargs -P',
  needs: 'xargs',
  ask: ({ names, config }, command, warmth) => {
    const each = `xargs -P ${names.length} -I{} ssh -F ${config[warmth]} -n -T {} "$0"`;
    return { argv: ['sh', '-c', `printf '%s\\n' ${names.join(' ')} | ${each}`, command] };
  },
};

export const pdsh: Peer = {
  name: 'pdsh',
  needs: 'pdsh',
  ask: ({ names, config }, command, warmth) => ({
    argv: ['pdsh', '-S', '-R', 'ssh', '-f', String(names.length), '-w', names.join(','), command],
    env: { PDSH_SSH_ARGS_APPEND: `-F ${config[warmth]}` },
  }),
};

const clush: Peer = {
  name: 'clush',
  needs: 'clush',
  ask: ({ names, config }, command, warmth) => {
    const options = ['-S', '-f', String(names.length), '-o', `-F ${config[warmth]}`];
    return { argv: ['clush', ...options, '-w', names.join(','), command] };
  },
};

const pssh: Peer = {
  name: 'parallel-ssh',
  needs: 'parallel-ssh',
  ask: ({ names, config }, command, warmth) => {
    const options = ['-i', '-p', String(names.length), '-x', `-F ${config[warmth]}`];
    return { argv: ['parallel-ssh', ...options, '-H', names.join(' '), command] };
  },
};

const ansible: Peer = {
  name: 'ansible, pipelining',
  needs: 'ansible',
  ask: ({ names, inventory, config }, command, warmth) => ({
    argv: ['ansible', 'all', '-i', inventory, '-f', String(names.length), '-a', command],
    env: {
      ANSIBLE_SSH_ARGS: `-F ${config[warmth]}`,
      ANSIBLE_PIPELINING: '1',
      ANSIBLE_PYTHON_INTERPRETER: '/usr/bin/python3',
      ANSIBLE_NOCOLOR: '1',
    },
  }),
};

/** Cold: it leads itself, and connects. Warm: it asks the resident leader, which has the connections. */
export const us: Peer = {
  name: 'run-everywhere',
  needs: 'node',
  ask: ({ catalogue }, command, warmth) => {
    const options = ['--output', 'prefix', '--hosts', catalogue];
    return {
      argv: [process.execPath, AW, 'agent', 'run-everywhere', ...options, '--', ...command.split(' ')],
      env: warmth === 'cold' ? { AW_NO_DAEMON: '1' } : {},
    };
  },
};

export const peers: readonly Peer[] = [us, ssh, pdsh, clush, pssh, ansible];

export function installed(wanted: readonly Peer[]): { here: Peer[]; missing: string[] } {
  const here = wanted.filter(({ needs }) => which(needs) !== undefined);
  return { here, missing: wanted.filter(peer => !here.includes(peer)).map(({ needs }) => needs) };
}
