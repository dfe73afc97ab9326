/**
 * A key is usually offered first and signed with once the server says that it would do. Where there is only one key, that
 * question is a round trip for nothing: it is offered together with the signature.
 */
import type { Client, ParsedKey } from 'ssh2';

type Sign = (data: Buffer, done: (signature: Buffer) => void) => void;

/** Of ssh2, which has no word for this. */
interface Internals {
  _protocol?: { authPK?(username: string, key: ParsedKey, algorithm?: string, sign?: Sign): void };
}

const hashes: Readonly<Record<string, string>> = { 'rsa-sha2-256': 'sha256', 'rsa-sha2-512': 'sha512' };

/** To be called after `connect`. An ssh2 that is built differently goes on asking first. */
export function signFirst(client: Client): void {
  const protocol = (client as unknown as Internals)._protocol;
  const offer = protocol?.authPK?.bind(protocol);
  if (protocol === undefined || offer === undefined) return;
  protocol.authPK = (username, key, algorithm, sign) => {
    const signAtOnce: Sign = (data, done) => {
      const signature = key.sign(data, hashes[algorithm ?? '']) as Buffer | Error;
      if (signature instanceof Error) offer(username, key, algorithm);
      else done(signature);
    };
    offer(username, key, algorithm, sign ?? signAtOnce);
  };
}
