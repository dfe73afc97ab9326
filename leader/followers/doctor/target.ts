/** Where SSH connects first to reach a host: what the catalogue says, or what ~/.ssh/config makes of it. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { HostEntry } from '../../../contract/hosts.ts';
import { homeOf } from '../../transports/environment.ts';
import { needsOpenssh } from '../../transports/ssh/config.ts';
import { sshUser } from '../../transports/ssh/errors.ts';

const SSH_PORT = 22;
/** `Match exec` and name look-ups can take their time. Milliseconds. */
const CONFIG = 5_000;
/** Jump hosts can have jump hosts. */
const HOPS = 8;

export interface Target {
  /** Which SSH it is. */
  way: 'openssh' | 'ssh';
  /** Where the first connection goes: the host itself, or with `jump` the first hop on the way. */
  address: string;
  port: number;
  /** Who logs in on the host itself. */
  user: string;
  /** What `~/.ssh/config` calls otherwise: the alias that `address` was looked up for. */
  alias?: string;
  /** The first hop, as the configuration names it. */
  jump?: string;
  /** A program of the user's makes the connection: there is nothing to look at from here. */
  proxy?: string;
}

/** Never throws: without an answer of ssh the catalogue is taken at its word. */
export async function sshTarget(host: HostEntry, env: NodeJS.ProcessEnv): Promise<Target> {
  const way = await wayOf(host, env);
  const address = host.address!;
  const plain: Target = { way, address, port: host.port ?? SSH_PORT, user: sshUser(host) };
  const hop = host.jump?.[0];
  if (hop !== undefined) {
    const first = { address: hop.address, port: hop.port ?? SSH_PORT };
    return { ...plain, ...(way === 'ssh' ? first : await firstHop(hop, env)), jump: hop.address };
  }
  if (way === 'ssh') return plain;
  const asked = await configuration(
    [
      ...(host.port === undefined ? [] : ['-p', String(host.port)]),
      ...(host.sshUser === undefined ? [] : ['-l', host.sshUser]),
      '--',
      address,
    ],
    env,
  );
  if (asked === undefined) return plain;
  const target = {
    ...plain,
    ...place(asked, plain),
    user: asked.get('user') ?? plain.user,
  };
  const { proxy, jump } = proxies(asked);
  if (proxy !== undefined) return { ...target, proxy };
  return jump === undefined ? target : { ...target, ...(await firstHop(parseHop(jump), env)), jump };
}

interface Hop {
  address: string;
  port?: number | undefined;
}

/** `auto` decides as the transport does. */
async function wayOf(host: HostEntry, env: NodeJS.ProcessEnv): Promise<Target['way']> {
  if (host.transport === 'auto') return (await needsOpenssh(host, homeOf({ env }))) ? 'openssh' : 'ssh';
  return host.transport === 'openssh' ? 'openssh' : 'ssh';
}

/** Follows the hops' own jump hosts to the one that is connected to first. */
async function firstHop(
  first: Hop,
  env: NodeJS.ProcessEnv,
): Promise<Pick<Target, 'address' | 'port' | 'alias' | 'proxy'>> {
  let hop = first;
  for (let hops = 0; hops < HOPS; hops++) {
    const options = hop.port === undefined ? [] : ['-p', String(hop.port)];
    const asked = await configuration([...options, '--', hop.address], env);
    const plain = { address: hop.address, port: hop.port ?? SSH_PORT };
    if (asked === undefined) return plain;
    const next = proxies(asked);
    if (next.proxy !== undefined) return { ...place(asked, plain), proxy: next.proxy };
    if (next.jump === undefined) return place(asked, plain);
    hop = parseHop(next.jump);
  }
  return { address: hop.address, port: hop.port ?? SSH_PORT };
}

/** The first of `[user@]host[:port][,...]`, where each may be an `ssh://` URI. */
export function parseHop(jump: string): Hop {
  const [first = ''] = jump.split(',');
  const place = first.replace(/^ssh:\/\//, '').replace(/^.*@/, '');
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+|.*:.*:.*?))(?::(\d+))?\/?$/.exec(place) ?? [];
  const address = bracketed ?? plain ?? place;
  return { address, ...(port === undefined ? {} : { port: Number(port) }) };
}

function place(
  asked: ReadonlyMap<string, string>,
  plain: { address: string; port: number },
): Pick<Target, 'address' | 'port' | 'alias'> {
  const address = asked.get('hostname') ?? plain.address;
  const port = Number(asked.get('port') ?? plain.port);
  return { address, port, ...(address === plain.address ? {} : { alias: plain.address }) };
}

function proxies(asked: ReadonlyMap<string, string>): { jump?: string; proxy?: string } {
  const given = (name: string) => {
    const value = asked.get(name);
    return value === undefined || value === 'none' ? undefined : value;
  };
  const [jump, proxy] = [given('proxyjump'), given('proxycommand')];
  return { ...(jump === undefined ? {} : { jump }), ...(proxy === undefined ? {} : { proxy }) };
}

/** What `ssh -G` prints: the settings that apply, the first of each name. */
async function configuration(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<ReadonlyMap<string, string> | undefined> {
  try {
    const { stdout } = await promisify(execFile)('ssh', ['-G', ...args], {
      env,
      timeout: CONFIG,
      killSignal: 'SIGKILL',
      windowsHide: true,
    });
    const settings = new Map<string, string>();
    for (const line of stdout.split(/\r?\n/)) {
      const [, name, value] = /^(\S+) (.*)$/.exec(line) ?? [];
      if (name !== undefined && !settings.has(name)) settings.set(name, value!);
    }
    return settings;
  } catch {
    return undefined;
  }
}
