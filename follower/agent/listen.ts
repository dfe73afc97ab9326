/** Taking connections. */
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import type net from 'node:net';
import { dirname } from 'node:path';
import { AwError } from '../../contract/errors.ts';
import { type Endpoint, formatEndpoint } from '../../tunnel/endpoint.ts';

/** Loopback under its usual names; a name that a resolver could send elsewhere is not one. */
const LOOPBACK = /^(?:127(?:\.\d{1,3}){3}|::1|localhost)$/;

/**
 * Listens. A socket file is for this user only; one left by a dead agent is replaced, so the caller must hold what keeps
 * two agents apart. TCP is for loopback only: the API is not encrypted.
 * @returns where it listens, with the port the system chose for port 0.
 * @throws AW_USAGE beyond loopback; AW_ADDRESS_IN_USE; AW_DISK
 */
export async function listen(server: net.Server, endpoint: Endpoint): Promise<Endpoint> {
  if (endpoint.kind === 'tcp' && !LOOPBACK.test(endpoint.host)) {
    const problem = `will not listen on ${formatEndpoint(endpoint)}: only loopback addresses; use SSH to come from elsewhere`;
    throw new AwError('AW_USAGE', { problem, command: 'aw-follower serve' });
  }
  const isFile = endpoint.kind === 'socket' && process.platform !== 'win32';
  if (isFile) {
    mkdirSync(dirname(endpoint.path), { recursive: true, mode: 0o700 });
    rmSync(endpoint.path, { force: true });
  }
  const listening = new Promise<void>((fulfil, reject) => {
    server.once('listening', fulfil);
    server.once('error', error => reject(refusal(error, endpoint)));
  });
  // The file is made within this call; its mode is never wider than this, not even for a moment.
  const mask = isFile ? process.umask(0o177) : undefined;
  try {
    if (endpoint.kind === 'tcp') server.listen({ host: endpoint.host, port: endpoint.port });
    else server.listen({ path: endpoint.path });
  } finally {
    if (mask !== undefined) process.umask(mask);
  }
  await listening;
  if (isFile) chmodSync(endpoint.path, 0o600);
  if (endpoint.kind === 'socket') return endpoint;
  return { ...endpoint, port: (server.address() as net.AddressInfo).port };
}

function refusal(error: NodeJS.ErrnoException, endpoint: Endpoint): AwError {
  const address = formatEndpoint(endpoint);
  if (error.code === 'EADDRINUSE') return new AwError('AW_ADDRESS_IN_USE', { address }, { cause: error });
  return new AwError('AW_DISK', { path: address, reason: error.message }, { cause: error });
}
