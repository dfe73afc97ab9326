/** A follower's own report of a run to the service. Never in the run's way: it reads the journal like anybody else. */
import http from 'node:http';
import https from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Run } from '../runs/registry.ts';

export interface ReportTarget {
  /** Takes NDJSON by POST. */
  url: string;
  /** For this one session and host. */
  token: string;
}

/** How long events are gathered into one request, and the size that ends the wait. */
const GATHER_MS = 150;
const GATHER_BYTES = 64 * 1024;
/** More is sent in another request. */
const BATCH_BYTES = 1024 * 1024;
const ANSWER_MS = 15_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 10_000;
/** After this long without an accepted request the report is given up. */
const PATIENCE_MS = 10 * 60_000;

const NEWLINE = 0x0a;

/**
 * Sends all events of a run, in order, until its end is accepted, the service refuses them for good, or nothing was
 * accepted for ten minutes. Repeats what may not have arrived: the service knows events by their numbers.
 * @returns undefined, or why the rest was not reported.
 */
export async function reportRun(
  run: Run,
  target: ReportTarget,
  signal: AbortSignal,
): Promise<string | undefined> {
  const url = new URL(target.url);
  const library = url.protocol === 'https:' ? https : http;
  const agent = new library.Agent({ keepAlive: true, maxSockets: 1 });
  try {
    for await (const batch of batches(run, signal)) {
      const problem = await deliver(() => post(library, agent, url, target.token, batch, signal), signal);
      if (problem !== undefined) return problem;
    }
    return undefined;
  } finally {
    agent.destroy();
  }
}

/** Whole lines, each batch as much as came within the time of gathering. */
async function* batches(run: Run, signal: AbortSignal): AsyncGenerator<Buffer> {
  const stop = new AbortController();
  const source = run.journal.read(0, AbortSignal.any([signal, stop.signal]), false);
  const pull = () => {
    const result = source.next();
    // It may fail while a batch is on its way; whoever awaits it later learns of it.
    result.catch(() => {});
    return result;
  };
  let rest = Buffer.alloc(0);
  let next = pull();
  try {
    for (;;) {
      const { value, done } = await next;
      if (done === true) return;
      let batch = Buffer.concat([rest, value]);
      const gathered = sleep(GATHER_MS, 'gathered' as const, { ref: false });
      let isDone = false;
      next = pull();
      while (batch.length < GATHER_BYTES && !isDone) {
        const more = await Promise.race([next, gathered]);
        if (more === 'gathered') break;
        if (more.done === true) isDone = true;
        else {
          batch = Buffer.concat([batch, more.value]);
          next = pull();
        }
      }
      const end = batch.lastIndexOf(NEWLINE) + 1;
      rest = batch.subarray(end);
      for (let start = 0; start < end; ) {
        const cut = end - start <= BATCH_BYTES ? end : lineEnd(batch, start, start + BATCH_BYTES);
        yield batch.subarray(start, cut);
        start = cut;
      }
    }
  } finally {
    stop.abort();
    await source.return(undefined);
  }
}

/** The end of the last line that ends within the limit, or of the first line when that is longer. */
function lineEnd(bytes: Buffer, start: number, limit: number): number {
  const within = bytes.lastIndexOf(NEWLINE, limit - 1) + 1;
  return within > start ? within : bytes.indexOf(NEWLINE, start) + 1;
}

async function deliver(attempt: () => Promise<number>, signal: AbortSignal): Promise<string | undefined> {
  const giveUpAt = performance.now() + PATIENCE_MS;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    let problem: string;
    try {
      const status = await attempt();
      if (status >= 200 && status < 300) return undefined;
      problem = `the service answered ${status}`;
      const mayPass = status >= 500 || status === 429 || status === 408;
      if (!mayPass) return problem;
    } catch (error) {
      problem = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
    }
    if (signal.aborted || performance.now() + pause > giveUpAt) return problem;
    // Spread out, so that many followers do not come back at the same moment.
    await sleep(pause * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => {});
    if (signal.aborted) return problem;
  }
}

function post(
  library: typeof http | typeof https,
  agent: http.Agent,
  url: URL,
  token: string,
  body: Buffer,
  signal: AbortSignal,
): Promise<number> {
  return new Promise((fulfil, reject) => {
    const headers = {
      authorization: `Bearer ${token}`,
      'content-type': 'application/x-ndjson',
      'content-length': body.length,
    };
    const request = library.request(url, { method: 'POST', agent, headers, signal, timeout: ANSWER_MS });
    request.once('timeout', () => request.destroy(new Error('no answer')));
    request.once('error', reject);
    request.once('response', response => {
      response.once('error', reject);
      response.once('end', () => fulfil(response.statusCode ?? 0));
      response.resume();
    });
    request.end(body);
  });
}
