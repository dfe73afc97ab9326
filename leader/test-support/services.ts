/** Services for the leader's tests: one that does what the test says, and the real one in a process that can be killed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Event } from '../../contract/events.ts';
import { type ServiceClient, serviceClient } from '../service-client.ts';
import type { Stage } from './stage.ts';

export interface Posted {
  lines: string[];
  bytes: number;
  authorization: string | undefined;
}

/** Its address. Every request is handed to `answer` with its body read. */
export async function scriptedService(
  stage: Stage,
  answer: (posted: Posted, response: http.ServerResponse) => void,
): Promise<string> {
  const server = http.createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const { authorization } = request.headers;
    answer({ lines: body.toString().trimEnd().split('\n'), bytes: body.length, authorization }, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stage.atEnd(() => {
    server.closeAllConnections();
    return new Promise(fulfil => server.close(fulfil));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Takes the events, as the service would. */
export function accept(response: http.ServerResponse, { lines }: Posted): void {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ accepted: lines.length, duplicates: 0, lastEventId: lines.length }));
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise(fulfil => server.close(fulfil));
  return port;
}

export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

export interface RealService {
  url: string;
  child: ChildProcess;
  client: ServiceClient;
}

/** On one database per stage, so that one which was killed can be started again. */
export async function realService(stage: Stage, port = 0): Promise<RealService> {
  const serve = join(import.meta.dirname, '../../server/test-support/serve.ts');
  const args = [serve, join(stage.root, 'events.db'), String(port)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  stage.atEnd(() => kill(child));
  const [url] = (await once(createInterface(child.stdout), 'line')) as [string];
  return { url, child, client: serviceClient({ url }) };
}

/** All events of session `s`. */
export async function stored(client: ServiceClient): Promise<Event[]> {
  const events: Event[] = [];
  for await (const { event } of client.events('s', { follow: false })) events.push(event);
  return events;
}

/** Without what only the service, or only the person at the terminal, is told. */
export function common(events: readonly Event[]): Event[] {
  return events.filter(({ type }) => type !== 'note' && type !== 'followersCatalog');
}
