/**
 * Keeps web pages of other sites away from a service that listens on this machine.
 *
 * A page can make its own name resolve to 127.0.0.1 (DNS rebinding) and then counts as same-origin, but cannot hide that
 * name from `Host`. It can send simple requests anywhere, but not without `Origin`.
 */
import { isIPv4, isIPv6 } from 'node:net';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { AwError } from '../../contract/errors.ts';

export interface OriginRules {
  /** The address listened on. */
  readonly bind: string;
  /** More names clients may call this service by. */
  readonly allowedHosts: readonly string[];
}

export function installOriginGuard(app: FastifyInstance, rules: OriginRules): void {
  const names = new Set([rules.bind, ...rules.allowedHosts].map(name => name.toLowerCase()));
  // Beyond loopback a key is required, which no page has, and the names clients use are not ours to know.
  const anyName = !isLoopback(rules.bind);
  app.addHook('onRequest', async (request: FastifyRequest) => {
    const { host, origin } = request.headers;
    const name = hostname(host);
    if (name === undefined || !(anyName || isLoopback(name) || names.has(name))) {
      throw new AwError('AW_ORIGIN_REFUSED', { what: `for the host ${JSON.stringify(host ?? '')}` });
    }
    if (origin !== undefined && originHost(origin) !== host?.toLowerCase()) {
      throw new AwError('AW_ORIGIN_REFUSED', { what: `from the origin ${JSON.stringify(origin)}` });
    }
  });
}

/** True for names and addresses that always mean this machine. */
export function isLoopback(name: string): boolean {
  const bare = name.toLowerCase();
  if (isIPv4(bare)) return bare.startsWith('127.');
  if (isIPv6(bare)) return bare === '::1';
  return bare === 'localhost' || bare.endsWith('.localhost');
}

/** The name in a `Host` header, without port and brackets; undefined when it is not one. */
function hostname(header: string | undefined): string | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:/?#@[\]\s]+))(?::\d{1,5})?$/i.exec(header ?? '');
  return (match?.[1] ?? match?.[2])?.toLowerCase();
}

function originHost(origin: string): string | undefined {
  return /^https?:\/\/([^/]+)$/i.exec(origin)?.[1]?.toLowerCase();
}
