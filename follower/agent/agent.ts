/** The resident agent: its state directory, its runs, its connections, and its end. */
import { randomUUID } from 'node:crypto';
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import type { Http2Session, IncomingHttpHeaders } from 'node:http2';
import net from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AwError } from '../../contract/errors.ts';
import type { RunRequest } from '../../contract/follower-api.ts';
import type { Endpoint } from '../../tunnel/endpoint.ts';
import { cutWhenSilent, serveHttp2 } from '../../tunnel/http2.ts';
import { type Lock, lockHolder, takeLock } from '../../tunnel/lock.ts';
import { createRewriter } from '../path-mapping/rewriter.ts';
import { type Run, Runs } from '../runs/registry.ts';
import { createStdioSupply } from '../runs/stdio.ts';
import type { Fences } from '../tree/fences.ts';
import { lastingSocket } from './lasting-socket.ts';
import { listen } from './listen.ts';
import { log } from './log.ts';
import { createMachine, OS } from './machine.ts';
import { loginOf, prepareRun } from './prepare.ts';
import { type AgentContext, answer } from './routes.ts';

export interface AgentOptions {
  /** This agent's alone; made if missing. */
  stateDir: string;
  endpoint: Endpoint;
  /** Throws AW_UNAUTHORIZED when a request may not be answered. */
  authorize(headers: IncomingHttpHeaders): void;
  /** Ends after this long without a run, a connection or a report under way. */
  idleExitMs?: number;
}

export interface Agent {
  readonly endpoint: Endpoint;
  /** Ends it: live runs are cancelled first, their readers get the end. A second call no longer waits politely. */
  close(): Promise<void>;
  /** Resolves when it has ended, for whatever reason. */
  readonly ended: Promise<void>;
}

/** A predecessor that is about to end may take this long to let go of the state directory. */
const LOCK_MS = 3000;
/** For readers to take the end of their runs, and for reports to arrive. */
const FAREWELL_MS = 2000;
/** A connection whose peer answers no ping for this long is dead. */
const SILENCE_MS = 60_000;

/** Starts an agent. @throws AW_ADDRESS_IN_USE when another one has the state directory; AW_DISK; AW_USAGE */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const { stateDir } = options;
  const lock = await ownState(stateDir);
  const scratch = emptyDirectory(join(stateDir, 'scratch'));
  const machine = createMachine(randomUUID(), scratch, lastingSocket(options.endpoint));
  const supply = createStdioSupply(join(stateDir, 'pipes'));
  const sessions = new Set<Http2Session>();
  const reports = new Set<Promise<void>>();
  const reporting = new AbortController();
  const ended = Promise.withResolvers<void>();
  let closing: Promise<void> | undefined;
  let endWhenIdle = false;
  let idleTimer: NodeJS.Timeout | undefined;

  const checkIdle = () => {
    clearTimeout(idleTimer);
    if (closing !== undefined || runs.liveCount > 0) return;
    if (endWhenIdle) return void close();
    if (options.idleExitMs === undefined || sessions.size > 0 || reports.size > 0) return;
    idleTimer = setTimeout(close, options.idleExitMs);
  };

  const report = (run: Run, target: NonNullable<RunRequest['report']>) => {
    const { runId } = run.record;
    // Loaded when it is wanted: node:http would make every agent's start slower by half.
    const work: Promise<void> = import('./report.ts')
      .then(({ reportRun }) => reportRun(run, target, reporting.signal))
      .catch(error => String(error))
      .then(problem => {
        if (problem !== undefined) log(`run ${runId}: not all of it was reported: ${problem}`);
        reports.delete(work);
        checkIdle();
      });
    reports.add(work);
  };

  let runs: Runs;
  let fences: Promise<Fences> | undefined;
  const server = new net.Server({ noDelay: true });
  let endpoint: Endpoint;
  try {
    runs = await Runs.open({
      directory: join(stateDir, 'runs'),
      bootId: machine.bootId,
      supply,
      prepare: (request, scratch) => prepareRun(machine, request, scratch),
      filterFor: ({ mapOutput }) =>
        mapOutput === undefined || mapOutput.length === 0 ? undefined : () => createRewriter(mapOutput, OS),
      log,
      onIdle: () => checkIdle(),
    });
    const context: AgentContext = {
      machine,
      runs,
      fences: () => {
        fences ??= import('../tree/fences.ts').then(({ createFences }) =>
          createFences(stateDir, machine.bootId, runId =>
            runs.list().some(run => run.live !== undefined && run.record.runId === runId),
          ),
        );
        return fences;
      },
      stateDir,
      authorize: options.authorize,
      report,
      shutdown: force => {
        endWhenIdle = true;
        if (force) void close();
        else checkIdle();
      },
      log,
    };
    server.on('connection', socket => {
      const session = serveHttp2(socket, (stream, headers) => void answer(context, stream, headers));
      sessions.add(session);
      cutWhenSilent(session, SILENCE_MS);
      checkIdle();
      session.once('close', () => {
        sessions.delete(session);
        checkIdle();
      });
    });
    endpoint = await listen(server, options.endpoint);
  } catch (error) {
    await supply.close();
    lock.release();
    throw error;
  }

  function close(): Promise<void> {
    if (closing !== undefined) {
      for (const run of runs.list()) run.live?.cancel('SIGKILL', 'the follower agent is ending');
      return closing;
    }
    closing = shutDown().then(ended.resolve, ended.reject);
    return closing;
  }

  async function shutDown(): Promise<void> {
    clearTimeout(idleTimer);
    const closed = new Promise(fulfil => server.close(fulfil));
    await runs.close();
    await (await fences)?.close();
    const farewell = new AbortController();
    const polite = [...sessions].map(session => new Promise<void>(fulfil => session.close(fulfil)));
    await Promise.race([
      Promise.all([...polite, ...reports]),
      sleep(FAREWELL_MS, undefined, { signal: farewell.signal }).catch(() => {}),
    ]);
    farewell.abort();
    reporting.abort();
    for (const session of sessions) session.destroy();
    await Promise.all([closed, ...reports, supply.close()]);
    rmSync(scratch, { recursive: true, force: true });
    lock.release();
  }

  // So that the first run need not wait for it.
  const shell = machine.loginShell();
  if (shell !== undefined) void loginOf(machine, shell);
  checkIdle();
  return { endpoint, close, ended: ended.promise };
}

/** What an agent that was killed left there goes with it. */
function emptyDirectory(path: string): string {
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path, { mode: 0o700 });
  return path;
}

/** Makes the state directory this user's own and takes its lock. */
async function ownState(stateDir: string): Promise<Lock> {
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    if (process.platform !== 'win32') chmodSync(stateDir, 0o700);
    const path = join(stateDir, 'agent.lock');
    const deadline = performance.now() + LOCK_MS;
    for (;;) {
      const lock = takeLock(path);
      if (lock !== undefined) return lock;
      if (performance.now() > deadline) {
        const address = `${stateDir} (by process ${lockHolder(path) ?? 'unknown'})`;
        throw new AwError('AW_ADDRESS_IN_USE', { address });
      }
      await sleep(50);
    }
  } catch (error) {
    if (error instanceof AwError) throw error;
    throw new AwError('AW_DISK', { path: stateDir, reason: (error as Error).message }, { cause: error });
  }
}
