/** Requests to the service: bounded in time, every failure an `AwError`. */
import type { z } from 'zod';
import { AwError, show } from '../contract/errors.ts';
import { Event } from '../contract/events.ts';
import { fromProblem } from '../contract/problem.ts';

const ANSWER = 15_000;

export interface RequestInput {
  method?: 'GET' | 'POST';
  body?: string | Uint8Array<ArrayBuffer>;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** To the whole answer, or with `stream` to its headers. */
  timeoutMs?: number;
  /** The answer's body is read as it comes, without a limit of time. */
  stream?: boolean;
}

/**
 * Answers that were not refused; unless asked for as a stream, with their body already there.
 * @throws AW_SERVICE_UNREACHABLE, or what the service's Problem says
 */
export function createRequest(base: string, token: string | undefined) {
  return async (path: string, input: RequestInput = {}): Promise<Response> => {
    const { timeoutMs = ANSWER, stream = false, signal, headers, ...rest } = input;
    const limit = new AbortController();
    const timer = setTimeout(
      () => limit.abort(new Error(`no answer within ${timeoutMs / 1000} s`)),
      timeoutMs,
    );
    try {
      const answer = await fetch(`${base}/api/v1${path}`, {
        ...rest,
        headers: { ...headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
        signal: signal === undefined ? limit.signal : AbortSignal.any([limit.signal, signal]),
        // A token goes nowhere else than to where it was meant to go.
        redirect: 'error',
      });
      if (answer.ok && stream) return answer;
      const body = await answer.text();
      if (!answer.ok) throw fromProblem(parseJson(body), answer.status);
      return new Response(body, { status: 200 });
    } catch (error) {
      throw error instanceof AwError ? error : unreachable(base, error);
    } finally {
      clearTimeout(timer);
    }
  };
}

/** @throws AW_SERVICE_REJECTED when the body is not what the service would send. */
export async function parseAnswer<S extends z.ZodType>(answer: Response, schema: S): Promise<z.infer<S>> {
  const parsed = schema.safeParse(parseJson(await answer.text()));
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

/** @param error what `fetch` threw */
export function unreachable(url: string, error: unknown): AwError<'AW_SERVICE_UNREACHABLE'> {
  // What fetch throws says little; its cause says why.
  const inner = (error as Error).cause as NodeJS.ErrnoException | undefined;
  const reason = inner?.code ?? inner?.message ?? (error as Error).message;
  return new AwError('AW_SERVICE_UNREACHABLE', { url, reason }, { cause: error });
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
