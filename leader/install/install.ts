/** Brings the agent to a host and takes it away again. See docs/adr/0009. */
import { AwError, asAwError } from '../../contract/errors.ts';
import type { HostEntry } from '../../contract/hosts.ts';
import type { InstallAnswer, InstallRequest } from '../../contract/installation.ts';
import { createSlots } from '../slots.ts';
import { startLimit } from '../transports/limit.ts';
import { keepTail, lastWords } from '../transports/remote-agent.ts';
import { openSsh, type SshConnection, type SshWay } from '../transports/ssh/index.ts';
import type { TransportContext } from '../transports/types.ts';
import { BUNDLE } from './place.ts';
import { type AgentProgram, agentProgram } from './program.ts';
import { SftpRefusal, writeFileOverSftp } from './sftp.ts';
import { askThere, failed, plain } from './there.ts';

/** Milliseconds for all of it: a third of a megabyte over a bad line, and start-up files that take their time. */
const LIMIT = 120_000;
/** Hosts at one time. */
const slots = createSlots(8);

export interface Installed {
  /** As its directory is called: the version of the package and the first of the bundle's SHA-256. */
  name: string;
  /** Of the program that is started, there. */
  path: string;
  /** The Node it runs on, there. */
  node: string;
  /** It was there already, and current. */
  unchanged: boolean;
  /** What was current before. */
  before?: string | undefined;
}

/** Only what is reached over SSH and has no agent of its own choice. */
export function canInstall(host: HostEntry): boolean {
  return Object.hasOwn(openSsh, host.transport) && host.os !== 'windows' && host.agent === undefined;
}

/**
 * Puts this leader's agent there and makes it the one that is started; does nothing when it is. An agent that runs goes on.
 * @throws AW_INSTALL_*, and what SSH throws.
 */
export function installAgent(host: HostEntry, context: TransportContext): Promise<Installed> {
  return withHost(host, context, async (program, ask, upload) => {
    const { name, digest } = program;
    let answer = await ask({ act: 'prepare', name, digest });
    if (answer.answer === 'wanted') {
      const { staging } = answer;
      await upload(staging);
      answer = await ask({ act: 'publish', name, digest, staging });
    }
    if (answer.answer === 'altered') {
      throw new AwError('AW_INSTALL_DIGEST', { expected: digest, actual: answer.digest });
    }
    if (answer.answer !== 'ready') throw failed('prepare', `it answers ${answer.answer}`);
    const { path, node, unchanged, before } = answer;
    return { name, path: plain(path), node: plain(node), unchanged, before };
  });
}

/** The name of the version that is installed there, and that of this leader's. */
export function installedAgent(
  host: HostEntry,
  context: TransportContext,
): Promise<{ there: string | undefined; here: string }> {
  return withHost(host, context, async ({ name }, ask) => {
    const answer = await ask({ act: 'look' });
    return { there: answer.answer === 'seen' ? answer.name : undefined, here: name };
  });
}

/** Resolves with the directory that was removed; undefined when none was there. The agent must have ended. */
export function removeAgent(host: HostEntry, context: TransportContext): Promise<string | undefined> {
  return withHost(host, context, async (_, ask) => {
    const answer = await ask({ act: 'remove' });
    return answer.answer === 'removed' ? answer.path : undefined;
  });
}

type Work<T> = (
  program: AgentProgram,
  ask: (request: InstallRequest) => Promise<InstallAnswer>,
  upload: (staging: string) => Promise<void>,
) => Promise<T>;

async function withHost<T>(host: HostEntry, context: TransportContext, work: Work<T>): Promise<T> {
  checkHost(host);
  const giveBack = await slots.take(context.signal ?? new AbortController().signal);
  if (giveBack === undefined) throw new AwError('AW_HOST_UNREACHABLE', { reason: 'given up' });
  const limit = startLimit({ ...context, timeoutMs: LIMIT }, 'SSH does not get there');
  let connection: SshConnection | undefined;
  try {
    const program = await limit.race(agentProgram());
    connection = await openSsh[host.transport as SshWay](host, context, limit);
    const there = connection;
    limit.waitFor(() => 'it takes the login, but the installation there does not go on');
    const ask = (request: InstallRequest) => askThere(there, program.onHost, request, limit.race);
    const upload = async (staging: string) => {
      try {
        await limit.race(sendBundle(there, `${staging}/${BUNDLE}`, program.bytes));
      } catch (error) {
        if (!(error instanceof SftpRefusal)) throw error;
        // Throws, with the system's own word for it.
        await ask({ act: 'explain', staging, bytes: program.bytes.length });
      }
    };
    return await work(program, ask, upload);
  } catch (error) {
    throw asAwError(error, host.name);
  } finally {
    connection?.close();
    limit.done();
    giveBack();
  }
}

function checkHost(host: HostEntry): void {
  if (canInstall(host)) return;
  const reason =
    host.os === 'windows'
      ? 'on Windows it has to be put there by hand, for now'
      : host.agent === undefined
        ? `it is not reached over SSH (transport ${host.transport})`
        : `the catalogue names an agent of its own, ${host.agent}`;
  throw new AwError('AW_INSTALL_UNSUPPORTED', { reason }, { host: host.name });
}

/** @throws SftpRefusal when the file could not be written, AW_INSTALL_FAILED when there is no SFTP. */
async function sendBundle(connection: SshConnection, path: string, bytes: Buffer): Promise<void> {
  const session = await connection.startSubsystem('sftp').catch(error => {
    const { reason = 'it cannot be started' } = asAwError(error).details;
    throw failed('upload', `sshd offers no SFTP: ${reason}`, error);
  });
  const lastOfStderr = keepTail(session.stderr);
  try {
    await writeFileOverSftp(session, path, bytes);
  } catch (error) {
    if (error instanceof SftpRefusal) throw error;
    const words = lastWords(lastOfStderr());
    const reason = (error as Error).message;
    throw failed('upload', words === '' ? `SFTP: ${reason}` : `SFTP: ${reason}; ${words}`, error);
  } finally {
    session.stdin.end();
  }
}
