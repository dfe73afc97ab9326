/**
 * One run on a host without an agent, with the face of a client of an agent: it makes the events that an agent would have made.
 * It lives as long as its connection.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { AwError, asAwError } from '../../contract/errors.ts';
import type { RunRequestInput, RunState } from '../../contract/follower-api.ts';
import type { HostEntry } from '../../contract/hosts.ts';
import { createRewriter } from '../../follower/path-mapping/rewriter.ts';
import { createLogEncoder, type EncodedLog } from '../../follower/runs/encode.ts';
import { eventLine } from '../../follower/runs/event-line.ts';
import type { RunClient } from '../follower-client.ts';
import type { JournalItem } from '../journal.ts';
import type { TransportContext } from '../transports/index.ts';
import type { RemoteProcess, SshConnection, SshWay } from '../transports/ssh/index.ts';
import type { Dialect, Step } from './dialect.ts';
import { climb, endLeftover, type Ladder, sendSignal } from './ending.ts';
import { type Exit, notBegun, notExecutable, refusal, spawnFailed } from './refusal.ts';
import type { Ending, Talk } from './talk.ts';

const DEFAULT_GRACE = 5_000;
/** The longest time a timer can hold. */
const LONGEST = 2 ** 31 - 1;

export interface Place {
  host: HostEntry;
  dialect: Dialect;
  context: TransportContext;
  way: SshWay;
  connection: SshConnection;
  remote: RemoteProcess;
  talk: Talk;
  /** Milliseconds from the connection to the greeting. */
  rttMs: number;
}

/** Why a run is ended before it ends by itself. */
type Verdict = { reason: 'cancelled' | 'timeout' | 'lost'; error: AwError };

export function createAgentlessClient(place: Place): RunClient {
  const { host, dialect, connection, remote, talk, rttMs } = place;
  const named = (error: AwError) => error.forHost(host.name);
  const { promise: isClosed, resolve: onClose } = Promise.withResolvers<'closed'>();
  const stopped = Promise.withResolvers<'stopped'>();
  /** Before anything was started. */
  const refused = Promise.withResolvers<AwError>();
  let run: { request: RunRequestInput; epoch: string; startedAt: string; since: number } | undefined;
  let verdict: Verdict | undefined;
  let ladder: Ladder | undefined;
  let process: readonly string[] | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isOver = false;
  void talk.ended.then(() => {
    isOver = true;
  });

  const state = (): RunState => {
    if (run === undefined) throw new AwError('AW_RUN_NOT_FOUND', { runId: 'of another connection' });
    const { request, epoch, startedAt } = run;
    return {
      runId: request.runId,
      host: host.name,
      epoch,
      state: verdict === undefined ? 'running' : 'ending',
      startedAt,
      nextSeq: 0,
    };
  };

  const end = (why: Verdict, first: Step) => {
    // It has ended by itself; what it wrote is still being read.
    if (isOver) return;
    verdict ??= why;
    if (ladder !== undefined) return ladder.raise(first);
    const graceMs = run?.request.graceMs ?? DEFAULT_GRACE;
    ladder = climb({
      first,
      graceMs,
      ended: Promise.race([talk.ended, isClosed]),
      send: async step => {
        const begun = await Promise.race([talk.begun, sleep(graceMs, undefined, { ref: false })]);
        if (begun?.kind !== 'started') return;
        // A connection that takes no second program leaves the rest of the ladder, and then an end without certainty.
        await sendSignal(connection, dialect, begun.process, step).catch(() => {});
      },
      onTop: () => stopped.resolve('stopped'),
    });
  };

  async function* events(...[journal]: Parameters<RunClient['events']>): AsyncGenerator<JournalItem> {
    if (run === undefined)
      throw new AwError('AW_RUN_NOT_FOUND', { runId: journal.runId }, { host: host.name });
    const { request, epoch, since } = run;
    const made = { runId: request.runId, host: host.name, epoch };
    const make = (type: string, fields: object) =>
      journal.read(eventLine(made, journal.nextSeq, type, fields));
    const begun = await Promise.race([refused.promise, talk.begun, talk.ended, stopped.promise, isClosed]);
    if (begun === 'closed') throw cutOff(host);
    const isStarted = typeof begun === 'object' && 'kind' in begun && begun.kind === 'started';
    if (isStarted) process = begun.process;
    yield make('hostStarted', isStarted ? { pid: Number(begun.process[0]) } : {});

    const encoders = { stdout: createLogEncoder(), stderr: createLogEncoder() };
    let exit: Exit;
    if (begun instanceof AwError) {
      exit = verdict === undefined ? notBegun(named(begun)) : await exitOf('stopped');
    } else if (typeof begun === 'object' && begun.kind === 'refused') {
      exit = refusal(begun, request);
    } else {
      const rules = request.mapOutput ?? [];
      const rewriters = { stdout: createRewriter(rules, host.os), stderr: createRewriter(rules, host.os) };
      const logs = (stream: 'stdout' | 'stderr', pieces: EncodedLog[]) =>
        pieces.map(piece => make('hostLog', { stream, ...piece }));
      void Promise.race([stopped.promise, isClosed]).then(talk.output.close);
      for await (const { stream, bytes } of talk.output.read()) {
        yield* logs(stream, encoders[stream].push(Buffer.from(rewriters[stream].push(bytes))));
        refuseMore(encoders.stdout.bytes + encoders.stderr.bytes);
      }
      const ended = await Promise.race([talk.ended, stopped.promise, isClosed]);
      if (ended === 'closed') throw cutOff(host);
      for (const stream of ['stdout', 'stderr'] as const) {
        yield* logs(stream, encoders[stream].push(Buffer.from(rewriters[stream].end())));
        yield* logs(stream, encoders[stream].end());
      }
      exit = await exitOf(ended);
    }
    const bytes = { stdout: encoders.stdout.bytes, stderr: encoders.stderr.bytes };
    yield make('hostExited', { ...exit, durationMs: Math.round(performance.now() - since), bytes });
  }

  const refuseMore = (bytes: number) => {
    const limit = run?.request.logLimit;
    if (limit === undefined || bytes <= limit || verdict !== undefined) return;
    end({ reason: 'lost', error: named(new AwError('AW_LOG_LIMIT', { limit })) }, 'KILL');
  };

  const exitOf = async (ended: Ending | 'stopped'): Promise<Exit> => {
    const code = ended !== 'stopped' && ended.kind === 'ended' ? ended.code : null;
    if (verdict !== undefined) {
      const { reason, error } = verdict;
      return { code: reason === 'lost' ? null : code, reason, error: error.toWire() };
    }
    if (ended === 'stopped') throw cutOff(host);
    if (ended.kind === 'ended') {
      if (ended.started) return { code: ended.code, reason: 'exited' };
      return spawnFailed(126, notExecutable(run!.request, 'the program', talk.lastWords()));
    }
    return { code: null, reason: 'lost', error: (await lost(ended)).toWire() };
  };

  const lost = async ({ exit }: Extract<Ending, { kind: 'gone' }>): Promise<AwError> => {
    const why = exit.failure?.message ?? `its shell was ended (${exit.signal ?? `exit code ${exit.code}`})`;
    connection.close();
    const { way, context } = place;
    const rest =
      process === undefined
        ? 'it may not have begun'
        : await Promise.race([
            endLeftover(host, way, context, dialect, process),
            isClosed.then(() => 'it may still run there'),
          ]);
    const reason = `${why}; a run without an agent does not survive its connection: ${rest}`;
    return named(new AwError('AW_RUN_LOST', { reason }));
  };

  return {
    rttMs,
    async startRun(request) {
      run = {
        request,
        epoch: randomUUID(),
        startedAt: new Date().toISOString(),
        since: performance.now(),
      };
      const send = (input: string | Buffer, isLast: boolean) => {
        if (verdict !== undefined) throw verdict.error;
        if (isLast) remote.stdin.end(input);
        else remote.stdin.write(input);
      };
      dialect.begin(request, send, talk.answer).catch(error => refused.resolve(asAwError(error)));
      const { timeoutMs } = request;
      if (timeoutMs !== undefined) {
        const error = named(new AwError('AW_RUN_TIMEOUT', { seconds: timeoutMs / 1000 }));
        timer = setTimeout(() => end({ reason: 'timeout', error }, 'INT'), Math.min(timeoutMs, LONGEST));
      }
      return state();
    },
    events,
    state: async () => state(),
    async signal(_runId, { signal }) {
      const now = state();
      const error = named(new AwError('AW_RUN_CANCELLED', { reason: 'the leader asked for it' }));
      end(
        { reason: 'cancelled', error },
        signal === 'kill' ? 'KILL' : signal === 'terminate' ? 'TERM' : 'INT',
      );
      return now;
    },
    async sendInput(_runId, source) {
      const begun = await Promise.race([talk.begun, talk.ended, isClosed]);
      if (typeof begun !== 'object' || begun.kind !== 'started') return;
      const over = Promise.race([talk.ended, stopped.promise, isClosed]);
      try {
        await pour(source, remote, over);
      } catch (error) {
        // With the connection the input would end, and the command take a part of it for all of it.
        end({ reason: 'lost', error: asAwError(error, host.name) }, 'KILL');
        await over;
        throw error;
      }
    },
    close() {
      clearTimeout(timer);
      onClose('closed');
      connection.close();
    },
  };
}

/** Gives the command its input as fast as it takes it; what it does not take is nobody's loss. */
async function pour(source: Readable, { stdin }: RemoteProcess, over: Promise<unknown>): Promise<void> {
  let isOver = false;
  void over.then(() => {
    isOver = true;
  });
  for await (const chunk of source) {
    if (isOver || stdin.destroyed || stdin.writableEnded) return;
    if (!stdin.write(chunk)) await Promise.race([once(stdin, 'drain').catch(() => {}), over]);
  }
  stdin.end();
}

function cutOff({ name }: HostEntry): AwError {
  return new AwError('AW_HOST_UNREACHABLE', { reason: 'the connection was closed' }, { host: name });
}
