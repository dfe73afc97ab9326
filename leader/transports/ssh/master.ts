/** A login of the system's ssh that other ssh processes use: for the programs on a host, and for the hosts behind it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { AwError } from '../../../contract/errors.ts';
import { type JumpHost, MAX_JUMPS } from '../../../contract/hosts.ts';
import { connectEndpoint, privateSocketPath } from '../../../tunnel/endpoint.ts';
import { type Limit, startLimit } from '../limit.ts';
import { keepTail } from '../remote-agent.ts';
import type { TransportContext } from '../types.ts';
import { errorOf, saidOf } from './errors.ts';
import { connectsOn, jumpKey, jumpTarget } from './jump.ts';
import { knock, TurnedAway } from './knock.ts';
import { explainSsh, isNotThrough, isTurnedAway } from './openssh-errors.ts';
import { spawnOptions, sshOptions } from './openssh-options.ts';
import { hasMaster, readSettings, type Settings } from './settings.ts';
import { createShared } from './shared.ts';
import type { SshTarget } from './types.ts';

/** Seconds that it stays when nobody holds its socket: longer than a busy leader takes from its login to that. */
const PERSIST = 15;
/** Milliseconds for the last of what ssh had to say. */
const LAST_WORDS = 200;
/** Milliseconds for a jump host to say that it does not connect on. */
const PROBE = 2_000;
/** What ssh adds to the path of a socket while it makes it. Bytes. */
const SOCKET_SUFFIX = 17;

export interface Master {
  /** Makes an ssh use this login, and never one of its own. */
  args: string[];
  over: Promise<void>;
  close(): void;
}

/** Those on jump hosts, each for all hosts behind it. */
const jumps = createShared<Master>();

/**
 * `way`: the jump hosts; undefined leaves them to the user's configuration.
 * @throws AW_HOST_UNREACHABLE, AW_SSH_*, AW_DISK, and what `limit` says
 */
export async function openMaster(
  target: SshTarget,
  way: readonly JumpHost[] | undefined,
  context: TransportContext,
  limit: Limit,
  depth = 0,
): Promise<Master> {
  limit.waitFor(() => saidOf(target, 'ssh does not get there'));
  const settings = await readSettings(target, context, limit);
  if (process.platform === 'win32') {
    if (way === undefined) return loginsOfSsh(target, context);
    const reason = 'the ssh of Windows cannot share a login on a jump host: transport "ssh" can';
    throw new AwError('AW_HOST_UNREACHABLE', { reason });
  }
  const mayShare = settings.hasControlPath && target.hostKey === undefined && way === undefined;
  if (mayShare && (await hasMaster(target, context, limit))) return loginsOfSsh(target, context);
  const hops = way ?? (depth < MAX_JUMPS ? settings.jumps : []);
  const login = async (attempt: () => Promise<Master>) => {
    try {
      return await knock(`${jumpKey(hops, context)} ${settings.hostname} ${settings.port}`, limit, attempt);
    } catch (error) {
      throw errorOf(target, error);
    }
  };
  if (hops.length === 0) return login(() => startMaster(target, context, limit, []));

  const openJump = (signal: AbortSignal) => {
    const own = startLimit({ ...context, signal }, saidOf(jumpTarget(hops), 'ssh does not get there'));
    const before = hops.length > 1 ? hops.slice(0, -1) : undefined;
    const value = openMaster(jumpTarget(hops), before, { ...context, signal }, own, depth + 1);
    return { value: value.finally(own.done), waitsFor: own.waitsFor };
  };
  return jumps.through(jumpKey(hops, context), limit, openJump, jump => {
    limit.waitFor(() => connectsOn(hops, target));
    const proxy = ['-o', `ProxyCommand=${throughJump(jump, hops)}`];
    return login(async () => {
      try {
        return await startMaster(target, context, limit, proxy);
      } catch (error) {
        if (!(error instanceof TurnedAway) || !(await isRefused(jump, hops, settings, context))) throw error;
        throw new AwError('AW_HOST_UNREACHABLE', { reason: connectsOn(hops, target) });
      }
    });
  });
}

/** Leaves it to ssh: it uses a connection that the user has open, or makes one for every program. */
function loginsOfSsh(target: SshTarget, context: TransportContext): Master {
  return {
    args: ['-o', 'ControlMaster=no', ...sshOptions(target, context)],
    over: new Promise(() => {}),
    close: () => {},
  };
}

/** For a shell, so that every word stands in quotes. ssh itself fills in `%h` and `%p`. */
function throughJump(jump: Master, way: readonly JumpHost[]): string {
  const words = ['ssh', ...jump.args].map(word => `'${word.replaceAll("'", `'\\''`).replaceAll('%', '%%')}'`);
  return `${words.join(' ')} -W '[%h]:%p' -- '${way.at(-1)!.address.replaceAll('%', '%%')}'`;
}

/**
 * Whether it is the jump host that does not connect on. Nothing that ssh says of its ProxyCommand's end tells that from a
 * host behind it that hangs up, so it is asked once more.
 */
async function isRefused(
  jump: Master,
  way: readonly JumpHost[],
  { hostname, port }: Settings,
  context: TransportContext,
): Promise<boolean> {
  const args = [...jump.args, '-W', `[${hostname}]:${port}`, '--', way.at(-1)!.address];
  const child = spawn('ssh', args, { ...spawnOptions(context), stdio: ['ignore', 'pipe', 'pipe'] });
  const timer = setTimeout(() => child.kill('SIGKILL'), PROBE);
  const said = keepTail(child.stderr);
  // Whatever comes back comes from behind the jump host.
  child.stdout.once('data', () => child.kill('SIGKILL'));
  await once(child, 'close').catch(() => {});
  clearTimeout(timer);
  return isNotThrough(said());
}

let masters = 0;

/**
 * ssh puts itself into the background once it is logged in and takes others, and ends when nobody has been connected to
 * its socket for a while. This process is connected to it as long as it wants the login. So however this process ends,
 * the login does too.
 */
async function startMaster(
  target: SshTarget,
  context: TransportContext,
  limit: Limit,
  proxy: readonly string[],
): Promise<Master> {
  const path = privateSocketPath(`${process.pid}-${masters++}.ssh`, SOCKET_SUFFIX);
  const args = ['-M', '-N', '-S', path.replaceAll('%', '%%'), '-o', `ControlPersist=${PERSIST}`];
  // A follower's agent is asked whether anybody is there; at a jump host there is nobody else to ask.
  const alive =
    target.isJump || context.keepAlive ? ['-o', 'ServerAliveInterval=3', '-o', 'ServerAliveCountMax=2'] : [];
  const all = [...args, ...alive, ...proxy, ...sshOptions(target, context), '--', target.address!];
  const child = spawn('ssh', all, { ...spawnOptions(context), stdio: ['ignore', 'ignore', 'pipe'] });
  try {
    await limit.race(inBackground(child, target));
    const { timeoutMs } = context;
    const socket = await connectEndpoint({ kind: 'socket', path }, { timeoutMs }).catch(cause => {
      // It has taken its socket away with it.
      throw new AwError('AW_HOST_UNREACHABLE', { reason: 'the SSH connection broke' }, { cause });
    });
    return holdMaster(socket, path, child);
  } catch (error) {
    child.kill('SIGKILL');
    child.stderr!.destroy();
    throw error;
  }
}

/** Resolves when ssh is logged in. */
async function inBackground(child: ChildProcess, target: SshTarget): Promise<void> {
  const stderr = child.stderr!;
  const lastOfStderr = keepTail(stderr);
  const [code] = await once(child, 'exit').catch((error: NodeJS.ErrnoException) => {
    const reason = error.code === 'ENOENT' ? 'there is no ssh program in PATH' : error.message;
    throw new AwError('AW_HOST_UNREACHABLE', { reason }, { cause: error });
  });
  if (code === 0) return;
  // Whatever else holds its stderr open must not be waited for.
  await Promise.race([once(stderr, 'close').catch(() => {}), sleep(LAST_WORDS, undefined, { ref: false })]);
  const failure = explainSsh(target, lastOfStderr());
  throw isTurnedAway(lastOfStderr()) ? new TurnedAway(failure) : failure;
}

/** An ssh without the login that it is to use shall fail. */
const NO_WAY = 'ProxyCommand=false';

/** Of the arguments of an ssh: whether it has no login but another one's. */
export function usesLogin(args: readonly string[]): boolean {
  return args.includes(NO_WAY);
}

function holdMaster(socket: Socket, path: string, { stderr }: ChildProcess): Master {
  // A ProxyCommand of its may still have something to say.
  (stderr as Socket).unref();
  const over = new Promise<void>(fulfil => socket.once('close', () => fulfil()));
  void over.then(() => stderr!.destroy());
  socket.on('error', () => {}).resume();
  return {
    args: ['-F', 'none', '-S', path.replaceAll('%', '%%'), '-o', NO_WAY, '-o', 'LogLevel=ERROR'],
    over,
    close: () => {
      socket.write(Buffer.concat([packet(HELLO, PROTOCOL), packet(TERMINATE, 0)]));
      socket.destroySoon();
    },
  };
}

/** Of the protocol between an ssh and the one whose login it uses (PROTOCOL.mux of OpenSSH). */
const HELLO = 1;
const PROTOCOL = 4;
const TERMINATE = 0x1000_0005;

function packet(...words: number[]): Buffer {
  const bytes = Buffer.alloc(4 + 4 * words.length);
  for (const [index, word] of [4 * words.length, ...words].entries()) bytes.writeUInt32BE(word, 4 * index);
  return bytes;
}
