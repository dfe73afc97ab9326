/** Requests and answers over HTTP/2 streams. */
import { constants, type ServerHttp2Stream } from 'node:http2';
import type { z } from 'zod';
import { AwError } from '../../contract/errors.ts';
import { fieldErrors, PROBLEM_TYPE, toProblem } from '../../contract/problem.ts';

/** How long a peer may go on sending after its answer. */
const STOP_MS = 1000;

/** A request whose body or query does not have the shape of its schema. */
export class InvalidRequest extends Error {
  readonly fields: Record<string, string>;

  constructor(fields: Record<string, string>) {
    super('invalid request');
    this.fields = fields;
  }
}

/** All of a body. @throws AW_FRAME_TOO_LARGE; an Error when the peer goes away before its end. */
export async function readBody(stream: ServerHttp2Stream, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  // A body that is too large still gets its answer, so leaving the loop must not end the stream.
  for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > limit) throw new AwError('AW_FRAME_TOO_LARGE', { what: 'the request', limit });
    chunks.push(chunk);
  }
  if (stream.closed) throw new Error('the request was cut off');
  return Buffer.concat(chunks, length);
}

/** A JSON body of the schema's shape. An empty body is an empty object. @throws InvalidRequest */
export async function readJson<T extends z.ZodType>(
  stream: ServerHttp2Stream,
  schema: T,
  limit: number,
): Promise<z.output<T>> {
  const body = await readBody(stream, limit);
  let value: unknown;
  try {
    value = body.length === 0 ? {} : JSON.parse(body.toString());
  } catch (error) {
    throw new InvalidRequest({ '(body)': (error as Error).message });
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new InvalidRequest(fieldErrors(parsed.error));
  return parsed.data;
}

export function sendJson(stream: ServerHttp2Stream, status: number, value: unknown): void {
  send(stream, status, 'application/json', value);
}

export function sendProblem(stream: ServerHttp2Stream, thrown: AwError | InvalidRequest): void {
  const { error, fields } = thrown instanceof AwError ? { error: thrown, fields: undefined } : summed(thrown);
  send(stream, error.status, PROBLEM_TYPE, toProblem(error, fields));
}

function summed({ fields }: InvalidRequest) {
  const [field, problem] = Object.entries(fields)[0] ?? ['(body)', 'invalid'];
  return { error: new AwError('AW_INVALID_REQUEST', { problem: `${field}: ${problem}` }), fields };
}

export function sendEmpty(stream: ServerHttp2Stream, status: number): void {
  if (!canAnswer(stream)) return;
  stream.respond({ ':status': status }, { endStream: true });
  stopReading(stream);
}

function send(stream: ServerHttp2Stream, status: number, type: string, value: unknown): void {
  if (!canAnswer(stream)) return;
  stream.respond({ ':status': status, 'content-type': type });
  stream.end(JSON.stringify(value));
  stopReading(stream);
}

function canAnswer(stream: ServerHttp2Stream): boolean {
  return !stream.destroyed && !stream.closed && !stream.headersSent;
}

/**
 * Lets the rest of a body pass unread, and cuts a peer off that goes on sending. Not at once: a reset right behind an
 * answer makes Node's client lose the answer.
 */
function stopReading(stream: ServerHttp2Stream): void {
  if (stream.readableEnded) return;
  stream.resume();
  const timer = setTimeout(() => stream.close(constants.NGHTTP2_NO_ERROR), STOP_MS);
  timer.unref();
  stream.once('close', () => clearTimeout(timer));
}
