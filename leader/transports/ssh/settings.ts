/** What the user's configuration of ssh says of a host, in the words of ssh itself. */
import { execFile } from 'node:child_process';
import { JumpHost, jumpFields } from '../../../contract/hosts.ts';
import { environmentOf } from '../environment.ts';
import type { Limit } from '../limit.ts';
import type { TransportContext } from '../types.ts';
import { sshOptions } from './openssh-options.ts';
import type { SshTarget } from './types.ts';

export interface Settings {
  /** Where the connection goes. */
  hostname: string;
  port: string;
  /** The hosts it goes through; none also when ssh alone knows how (`ProxyCommand`). */
  jumps: JumpHost[];
  /** Connections are shared there, if there are any. */
  hasControlPath: boolean;
}

/** The command line settings of ours included. What cannot be read counts as nothing: ssh will say what is wrong. */
export async function readSettings(
  target: SshTarget,
  context: TransportContext,
  limit: Limit,
): Promise<Settings> {
  const { stdout } = await limit.race(ask(['-G'], target, context));
  const values = new Map<string, string>();
  for (const line of stdout.split('\n')) {
    const [, name, value] = /^(\S+) (.*)$/.exec(line) ?? [];
    if (name !== undefined) values.set(name, value!);
  }
  const jumps = (values.get('proxyjump') ?? 'none').split(',');
  const parsed = JumpHost.array().safeParse(jumps.map(jumpFields));
  return {
    hostname: values.get('hostname') ?? target.address!,
    port: values.get('port') ?? String(target.port ?? 22),
    jumps: parsed.success && jumps[0] !== 'none' ? parsed.data : [],
    hasControlPath: !['none', undefined].includes(values.get('controlpath')),
  };
}

/** Whether the user has a connection open that may be used. */
export async function hasMaster(
  target: SshTarget,
  context: TransportContext,
  limit: Limit,
): Promise<boolean> {
  return (await limit.race(ask(['-O', 'check'], target, context))).code === 0;
}

/** Never rejects: `code` is null when there was no answer. */
function ask(
  question: string[],
  target: SshTarget,
  context: TransportContext,
): Promise<{ code: number | null; stdout: string }> {
  const args = [...question, ...sshOptions(target, context), '--', target.address!];
  const { timeoutMs: timeout, signal } = context;
  const options = { env: environmentOf(context), windowsHide: true, timeout, ...(signal && { signal }) };
  return new Promise(fulfil => {
    const child = execFile('ssh', args, options, (_error, stdout) =>
      fulfil({ code: child.exitCode, stdout }),
    );
  });
}
