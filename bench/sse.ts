/**
 * The service end to end: events posted as a leader posts them (NDJSON of about 64 KiB, one request after another) until
 * every client of the event stream has the last one. Server and clients share one process, so its cost includes theirs.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { type ClientRequest, get, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HostLog } from '../contract/events.ts';
import { startServer } from '../server/index.ts';
import { median, type Row } from './measure.ts';

const EVENTS = 20_000;
const RUNS = 5;
const BATCH = 250;
const MESSAGE = 'x'.repeat(100);

export async function run(): Promise<{ rows: Row[] }> {
  const rows = [await measure(0), await measure(1), await measure(50)];
  return { rows: [...rows, await measureReplay()] };
}

async function measure(clients: number): Promise<Row> {
  const value = await eventsPerSecond(async api => {
    const readers = await Promise.all(Array.from({ length: clients }, () => follow(api, EVENTS)));
    const started = performance.now();
    await ingest(api);
    await Promise.all(readers.map(reader => reader.done));
    const taken = performance.now() - started;
    for (const reader of readers) reader.stop();
    return taken;
  });
  const name = clients === 0 ? 'ingest' : `ingest to ${clients} SSE client${clients === 1 ? '' : 's'}`;
  const note = `${value * clients} deliveries/s`;
  return { name, value, unit: 'events/s', ...(clients > 1 ? { note } : {}) };
}

async function measureReplay(): Promise<Row> {
  const value = await eventsPerSecond(async api => {
    await ingest(api);
    const started = performance.now();
    const reader = await follow(api, EVENTS);
    await reader.done;
    const taken = performance.now() - started;
    reader.stop();
    return taken;
  });
  return { name: 'replay to 1 SSE client', value, unit: 'events/s' };
}

/** @param work resolves to the milliseconds that `EVENTS` events took. */
async function eventsPerSecond(work: (api: string) => Promise<number>): Promise<number> {
  const taken: number[] = [];
  for (let run = 0; run < RUNS; run++) taken.push(await withServer(work));
  return Math.round((EVENTS * 1000) / median(taken));
}

async function withServer(work: (api: string) => Promise<number>): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'aw-bench-'));
  const server = await startServer({ db: join(directory, 'events.db') });
  try {
    const sessions = `${server.url}/api/v1/sessions`;
    await fetch(sessions, post('application/json', '{"id":"bench"}'));
    return await work(`${sessions}/bench`);
  } finally {
    await server.close();
    rmSync(directory, { recursive: true });
  }
}

async function ingest(api: string): Promise<void> {
  for (let seq = 0; seq < EVENTS; seq += BATCH) {
    const lines = Array.from({ length: BATCH }, (_, index) => `${JSON.stringify(event(seq + index))}\n`);
    const answer = await fetch(`${api}/events/ingest`, post('application/x-ndjson', lines.join('')));
    if (!answer.ok) throw new Error(await answer.text());
    await answer.arrayBuffer();
  }
}

function event(seq: number): HostLog {
  const ts = '2026-01-01T00:00:00.000Z';
  const at = { origin: 'follower', epoch: 'e', seq, runId: 'r', host: 'a' } as const;
  return { type: 'hostLog', ts, ...at, stream: 'stdout', message: MESSAGE };
}

function post(type: string, body: string): RequestInit {
  return { method: 'POST', headers: { 'content-type': type }, body };
}

/** Reads the stream until it has seen `count` events; the resolved value is a stream that is open. */
async function follow(api: string, count: number): Promise<{ done: Promise<void>; stop: () => void }> {
  const { promise: opened, resolve: open, reject } = Promise.withResolvers<IncomingMessage>();
  const request: ClientRequest = get(`${api}/events`, { agent: false }, open).on('error', reject);
  const response = await opened;
  const last = Buffer.from(`id: ${count}\n`);
  const done = new Promise<void>((resolve, fail) => {
    let tail = Buffer.alloc(0);
    response.on('data', (chunk: Buffer) => {
      const seen = Buffer.concat([tail, chunk]);
      if (seen.includes(last)) resolve();
      tail = Buffer.from(seen.subarray(-last.length));
    });
    response.on('close', () => fail(new Error('the stream ended early')));
  });
  done.catch(() => {});
  return { done, stop: () => request.destroy() };
}
