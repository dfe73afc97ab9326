/** The way to a host before anybody logs in: its name, its addresses, and who answers there. */
import { lookup } from 'node:dns/promises';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Finding } from '../../../contract/follower-api.ts';
import { fixConnect, readBanner } from './network-fixes.ts';
import type { Target } from './target.ts';

/** More than any identification and its preface. */
const MAX_BANNER = 4096;

/** What was found, in the order of the steps; the last one is what failed, if anything did. Each has `stepMs`. */
export async function probeNetwork(target: Target, stepMs: number): Promise<Finding[]> {
  const name = await resolve(target, stepMs);
  if (name.addresses.length === 0) return [name.finding];
  const { findings, socket } = await connect(target, name.addresses, stepMs);
  if (socket === undefined) return [name.finding, ...findings];
  return [name.finding, ...findings, await banner(target, socket, stepMs)];
}

async function resolve(
  { address, alias, jump }: Target,
  stepMs: number,
): Promise<{ finding: Finding; addresses: string[] }> {
  const check = 'name';
  const hop = jump === undefined ? '' : `jump host ${jump}: `;
  const what = alias === undefined ? `${hop}${address}` : `${hop}${alias} is ${address} in ~/.ssh/config`;
  if (net.isIP(address.replace(/%.*$/, '')) !== 0) {
    const detail = alias === undefined ? `${what} is an IP address` : what;
    return { finding: { check, status: 'ok', detail }, addresses: [address] };
  }
  const start = performance.now();
  try {
    const found = await Promise.race([
      lookup(address, { all: true }),
      sleep(stepMs, undefined, { ref: false }).then(() => {
        throw new Error(`no answer within ${stepMs / 1000} s`);
      }),
    ]);
    const addresses = [...new Set(found.map(({ address: ip }) => ip))];
    const detail = `${what} is ${addresses.join(', ')} (${took(start)})`;
    return { finding: { check, status: 'ok', detail }, addresses };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'ENOTFOUND' ? 'there is no such name' : (code ?? message);
    return {
      finding: {
        check,
        status: 'failed',
        detail: `${what}: ${why}`,
        fix: `getent hosts ${address} must answer; correct the address in the catalogue, or the DNS of this machine`,
      },
      addresses: [],
    };
  }
}

type Attempt = { ip: string; ms: number } & ({ socket: net.Socket } | { why: string });

/** All addresses at once; the first that answers is used. Whoever gets `socket` ends it. */
async function connect(
  target: Target,
  addresses: readonly string[],
  stepMs: number,
): Promise<{ findings: Finding[]; socket?: net.Socket }> {
  const check = 'tcp';
  const attempts = await Promise.all(addresses.map(ip => attempt(ip, target.port, stepMs)));
  const open = attempts.filter(each => 'socket' in each);
  for (const { socket } of open.slice(1)) socket.destroy();
  const detail = `port ${target.port}: ${attempts.map(describe).join('; ')}`;
  if (open[0] === undefined) {
    const why = attempts.find(each => 'why' in each)?.why ?? '';
    return { findings: [{ check, status: 'failed', detail, fix: fixConnect(target, why) }] };
  }
  const closed = attempts.length - open.length;
  const finding: Finding =
    closed === 0
      ? { check, status: 'ok', detail }
      : {
          check,
          status: 'warning',
          detail: `${detail}: connecting may wait for what does not answer`,
          fix: `give the address that answers as "address" in the catalogue: ${open[0].ip}`,
        };
  return { findings: [finding], socket: open[0].socket };
}

function attempt(ip: string, port: number, stepMs: number): Promise<Attempt> {
  const start = performance.now();
  return new Promise(fulfil => {
    const socket = net.connect({ host: ip, port });
    const settle = (result: { socket: net.Socket } | { why: string }) => {
      clearTimeout(timer);
      if ('why' in result) socket.destroy();
      fulfil({ ip, ms: performance.now() - start, ...result });
    };
    const timer = setTimeout(() => settle({ why: 'ETIMEDOUT' }), stepMs);
    socket.once('connect', () => settle({ socket }));
    // It stays: a late error of a socket that is given up must not end the process.
    socket.on('error', (error: NodeJS.ErrnoException) => settle({ why: error.code ?? error.message }));
  });
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refused, nothing listens there',
  ETIMEDOUT: 'no answer',
  EHOSTUNREACH: 'no way there (host unreachable)',
  ENETUNREACH: 'no way there (network unreachable)',
};

function describe(attempt: Attempt): string {
  const ms = `${attempt.ms < 10 ? attempt.ms.toFixed(1) : Math.round(attempt.ms)} ms`;
  return 'why' in attempt
    ? `${attempt.ip} ${REASONS[attempt.why] ?? attempt.why} (${ms})`
    : `${attempt.ip} in ${ms}`;
}

/** A server that waits for us to speak first is no SSH server; what it answers to our identification says what it is. */
async function banner(target: Target, socket: net.Socket, stepMs: number): Promise<Finding> {
  const chunks: Buffer[] = [];
  const seen = () => Buffer.concat(chunks);
  const timer = setTimeout(() => socket.destroy(), stepMs);
  socket.write('SSH-2.0-aw_doctor\r\n');
  try {
    for await (const chunk of socket) {
      chunks.push(chunk as Buffer);
      const text = seen();
      if (text.length > MAX_BANNER || /^SSH-[^\n]*\n/m.test(text.toString('latin1'))) break;
    }
  } catch {
    // What it said before it broke off is what is wanted.
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
  return readBanner(target, seen());
}

function took(start: number): string {
  return `${Math.round(performance.now() - start)} ms`;
}
