/** The keys the built-in SSH logs in with: those of the SSH agent and the usual files. Never a password. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { AgentAuthMethod, BaseAgent, ParsedKey, PublicKeyAuthMethod } from 'ssh2';
import { AwError, show } from '../../../contract/errors.ts';
import { environmentOf, homeOf } from '../environment.ts';
import type { TransportContext } from '../types.ts';
import { sshAddress, sshUser } from './errors.ts';
import { type LockedKey, unlock } from './passphrase.ts';
import type { SshTarget } from './types.ts';

const FILES = ['id_ed25519', 'id_ecdsa', 'id_rsa'];

type Login = Omit<AgentAuthMethod, 'username'> | Omit<PublicKeyAuthMethod, 'username'>;

interface Offer {
  what: string;
  login: Login;
}

export interface Identities {
  /** What to try next; false when there is nothing more, or the server takes no key. `accepted` is null at first. */
  next(
    username: string,
    accepted: readonly string[] | null,
    partly: boolean | null,
  ): AgentAuthMethod | PublicKeyAuthMethod | false;
  /** There is one key in question, and nobody needs to be asked for its use: it may be signed with unasked. */
  isCertain: boolean;
  /** Why the login failed; undefined when not all keys have been refused. */
  refusal(host: SshTarget): AwError | undefined;
}

/**
 * Never rejects: what cannot be used is said when nothing else could.
 * `patiently` is given what waits for a person.
 */
export async function offerIdentities(
  host: SshTarget,
  context: TransportContext,
  patiently: Patiently,
): Promise<Identities> {
  const skipped: string[] = [];
  const offers = await collect(host, context, patiently, skipped);
  const offered: string[] = [];
  let isOver = false;
  let serverWants: string | undefined;
  return {
    isCertain: offers.length === 1 && offers[0]!.login.type === 'publickey',
    next: (username, accepted, partly) => {
      if (accepted !== null) {
        serverWants = `${partly === true ? 'after the key, ' : ''}the server takes ${accepted.join(', ')}`;
      }
      const takesKeys = accepted === null || (accepted.includes('publickey') && partly !== true);
      const offer = takesKeys ? offers[offered.length] : undefined;
      if (offer === undefined) {
        isOver = true;
        return false;
      }
      offered.push(offer.what);
      return { ...offer.login, username };
    },
    refusal: () => {
      if (!isOver) return undefined;
      const parts = [
        offered.length === 0 ? 'there was no key to offer' : `offered ${offered.join(', ')}`,
        ...(serverWants === undefined ? [] : [serverWants]),
        ...(skipped.length === 0 ? [] : [`not usable: ${skipped.join(', ')}`]),
      ];
      const user = sshUser(host);
      return new AwError('AW_SSH_AUTH_REFUSED', {
        user,
        address: sshAddress(host),
        reason: parts.join('; '),
      });
    },
  };
}

type Patiently = <T>(work: Promise<T>) => Promise<T>;

/**
 * With an `identityFile` that key only, be it in the file or, when the file is encrypted, in the agent. A passphrase is
 * asked for when there is nothing else to offer.
 */
async function collect(
  host: SshTarget,
  context: TransportContext,
  patiently: Patiently,
  skipped: string[],
): Promise<Offer[]> {
  const { default: ssh2 } = await import('ssh2');
  const only = host.identityFile;
  const files = only === undefined ? FILES.map(name => join(homeOf(context), '.ssh', name)) : [only];
  const locked: LockedKey[] = [];
  const [agent, keys] = await Promise.all([
    readAgent(ssh2, environmentOf(context).SSH_AUTH_SOCK, skipped),
    Promise.all(files.map(file => readKey(ssh2, file, only !== undefined, skipped, locked))),
  ]);
  const wanted = only === undefined ? undefined : await readPublicKey(ssh2, `${only}.pub`);
  const held = agent?.keys.filter(key => wanted === undefined || sameKey(key, wanted)) ?? [];
  const useAgent = agent !== undefined && held.length > 0 && (only === undefined || keys[0] === undefined);
  const offers: Offer[] = useAgent
    ? [{ what: `${held.length} of the SSH agent`, login: { type: 'agent', agent: agent.holding(held) } }]
    : [];
  for (const [index, key] of keys.entries()) {
    if (key === undefined || (useAgent && held.some(other => sameKey(other, key)))) continue;
    offers.push({ what: files[index]!, login: { type: 'publickey', key } });
  }
  for (const each of locked) {
    const key = offers.length === 0 ? await patiently(unlock(each, context.ask)) : undefined;
    if (key === undefined) skipped.push(`${each.path} (encrypted: ssh-add it)`);
    else offers.push({ what: each.path, login: { type: 'publickey', key } });
  }
  return offers;
}

type Ssh2 = typeof import('ssh2');

async function readAgent(ssh2: Ssh2, path: string | undefined, skipped: string[]) {
  if (path === undefined || path === '') return undefined;
  const agent = ssh2.createAgent(path);
  try {
    const found = await new Promise<unknown[]>((fulfil, reject) => {
      agent.getIdentities((error, keys) => (error ? reject(error) : fulfil(keys ?? [])));
    });
    const keys = found.flatMap(entry => {
      const key = ssh2.utils.parseKey(entry as ParsedKey);
      return key instanceof Error ? [] : [key];
    });
    /** The agent as if it held these keys only. ssh2 knows an agent by its prototype. */
    const holding = (held: ParsedKey[]): BaseAgent =>
      Object.assign(Object.create(ssh2.BaseAgent.prototype), {
        getIdentities: (callback: (error: undefined, keys: ParsedKey[]) => void) => callback(undefined, held),
        sign: agent.sign.bind(agent),
      });
    return { keys, holding };
  } catch (error) {
    skipped.push(`the SSH agent (${show((error as Error).message).slice(1, -1)})`);
    return undefined;
  }
}

async function readKey(
  ssh2: Ssh2,
  file: string,
  isExpected: boolean,
  skipped: string[],
  locked: LockedKey[],
): Promise<ParsedKey | undefined> {
  const skip = (why: string) => {
    skipped.push(`${file} (${why})`);
    return undefined;
  };
  try {
    const { mode, mtimeMs: version } = await stat(file);
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      return skip('other users can read it: chmod 600');
    }
    const text = await readFile(file);
    const key = ssh2.utils.parseKey(text);
    if (!(key instanceof Error)) return key.isPrivateKey() ? key : skip('not a private key');
    if (!/encrypted/i.test(key.message)) return skip('not a key this version can read');
    locked.push({ path: file, version, open: passphrase => ssh2.utils.parseKey(text, passphrase) });
    return undefined;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' && !isExpected ? undefined : skip(code ?? message);
  }
}

async function readPublicKey(ssh2: Ssh2, file: string): Promise<ParsedKey | undefined> {
  const text = await readFile(file).catch(() => undefined);
  const key = text === undefined ? undefined : ssh2.utils.parseKey(text);
  return key instanceof Error ? undefined : key;
}

function sameKey(one: ParsedKey, other: ParsedKey): boolean {
  return one.getPublicSSH().equals(other.getPublicSSH());
}
