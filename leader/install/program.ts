/** What is copied to a host. */
import { createHash } from 'node:crypto';
import { AwError } from '../../contract/errors.ts';
import { VERSION } from '../../contract/version.ts';

export interface AgentProgram {
  /** Of this version and this content: the name of its directory there. */
  name: string;
  /** SHA-256, hexadecimal. */
  digest: string;
  bytes: Buffer;
  /** What prepares its place there and gives it its name: a script for the Node of the host. */
  onHost: string;
}

let made: Promise<AgentProgram> | undefined;

/**
 * Made from the sources that run now, once in a process.
 * @throws AW_INSTALL_FAILED
 */
export function agentProgram(): Promise<AgentProgram> {
  made ??= make();
  return made;
}

async function make(): Promise<AgentProgram> {
  try {
    const { bundle } = await import('../../packaging/bundle.ts');
    const [bytes, onHost] = await Promise.all([
      bundle('follower/standalone.ts'),
      bundle('leader/install/on-host.ts'),
    ]);
    const digest = createHash('sha256').update(bytes).digest('hex');
    return { name: `${VERSION}-${digest.slice(0, 12)}`, digest, bytes, onHost: onHost.toString() };
  } catch (error) {
    made = undefined;
    const reason = (error as Error).message;
    throw new AwError('AW_INSTALL_FAILED', { step: 'making the bundle here', reason }, { cause: error });
  }
}
