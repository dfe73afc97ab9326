/** A real agent process, and a client for it, for tests. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Event, type HostEvent } from '../../contract/events.ts';
import type { RunRequestInput } from '../../contract/follower-api.ts';
import { connectEndpoint, type Endpoint, parseEndpoint } from '../../tunnel/endpoint.ts';
import { openHttp2 } from '../../tunnel/http2.ts';
import { decodeLines } from '../../tunnel/ndjson.ts';
import { residentEnvironment } from '../../tunnel/resident.ts';

export const launcher = fileURLToPath(new URL('../../bin/aw-follower.js', import.meta.url));

export interface Answer {
  status: number;
  type: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every shape.
  body: any;
}

export interface TestAgent {
  readonly stateDir: string;
  readonly endpoint: Endpoint;
  readonly child: ChildProcess;
  readonly session: ClientHttp2Session;
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  open(path: string, headers?: Record<string, string>): ClientHttp2Stream;
  run(runId: string, script: string, extra?: Partial<RunRequestInput>): Promise<Answer>;
  events(runId: string, from?: number): Promise<HostEvent[]>;
  connect(): Promise<ClientHttp2Session>;
  /** How the process ended. */
  readonly exited: Promise<[code: number | null, signal: NodeJS.Signals | null]>;
  /** Ends the process and waits for it; the state directory stays. */
  end(signal?: NodeJS.Signals): Promise<[code: number | null, signal: NodeJS.Signals | null]>;
  /** The same, and removes the state directory. */
  close(): Promise<void>;
}

/** Starts `aw-follower serve` and waits until it listens. */
export async function startTestAgent(args: string[] = [], given?: string): Promise<TestAgent> {
  const stateDir = given ?? mkdtempSync(join(tmpdir(), 'aw-agent-'));
  const child = spawn(process.execPath, [launcher, 'serve', '--state-dir', stateDir, ...args], {
    cwd: stateDir,
    env: { ...residentEnvironment(), HOME: stateDir, SHELL: '/bin/sh' },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const ready = await Promise.race([once(child.stdout!, 'data'), exited.then(() => undefined)]);
  if (ready === undefined) throw new Error('the agent did not start');
  const endpoint = parseEndpoint(String(ready[0]).trim().replace('aw-follower listens on ', ''));
  const connect = async () => openHttp2(await connectEndpoint(endpoint, { timeoutMs: 5000 }));
  const session = await connect();

  const agent: TestAgent = {
    stateDir,
    endpoint,
    child,
    session,
    exited,
    connect,
    open: (path, headers = {}) => session.request({ ':path': path, ...headers }),
    async call(method, path, body, headers = {}) {
      const request = { ':method': method, ':path': path, ...headers };
      const stream = session.request(request, { endStream: body === undefined });
      if (body !== undefined) stream.end(typeof body === 'string' ? body : JSON.stringify(body));
      return await answerOf(stream);
    },
    run: (runId, script, extra = {}) =>
      agent.call('POST', '/v1/runs', {
        runId,
        host: 'lin-01',
        command: { kind: 'script', script },
        loginShell: 'sh',
        cwd: stateDir,
        graceMs: 200,
        ...extra,
      }),
    async events(runId, from = 0) {
      const events: HostEvent[] = [];
      const stream = agent.open(`/v1/runs/${runId}/events?from=${from}`);
      for await (const line of decodeLines(stream)) events.push(Event.parse(JSON.parse(line)) as HostEvent);
      return events;
    },
    async end(signal = 'SIGTERM') {
      child.kill(signal);
      return await exited;
    },
    async close() {
      session.destroy();
      if (child.exitCode === null && child.signalCode === null) await agent.end();
      rmSync(stateDir, { recursive: true, force: true });
    },
  };
  return agent;
}

export async function answerOf(stream: ClientHttp2Stream): Promise<Answer> {
  const answered = once(stream, 'response');
  const chunks: Buffer[] = [];
  const [[headers]] = await Promise.all([
    answered,
    (async () => {
      for await (const chunk of stream) chunks.push(chunk);
    })(),
  ]);
  const text = Buffer.concat(chunks).toString();
  return {
    status: headers[':status'],
    type: headers['content-type'] ?? '',
    body: text === '' ? undefined : JSON.parse(text),
  };
}
