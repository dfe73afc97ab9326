/** The way from Mutagen to a follower: none for one of this machine, else a login that the leader has made. */
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { AwError } from '../../contract/errors.ts';
import type { HostEntry } from '../../contract/hosts.ts';
import { quotePosix } from '../../follower/adapters/posix/quote.ts';
import { makePrivateDirectory, writeWhole } from '../state.ts';
import { startLimit } from '../transports/limit.ts';
import { openMaster } from '../transports/ssh/master.ts';
import { sshOptions } from '../transports/ssh/openssh-options.ts';
import type { TransportContext } from '../transports/types.ts';
import { sessionName } from './session-config.ts';

export interface Way {
  /** Where the tree is, as Mutagen names it. */
  beta: string;
  close(): void;
}

/** Of `ssh` and `scp`, within a directory of Mutagen's; see MUTAGEN_SSH_PATH. */
export function sshPathIn(directory: string): string {
  return join(directory, 'aw-ssh');
}

/** @throws AW_MUTAGEN_UNREACHABLE, AW_DISK */
export async function openWay(host: HostEntry, directory: string, context: TransportContext): Promise<Way> {
  if (host.transport === 'local') return { beta: host.workspace, close: () => {} };
  if (host.transport !== 'openssh' && host.transport !== 'auto') {
    throw unreachable(`it needs the system's ssh, and the transport is "${host.transport}"`);
  }
  const limit = startLimit(context, 'ssh does not get there');
  try {
    const master = await openMaster(host, host.jump, context, limit).catch(error => {
      throw unreachable(error instanceof AwError ? error.message : String(error), error);
    });
    const name = sessionName(host);
    writePrograms(sshPathIn(directory), name, host.address!, [...master.args, ...sshOptions(host, context)]);
    return { beta: `${name}:${host.workspace}`, close: () => master.close() };
  } finally {
    limit.done();
  }
}

function unreachable(reason: string, cause?: unknown): AwError {
  return new AwError('AW_MUTAGEN_UNREACHABLE', { reason }, { cause });
}

/** Mutagen knows the follower by a name of ours; everything else that ssh must be told stands in these. */
function writePrograms(path: string, name: string, address: string, args: readonly string[]): void {
  makePrivateDirectory(path);
  const ssh = join(path, 'ssh');
  const words = args.map(quotePosix).join(' ');
  const programs = {
    ssh: `for word do
  shift
  [ "$word" = ${quotePosix(name)} ] && word=${quotePosix(address)}
  set -- "$@" "$word"
done
exec ssh ${words} "$@"`,
    scp: `exec scp -S ${quotePosix(ssh)} "$@"`,
  };
  for (const [program, script] of Object.entries(programs)) {
    const file = join(path, program);
    writeWhole(file, `#!/bin/sh\n${script}\n`, { sync: false });
    chmodSync(file, 0o700);
  }
}
