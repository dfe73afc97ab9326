/** Requests to the service: bounded in time and size, every failure an `AwError`. */
import type { IncomingMessage, RequestOptions } from 'node:http';
import type { z } from 'zod';
import { AwError, show } from '../contract/errors.ts';
import { Event } from '../contract/events.ts';
import { fromProblem } from '../contract/problem.ts';

const ANSWER = 15_000;
/** A list of very many sessions fits. */
const MAX_BODY = 64 * 1024 * 1024;

export interface RequestInput {
  method?: 'GET' | 'POST';
  /** Sent as it is and not copied: large batches go through here. */
  body?: string | Uint8Array;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** To the whole answer, or for a stream to its headers. */
  timeoutMs?: number;
}

export interface Requests {
  /** The body of an answer that was not refused. */
  text(path: string, input?: RequestInput): Promise<string>;
  /** The same as it comes, without a limit of time. `signal` ends it. */
  stream(path: string, input?: RequestInput): Promise<IncomingMessage>;
}

/**
 * Requests below `base`; connections are kept and used again. An answer that points elsewhere is not followed, so a token
 * goes nowhere else than to where it was meant to go.
 *
 * All throw AW_SERVICE_UNREACHABLE, or what the service's Problem says.
 */
export function createRequests(base: string, token: string | undefined): Requests {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const ask = async <T>(
    path: string,
    { method = 'GET', body, headers, signal, timeoutMs = ANSWER }: RequestInput,
    use: (answer: IncomingMessage) => Promise<T>,
  ): Promise<T> => {
    const limit = new AbortController();
    const late = () => limit.abort(new Error(`no answer within ${timeoutMs / 1000} s`));
    const timer = setTimeout(late, timeoutMs);
    try {
      const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
      const answer = await send(`${base}/api/v1${path}`, body, {
        method,
        headers: { ...headers, ...authorization, ...length },
        signal: signal === undefined ? limit.signal : AbortSignal.any([limit.signal, signal]),
      });
      const status = answer.statusCode ?? 0;
      if (status >= 200 && status < 300) return await use(answer);
      throw fromProblem(parseJson(await textOf(answer)), status);
    } catch (error) {
      throw error instanceof AwError ? error : unreachable(base, limit.signal.reason ?? error);
    } finally {
      clearTimeout(timer);
    }
  };
  return {
    text: (path, input = {}) => ask(path, input, textOf),
    stream: (path, input = {}) => ask(path, input, async answer => answer),
  };
}

async function send(
  url: string,
  body: string | Uint8Array | undefined,
  options: RequestOptions,
): Promise<IncomingMessage> {
  // Loaded with the first request: importing node:http takes as long as half of Node's own start.
  const { request } = await (url.startsWith('https:') ? import('node:https') : import('node:http'));
  return new Promise((fulfil, reject) => {
    const outgoing = request(url, options, fulfil);
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

async function textOf(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY)
      throw new AwError('AW_FRAME_TOO_LARGE', { what: 'the answer of the service', limit: MAX_BODY });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** @throws AW_SERVICE_REJECTED when the body is not what the service would send. */
export function parseAnswer<S extends z.ZodType>(text: string, schema: S): z.infer<S> {
  const parsed = schema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues[0]?.path.map(String).join('.') || 'its body';
  throw new AwError('AW_SERVICE_REJECTED', {
    status: 200,
    reason: `not as the service would, ${where} is wrong`,
  });
}

/** @throws AW_SERVICE_REJECTED for what is no event. */
export function parseEvent(text: string): Event {
  const parsed = Event.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new AwError('AW_SERVICE_REJECTED', { status: 200, reason: `with ${show(text)} instead of an event` });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** @param error what the connection failed with */
export function unreachable(url: string, error: unknown): AwError<'AW_SERVICE_UNREACHABLE'> {
  const { code, message } = error as NodeJS.ErrnoException;
  return new AwError('AW_SERVICE_UNREACHABLE', { url, reason: code ?? message }, { cause: error });
}

/** @throws AW_USAGE for what is not the address of a service. */
export function baseUrl(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const isUsable =
    parsed !== undefined &&
    /^https?:$/.test(parsed.protocol) &&
    parsed.username === '' &&
    parsed.password === '' &&
    parsed.search === '' &&
    parsed.hash === '';
  if (!isUsable) {
    const problem = `${show(url)} is not the address of a service: http://127.0.0.1:8080 is one`;
    throw new AwError('AW_USAGE', { problem, command: 'aw' });
  }
  return parsed.href.replace(/\/+$/, '');
}
