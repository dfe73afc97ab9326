/** The follower's API, one line per call. */
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { AwError, asAwError, show } from '../../contract/errors.ts';
import { RunRequest, SignalRequest } from '../../contract/follower-api.ts';
import { MAX_RUN_REQUEST } from '../../contract/limits.ts';
import type { Runs } from '../runs/registry.ts';
import type { TreeSignal } from '../runs/tree.ts';
import type { Fences } from '../tree/fences.ts';
import { EVENTS, sendEvents } from './events-route.ts';
import { InvalidRequest, readJson, sendEmpty, sendJson, sendProblem } from './http.ts';
import type { Machine } from './machine.ts';
import { takeInput } from './stdin-route.ts';

export interface AgentContext {
  machine: Machine;
  runs: Runs;
  /** Loaded, and there, from the first fence on. */
  fences(): Promise<Fences>;
  stateDir: string;
  /** Throws AW_UNAUTHORIZED when the request may not be answered. */
  authorize(headers: IncomingHttpHeaders): void;
  /** A run was made that wants to be reported. */
  report(run: ReturnType<Runs['get']>, target: NonNullable<RunRequest['report']>): void;
  shutdown(force: boolean): void;
  log(message: string): void;
}

interface Call {
  stream: ServerHttp2Stream;
  query: URLSearchParams;
  /** The run, or the fence, that the path names. */
  runId: string;
  /** Of a fence. */
  call: string;
  /** Of the body. */
  encoding: string | undefined;
  /** The type of answer that is asked for, where there is a choice. */
  accept: string | undefined;
}

type Handler = (context: AgentContext, call: Call) => void | Promise<void>;

const SMALL_BODY = 64 * 1024;

const routes: readonly [method: string, path: RegExp, handler: Handler][] = [
  ['GET', /^\/v1\/info$/, ({ machine }, { stream }) => sendJson(stream, 200, machine.info())],
  ['GET', /^\/v1\/doctor$/, getDoctor],
  ['GET', /^\/v1\/runs$/, listRuns],
  ['POST', /^\/v1\/runs$/, createRun],
  ['GET', /^\/v1\/runs\/([^/]+)$/, getRun],
  ['GET', /^\/v1\/runs\/([^/]+)\/events$/, getEvents],
  ['POST', /^\/v1\/runs\/([^/]+)\/stdin$/, postInput],
  ['POST', /^\/v1\/runs\/([^/]+)\/signal$/, postSignal],
  [
    'POST',
    /^\/v1\/fences\/([\w-]{1,64})\/(hold|scan|names|differing|list|same-lines|claim|plan|content|recipes|chunks|apply)$/,
    postFence,
  ],
  ['POST', /^\/v1\/files$/, postFiles],
  ['POST', /^\/v1\/shutdown$/, postShutdown],
];

/** Answers one request, whatever it is. Never throws. */
export async function answer(
  context: AgentContext,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
): Promise<void> {
  try {
    context.authorize(headers);
    const { method, path, query } = target(headers);
    for (const [routeMethod, pattern, handler] of routes) {
      const match = routeMethod === method ? pattern.exec(path) : null;
      if (match !== null) {
        const [, runId = '', call = ''] = match;
        const { accept, 'content-encoding': encoding } = headers;
        return await handler(context, { stream, query, runId, call, accept, encoding });
      }
    }
    throw new AwError('AW_NOT_FOUND', { path: show(path) });
  } catch (error) {
    if (error instanceof InvalidRequest) return sendProblem(stream, error);
    const coded = asAwError(error);
    if (coded.code === 'AW_INTERNAL' && !stream.aborted) context.log(String((error as Error).stack ?? error));
    if (stream.headersSent) stream.destroy();
    else sendProblem(stream, coded);
  }
}

function target(headers: IncomingHttpHeaders) {
  const text = headers[':path'] ?? '/';
  const [path = '', query = ''] = text.split('?', 2);
  return { method: headers[':method'] ?? '', path, query: new URLSearchParams(query) };
}

async function getDoctor({ machine, runs, stateDir }: AgentContext, { stream, query }: Call) {
  const { doctor } = await import('./doctor.ts');
  const about = { cwd: query.get('cwd') ?? undefined, sshdPath: query.get('path') ?? undefined };
  sendJson(stream, 200, await doctor({ machine, runs, stateDir, ...about }));
}

function listRuns({ runs }: AgentContext, { stream }: Call) {
  sendJson(stream, 200, { runs: runs.list().map(run => run.state()) });
}

async function createRun({ runs, fences, report }: AgentContext, { stream, accept }: Call) {
  const request = await readJson(stream, RunRequest, MAX_RUN_REQUEST);
  // A run that is there already has changed the tree by now, as it may.
  const isNew = request.tree !== undefined && !runs.list().some(run => run.record.runId === request.runId);
  const create = () => runs.create(request);
  const { run, created } = isNew
    ? await (await fences()).useTree(request.runId, request.tree!, create)
    : create();
  if (created && request.report !== undefined) report(run, request.report);
  const status = created ? 201 : 200;
  if (accept === EVENTS) await sendEvents(stream, run, { status, from: 0, lead: true });
  else sendJson(stream, status, run.state());
}

function getRun({ runs }: AgentContext, { stream, runId }: Call) {
  sendJson(stream, 200, runs.get(runId).state());
}

async function getEvents({ runs }: AgentContext, { stream, runId, query }: Call) {
  const run = runs.get(runId);
  const from = wholeNumber(query, 'from') ?? 0;
  if (from > run.journal.lines) throw new InvalidRequest({ from: `the run has ${run.journal.lines} events` });
  await sendEvents(stream, run, { status: 200, from, lead: query.get('lead') === '1' });
}

async function postInput({ runs }: AgentContext, { stream, runId, query }: Call) {
  await takeInput(stream, runs.get(runId), wholeNumber(query, 'offset'));
}

const SIGNALS: Record<SignalRequest['signal'], TreeSignal> = {
  interrupt: 'SIGINT',
  terminate: 'SIGTERM',
  kill: 'SIGKILL',
};

async function postSignal({ runs }: AgentContext, { stream, runId }: Call) {
  const { signal, cancel } = await readJson(stream, SignalRequest, SMALL_BODY);
  const run = runs.get(runId);
  if (cancel) run.live?.cancel(SIGNALS[signal], 'on request');
  else await run.live?.signal(SIGNALS[signal]);
  sendJson(stream, 202, run.state());
}

async function postFence({ fences }: AgentContext, { stream, runId, call, encoding }: Call) {
  const { answerFence } = await import('./fence-routes.ts');
  await answerFence(await fences(), stream, runId, call, encoding);
}

async function postFiles(_: AgentContext, { stream }: Call) {
  const { answerFiles } = await import('./files-route.ts');
  await answerFiles(stream);
}

function postShutdown({ shutdown }: AgentContext, { stream, query }: Call) {
  stream.once('close', () => shutdown(query.get('force') === '1'));
  sendEmpty(stream, 202);
}

function wholeNumber(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  const value = Number(text);
  if (!/^\d{1,15}$/.test(text)) throw new InvalidRequest({ [name]: 'it must be a whole number' });
  return value;
}
