/** SSH in this process: no child, no configuration file, the fastest way to many hosts. */
import type { Duplex } from 'node:stream';
import type { ClientChannel } from 'ssh2';
import { AwError, show } from '../../../contract/errors.ts';
import type { JumpHost } from '../../../contract/hosts.ts';
import { connectEndpoint } from '../../../tunnel/endpoint.ts';
import { type Limit, startLimit } from '../limit.ts';
import type { TransportContext } from '../types.ts';
import { type Connection, connect } from './connection.ts';
import { errorOf, saidOf, sshAddress } from './errors.ts';
import { offerIdentities } from './identities.ts';
import { connectsOn, jumpKey, jumpTarget } from './jump.ts';
import { knock } from './knock.ts';
import { createShared } from './shared.ts';
import type { OpenSsh, RemoteExit, RemoteProcess, SshTarget } from './types.ts';

const SSH_PORT = 22;

export const openSsh2: OpenSsh = async (host, context, limit) => {
  const way = host.jump ?? [];
  // Nobody at a door waits for a person to type: whatever has to be asked is asked before.
  const targets = [...way.map((_, index) => jumpTarget(way.slice(0, index + 1))), host];
  if (context.ask !== undefined) {
    for (const target of targets) await offerIdentities(target, context, limit.patiently);
  }
  const connection = await reach(host, way, context, limit);
  const { client, hostKey, close } = connection;
  const program = (open: (opened: Opened) => void) =>
    openChannel(
      connection,
      () => 'it starts no program',
      open,
      channel => remoteProcess(connection, channel),
    );
  return {
    start: line => program(opened => client.exec(line, opened)),
    startSubsystem: name => program(opened => client.subsys(name, opened as never)),
    hostKey,
    openSocket: path => program(opened => client.openssh_forwardOutStreamLocal(path, opened)),
    close,
  };
};

/** The logins on jump hosts, each for all hosts behind it. */
const jumps = createShared<Connection>();

/** A login on `target` by way of the logins on `way`. */
async function reach(
  target: SshTarget,
  way: readonly JumpHost[],
  context: TransportContext,
  limit: Limit,
): Promise<Connection> {
  const key = jumpKey(way, context);
  const login = async (dial: () => Promise<Duplex>) => {
    limit.waitFor(() => saidOf(target, 'its sshd has too many others to let in'));
    try {
      return await knock(`${key} ${sshAddress(target)}`, limit, () => connect(target, context, limit, dial));
    } catch (error) {
      throw errorOf(target, error);
    }
  };
  if (way.length === 0) return login(() => dialTcp(target, context));

  const openJump = (signal: AbortSignal) => {
    const own = startLimit({ ...context, signal }, saidOf(jumpTarget(way), 'SSH does not get there'));
    const value = reach(jumpTarget(way), way.slice(0, -1), { ...context, signal }, own).finally(own.done);
    return { value, waitsFor: own.waitsFor };
  };
  return jumps.through(key, limit, openJump, jump => login(() => dialThrough(jump, way, target, limit)));
}

/** A socket of our own, without Nagle's delay, so that what goes wrong has one description for all transports. */
function dialTcp(target: SshTarget, { timeoutMs, signal }: TransportContext): Promise<Duplex> {
  const endpoint = { kind: 'tcp' as const, host: target.address!, port: target.port ?? SSH_PORT };
  return connectEndpoint(endpoint, { timeoutMs, ...(signal === undefined ? {} : { signal }) });
}

function dialThrough(
  jump: Connection,
  way: readonly JumpHost[],
  target: SshTarget,
  limit: Limit,
): Promise<Duplex> {
  const failed = () => connectsOn(way, target);
  limit.waitFor(failed);
  const opening = openChannel(
    jump,
    failed,
    opened => jump.client.forwardOut('127.0.0.1', 0, target.address!, target.port ?? SSH_PORT, opened),
    channel => channel,
  );
  opening.then(
    channel => limit.passed.aborted && channel.destroy(),
    () => {},
  );
  return limit.race(opening);
}

type Opened = (error: Error | undefined, channel: ClientChannel) => void;

/**
 * `take` gets the channel before anything that came with it: a program may end in the packet that says it has begun.
 * @throws AW_HOST_UNREACHABLE with what `failed` says.
 */
function openChannel<T>(
  { over, failure, close }: Connection,
  failed: () => string,
  open: (opened: Opened) => void,
  take: (channel: ClientChannel) => T,
): Promise<T> {
  return new Promise((fulfil, reject) => {
    const fail = (cause: Error) => {
      const reason = `${failed()}: ${show(cause.message, 300).slice(1, -1)}`;
      reject(new AwError('AW_HOST_UNREACHABLE', { reason }, { cause }));
    };
    void over.then(() => fail(failure()));
    try {
      open((error, channel) => (error === undefined ? fulfil(take(channel)) : fail(error)));
    } catch (error) {
      // It has no socket any more and has not said so yet; nobody else shall try it.
      close();
      fail(error as Error);
    }
  });
}

function remoteProcess(connection: Connection, channel: ClientChannel): RemoteProcess {
  let exit: RemoteExit | undefined;
  channel.once('exit', (code: number | null, signal?: string) => {
    exit = { code, ...(signal === undefined || signal === null ? {} : { signal: `SIG${signal}` }) };
  });
  const closed = new Promise<void>(fulfil => channel.once('close', () => fulfil()));
  const exited = Promise.race([closed, connection.over]).then(
    () => exit ?? { code: null, failure: connection.failure() },
  );
  return { stdin: channel, stdout: channel, stderr: channel.stderr, exited };
}
