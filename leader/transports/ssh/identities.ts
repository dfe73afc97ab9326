/** The keys the built-in SSH logs in with: those of the SSH agent and the usual files. Never a password. */
import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { AgentAuthMethod, BaseAgent, ParsedKey, PublicKeyAuthMethod } from 'ssh2';
import { AwError, show } from '../../../contract/errors.ts';
import type { HostEntry } from '../../../contract/hosts.ts';
import { sshAddress, sshUser } from './errors.ts';

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
  /** Why the login failed; undefined when not all keys have been refused. */
  refusal(host: HostEntry): AwError | undefined;
}

/** Never rejects: what cannot be used is said when nothing else could. */
export async function offerIdentities(host: HostEntry): Promise<Identities> {
  const skipped: string[] = [];
  const offers = await collect(host, skipped);
  const offered: string[] = [];
  let isOver = false;
  let serverWants: string | undefined;
  return {
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

/** With an `identityFile` that key only, be it in the file or, when the file is encrypted, in the agent. */
async function collect(host: HostEntry, skipped: string[]): Promise<Offer[]> {
  const { default: ssh2 } = await import('ssh2');
  const only = host.identityFile;
  const files = only === undefined ? FILES.map(name => join(homedir(), '.ssh', name)) : [only];
  const [agent, keys] = await Promise.all([
    readAgent(ssh2, skipped),
    Promise.all(files.map(file => readKey(ssh2, file, only !== undefined, skipped))),
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
  return offers;
}

type Ssh2 = typeof import('ssh2');

async function readAgent(ssh2: Ssh2, skipped: string[]) {
  const path = process.env.SSH_AUTH_SOCK;
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
): Promise<ParsedKey | undefined> {
  const skip = (why: string) => {
    skipped.push(`${file} (${why})`);
    return undefined;
  };
  try {
    if (process.platform !== 'win32' && ((await stat(file)).mode & 0o077) !== 0) {
      return skip('other users can read it: chmod 600');
    }
    const key = ssh2.utils.parseKey(await readFile(file));
    if (!(key instanceof Error)) return key.isPrivateKey() ? key : skip('not a private key');
    return skip(/encrypted/i.test(key.message) ? 'encrypted: ssh-add it' : 'not a key this version can read');
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
