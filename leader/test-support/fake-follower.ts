/** A follower under a test's control: real HTTP/2 over a real socket, and whatever lines the test wants in its journals. */
import { once } from 'node:events';
import type http2 from 'node:http2';
import net from 'node:net';
import { join } from 'node:path';
import { AwError } from '../../contract/errors.ts';
import type { RunRequest, SignalRequest } from '../../contract/follower-api.ts';
import { type HostEntry, HostEntry as HostEntrySchema } from '../../contract/hosts.ts';
import { PROBLEM_TYPE, toProblem } from '../../contract/problem.ts';
import { PROTOCOL } from '../../contract/version.ts';
import { serveHttp2 } from '../../tunnel/http2.ts';

export interface FakeRun {
  readonly request: RunRequest;
  readonly lines: string[];
  readonly signals: SignalRequest[];
  readonly input: Buffer[];
  /** An event with the right envelope, unless `fields` says otherwise. */
  emit(fields: object): void;
  raw(line: string): void;
  log(message: string): void;
  start(): void;
  exit(fields?: object): void;
  onSignal: (signal: SignalRequest) => void;
  onInput: (chunk: Buffer) => void;
  onInputEnd: () => void;
}

export interface FakeFollower {
  readonly host: HostEntry;
  readonly runs: Map<string, FakeRun>;
  readonly requests: string[];
  /** Of the body that was last posted to /v1/runs. */
  posted: number;
  info: Record<string, unknown>;
  onRun: (run: FakeRun) => void;
  /** Takes a request over; true when it did. */
  intercept: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => boolean;
  onConnection: (socket: net.Socket) => boolean;
  connections(): number;
  readonly sessions: Set<http2.ServerHttp2Session>;
  dropConnections(): void;
  /** As a follower that dies: nothing listens afterwards, until `listen`. */
  stopListening(): Promise<void>;
  listen(): Promise<void>;
  close(): Promise<void>;
}

export async function startFakeFollower(
  name: string,
  directory: string,
  more: object = {},
): Promise<FakeFollower> {
  const path = join(directory, `${name}.sock`);
  const sockets = new Set<net.Socket>();
  const news = new Map<FakeRun, Set<() => void>>();

  const createRun = (request: RunRequest): FakeRun => {
    const epoch = `epoch-${name}-${request.runId}`;
    const tell = () => {
      for (const wake of news.get(run) ?? []) wake();
    };
    const run: FakeRun = {
      request,
      lines: [],
      signals: [],
      input: [],
      emit(fields) {
        run.raw(
          JSON.stringify({
            ts: new Date().toISOString(),
            origin: 'follower',
            epoch,
            seq: run.lines.length,
            runId: request.runId,
            host: request.host,
            ...fields,
          }),
        );
      },
      raw(line) {
        run.lines.push(line);
        tell();
      },
      log: message => run.emit({ type: 'hostLog', stream: 'stdout', message }),
      start: () => run.emit({ type: 'hostStarted', pid: 4242 }),
      exit: (fields = {}) => run.emit({ type: 'hostExited', code: 0, reason: 'exited', ...fields }),
      onSignal: () => {},
      onInput: () => {},
      onInputEnd: () => {},
    };
    news.set(run, new Set());
    return run;
  };

  const state = (run: FakeRun) => ({
    runId: run.request.runId,
    host: run.request.host,
    epoch: `epoch-${name}-${run.request.runId}`,
    state: run.lines.at(-1)?.includes('"hostExited"') ? 'ended' : 'running',
    startedAt: new Date().toISOString(),
    nextSeq: run.lines.length,
  });

  const answer = (stream: http2.ServerHttp2Stream, status: number, body: unknown) => {
    stream.respond({ ':status': status, 'content-type': 'application/json' });
    stream.end(JSON.stringify(body));
  };
  const refuse = (stream: http2.ServerHttp2Stream, error: AwError) => {
    stream.respond({ ':status': error.status, 'content-type': PROBLEM_TYPE });
    stream.end(JSON.stringify(toProblem(error)));
  };
  const bodyOf = async (stream: http2.ServerHttp2Stream): Promise<Buffer> => {
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    return Buffer.concat(chunks);
  };

  const serveEvents = async (stream: http2.ServerHttp2Stream, run: FakeRun, from: number) => {
    stream.respond({ ':status': 200 });
    for (let next = from; ; ) {
      while (next < run.lines.length) {
        const line = run.lines[next++]!;
        if (!stream.write(`${line}\n`)) await writable(stream);
        if (stream.destroyed) return;
        if (line.includes('"hostExited"') && next === run.lines.length) return stream.end();
      }
      await new Promise<void>(fulfil => {
        const wake = () => {
          news.get(run)!.delete(wake);
          stream.off('close', wake);
          fulfil();
        };
        news.get(run)!.add(wake);
        stream.once('close', wake);
      });
      if (stream.destroyed) return;
    }
  };

  const serve = async (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => {
    const url = new URL(headers[':path']!, 'http://f');
    const route = `${headers[':method']} ${url.pathname}`;
    fake.requests.push(`${route}${url.search}`);
    if (fake.intercept(stream, headers)) return;
    if (route === 'GET /v1/info') return answer(stream, 200, { ...fake.info, now: new Date().toISOString() });
    if (route === 'GET /v1/runs') return answer(stream, 200, { runs: [...fake.runs.values()].map(state) });
    if (route === 'GET /v1/doctor')
      return answer(stream, 200, { info: { ...fake.info, now: new Date().toISOString() }, findings: [] });
    if (route === 'POST /v1/runs') {
      const body = await bodyOf(stream);
      fake.posted = body.length;
      const request = JSON.parse(body.toString()) as RunRequest;
      const known = fake.runs.get(request.runId);
      if (known !== undefined) return answer(stream, 200, state(known));
      const run = createRun(request);
      fake.runs.set(request.runId, run);
      answer(stream, 201, state(run));
      return fake.onRun(run);
    }
    const [, runId = '', what] = /^\/v1\/runs\/([^/]+)(?:\/(\w+))?$/.exec(url.pathname) ?? [];
    const run = fake.runs.get(runId);
    if (run === undefined) return refuse(stream, new AwError('AW_RUN_NOT_FOUND', { runId }));
    if (what === 'events') return serveEvents(stream, run, Number(url.searchParams.get('from')));
    if (what === 'signal') {
      const signal = JSON.parse((await bodyOf(stream)).toString()) as SignalRequest;
      run.signals.push(signal);
      run.onSignal(signal);
      return answer(stream, 202, state(run));
    }
    if (what === 'stdin') {
      for await (const chunk of stream) {
        run.input.push(chunk);
        run.onInput(chunk);
      }
      run.onInputEnd();
      stream.respond({ ':status': 204 });
      return stream.end();
    }
    answer(stream, 200, state(run));
  };

  const server = net.createServer(socket => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
    if (!fake.onConnection(socket)) return;
    const session = serveHttp2(
      socket,
      (stream, headers) => void serve(stream, headers).catch(() => stream.destroy()),
    );
    fake.sessions.add(session);
    session.once('close', () => fake.sessions.delete(session));
  });

  const fake: FakeFollower = {
    host: HostEntrySchema.parse({ name, os: 'linux', workspace: directory, socket: path, ...more }),
    runs: new Map(),
    requests: [],
    posted: 0,
    info: {
      protocol: PROTOCOL,
      version: '0.1.0',
      os: 'linux',
      arch: 'x64',
      hostname: 'fake',
      user: 'u',
      pid: process.pid,
      agentId: 'a',
      bootId: 'b',
      shells: { sh: '/bin/sh' },
      loginShell: 'sh',
    },
    onRun: run => {
      run.start();
      run.exit();
    },
    intercept: () => false,
    onConnection: () => true,
    connections: () => sockets.size,
    sessions: new Set(),
    dropConnections: () => {
      for (const socket of sockets) socket.destroy();
    },
    async stopListening() {
      fake.dropConnections();
      await new Promise(fulfil => server.close(fulfil));
    },
    async listen() {
      server.listen(path);
      await once(server, 'listening');
    },
    async close() {
      if (server.listening) await fake.stopListening();
    },
  };
  await fake.listen();
  return fake;
}

function writable(stream: http2.ServerHttp2Stream): Promise<void> {
  return new Promise(fulfil => {
    const done = () => {
      stream.off('drain', done).off('close', done);
      fulfil();
    };
    stream.on('drain', done).on('close', done);
  });
}
