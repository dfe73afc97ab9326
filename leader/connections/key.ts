/**
 * When two wishes for a connection are one: if it would lead to the same place, as the same user, checked in the same way.
 *
 * A catalogue entry's name alone says none of that, since every project has its own catalogue. So all of an entry counts that
 * is not known to be about something else, and of the asker whatever the way there looks at. Options of a command that loosen
 * a check (`acceptNewHostKeys`) count as well: what was let through under them is never handed to somebody who did not ask for
 * them, and would have been refused. What the other end asks for with each request, its token, is not part of a connection:
 * each client sends the one that its own file holds then.
 *
 * A host's key and the login are checked when the connection is made, and hold as long as it does, as with a shared connection
 * of OpenSSH. Whoever takes a key back ends the connections.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { HostEntry } from '../../contract/hosts.ts';
import { environmentOf, homeOf } from '../transports/environment.ts';
import type { TransportContext } from '../transports/index.ts';

/** What a run means there, not where there is. */
const ofRuns: ReadonlySet<string> = new Set(['tags', 'paths', 'env', 'shell']);
/** How to get a connection or do without one, not what one may be. Any other option counts, as any other field does. */
const ofAttempts: ReadonlySet<string> = new Set([
  'timeoutMs',
  'start',
  'keepAlive',
  'agentless',
  'autoInstall',
]);

export function connectionKey(host: HostEntry, context: TransportContext): string {
  const { stateDir } = context;
  const isLocal = host.transport === 'local';
  // Where the agent of a workspace listens follows from the workspace; any other is found without.
  const isOfWorkspace = isLocal && host.socket === undefined;
  const where = Object.entries(host)
    .filter(([name]) => !ofRuns.has(name) && (name !== 'workspace' || isOfWorkspace))
    .sort(byName);
  return JSON.stringify([where, options(context, ofAttempts), isLocal ? stateDir : asker(host, context)]);
}

/** When two who want the same connection may share the attempt as well, if they can also ask the same person. */
export function attemptKey(context: TransportContext): string {
  return JSON.stringify(options(context, new Set()));
}

/** What was asked for; an option that is off says nothing. */
function options({ stateDir, signal, env, ask, tell, ...rest }: TransportContext, but: ReadonlySet<string>) {
  return Object.entries(rest)
    .filter(([name, value]) => !but.has(name) && value !== undefined && value !== false)
    .sort(byName);
}

function byName([one]: [string, unknown], [other]: [string, unknown]): number {
  return one < other ? -1 : 1;
}

/** The files, keys and programs that SSH finds by an asker's environment. What an `Include` names is not looked at. */
function asker({ transport }: HostEntry, context: TransportContext): unknown[] {
  const { PATH, SSH_AUTH_SOCK } = environmentOf(context);
  const home = homeOf(context);
  if (transport === 'ssh') return [home, SSH_AUTH_SOCK];
  const configs = [join(home, '.ssh', 'config'), '/etc/ssh/ssh_config'].map(stateOf);
  return [home, SSH_AUTH_SOCK, PATH, configs];
}

function stateOf(path: string): unknown {
  try {
    const { ino, size, mtimeMs } = statSync(path);
    return [ino, size, mtimeMs];
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
}
