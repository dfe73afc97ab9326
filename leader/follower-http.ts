/** Requests on one HTTP/2 session to a follower: each is bounded in time and size, each failure is an `AwError`. */
import http2 from 'node:http2';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { z } from 'zod';
import { AwError } from '../contract/errors.ts';
import { MAX_LINE } from '../contract/limits.ts';
import { fromProblem, Problem } from '../contract/problem.ts';
import type { Watch } from './follower-watch.ts';

export interface RequestOptions {
  method: 'GET' | 'POST';
  path: string;
  /** Sent as JSON. */
  json?: unknown;
  /** Sent as it is, as fast as the follower takes it. */
  source?: Readable;
  /** Of `source`. */
  encoding?: string | undefined;
  /** Until the answer's headers, and again until its body; with `source` only from its end. */
  timeoutMs: number;
  signal?: AbortSignal;
}

export interface Requester {
  /** The parsed body of a 2xx answer. */
  json<S extends z.ZodType>(schema: S, options: RequestOptions): Promise<z.infer<S>>;
  /** For answers whose body says nothing. */
  done(options: RequestOptions): Promise<void>;
  /** The stream of a 2xx answer, its headers read. The caller ends it. */
  stream(options: RequestOptions): Promise<http2.ClientHttp2Stream>;
  /** Asks for an answer of this type, and gives its stream; undefined when the peer answered something else, which is dropped. */
  streamOf(type: string, options: RequestOptions): Promise<http2.ClientHttp2Stream | undefined>;
  /**
   * What it means that a stream broke: noise on the wire is the follower's fault (AW_PROTOCOL_GARBAGE), anything else may be
   * mended by another connection (AW_HOST_UNREACHABLE, with the connection's own reason where it had one).
   */
  broken(reason: string, cause?: unknown): AwError;
  /** Cuts off what it has under way and lets nothing more begin. What others have on the session goes on. */
  close(): void;
}

/** `headers` go with every request. One session may have many requesters; its `watch` knows why it broke. */
export function createRequester(
  session: http2.ClientHttp2Session,
  watch: Pick<Watch, 'fault'>,
  headers: Record<string, string>,
): Requester {
  const open = new Set<http2.ClientHttp2Stream>();
  let isClosed = false;

  const broken = (reason: string, cause?: unknown): AwError => {
    const { fault } = watch;
    const noise = [fault, cause].find(error => (error as NodeJS.ErrnoException)?.code === 'ERR_HTTP2_ERROR');
    if (noise !== undefined) return garbage((noise as Error).message, noise);
    const why = cause instanceof Error ? `${reason}: ${cause.message}` : reason;
    return new AwError('AW_HOST_UNREACHABLE', { reason: fault?.message ?? why }, { cause: cause ?? fault });
  };

  const begin = (options: RequestOptions, accept?: string): http2.ClientHttp2Stream => {
    if (isClosed) throw broken('the connection is closed');
    const { method, path, json, source, encoding } = options;
    const hasBody = json !== undefined || source !== undefined;
    const type = json === undefined ? 'application/octet-stream' : 'application/json';
    try {
      const stream = session.request(
        {
          ...headers,
          ':method': method,
          ':path': path,
          ...(hasBody ? { 'content-type': type } : {}),
          ...(encoding === undefined ? {} : { 'content-encoding': encoding }),
          ...(accept === undefined ? {} : { accept }),
        },
        { endStream: !hasBody },
      );
      // A failure shows in `response`, the body, or `close`; this keeps a late one from ending the process.
      stream.on('error', () => {});
      open.add(stream);
      stream.once('close', () => open.delete(stream));
      if (json !== undefined) stream.end(JSON.stringify(json));
      return stream;
    } catch (error) {
      throw broken('the connection is closed', error);
    }
  };

  /** Resolves with the headers, however long `source` takes. */
  const response = (
    stream: http2.ClientHttp2Stream,
    options: RequestOptions,
  ): Promise<http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader> =>
    new Promise((fulfil, reject) => {
      const { method, path, timeoutMs, signal, source } = options;
      let timer: NodeJS.Timeout | undefined;
      const settle = (act: () => void) => {
        clearTimeout(timer);
        stream.off('close', onClose);
        signal?.removeEventListener('abort', onAbort);
        act();
      };
      const fail = (error: AwError) =>
        settle(() => {
          stream.close(http2.constants.NGHTTP2_CANCEL);
          reject(error);
        });
      const onAbort = () => fail(broken('given up', signal?.reason));
      const onClose = () => fail(broken(`the connection ended before ${method} ${path} was answered`));
      const limit = () => {
        timer = setTimeout(
          () => fail(broken(`no answer to ${method} ${path} within ${timeoutMs} ms`)),
          timeoutMs,
        );
      };
      stream.once('response', head => settle(() => fulfil(head)));
      stream.once('close', onClose);
      signal?.addEventListener('abort', onAbort, { once: true });
      if (signal?.aborted === true) onAbort();
      else if (source === undefined) limit();
      else pipeline(source, stream).then(limit, () => {});
    });

  const body = async (stream: http2.ClientHttp2Stream, options: RequestOptions): Promise<string> => {
    const timer = setTimeout(() => stream.close(http2.constants.NGHTTP2_CANCEL), options.timeoutMs);
    const chunks: Buffer[] = [];
    let size = 0;
    try {
      for await (const chunk of chunksOf(stream)) {
        size += chunk.length;
        if (size > MAX_LINE) throw garbage(`its answer to ${options.path} is larger than ${MAX_LINE} bytes`);
        chunks.push(chunk);
      }
    } catch (error) {
      throw error instanceof AwError ? error : broken(`the answer to ${options.path} was cut off`, error);
    } finally {
      clearTimeout(timer);
      stream.destroy();
    }
    return Buffer.concat(chunks).toString();
  };

  const accepted = async (options: RequestOptions, accept?: string) => {
    const stream = begin(options, accept);
    const head = await response(stream, options);
    const status = head[':status'] ?? 0;
    if (status >= 200 && status < 300) return { stream, type: head['content-type'] };
    const problem = parseJson(await body(stream, options));
    if (!Problem.safeParse(problem).success) throw garbage(`status ${status} without a problem document`);
    throw fromProblem(problem, status);
  };

  return {
    stream: async options => (await accepted(options)).stream,
    async streamOf(wanted, options) {
      const { stream, type } = await accepted(options, wanted);
      if (type === wanted) return stream;
      await body(stream, options);
      return undefined;
    },
    broken,
    close() {
      isClosed = true;
      for (const stream of open) {
        stream.close(http2.constants.NGHTTP2_CANCEL);
        stream.destroy();
      }
    },
    async done(options) {
      const { stream } = await accepted(options);
      await body(stream, options);
    },
    async json(schema, options) {
      const { stream } = await accepted(options);
      const text = await body(stream, options);
      const parsed = schema.safeParse(parseJson(text));
      if (!parsed.success) {
        const [issue] = parsed.error.issues;
        const where = issue?.path.map(String).join('.') ?? '';
        throw garbage(`its answer to ${options.path} is not valid at "${where}": ${issue?.message}`);
      }
      return parsed.data;
    },
  };
}

/**
 * What a stream brings, to its end. Node's own iterator takes an answer that had arrived as a whole before it was asked
 * for, and is therefore closed, for one that was cut off.
 * @throws when it ends without an end.
 */
export async function* chunksOf(stream: http2.ClientHttp2Stream): AsyncGenerator<Buffer> {
  let wake = () => {};
  const look = () => wake();
  const events = ['readable', 'end', 'close'];
  for (const event of events) stream.on(event, look);
  try {
    for (;;) {
      const chunk: Buffer | null = stream.read();
      if (chunk !== null) yield chunk;
      else if (stream.readableEnded) return;
      else if (stream.destroyed) throw stream.errored ?? new Error('the stream ended early');
      else {
        await new Promise<void>(fulfil => {
          wake = fulfil;
        });
      }
    }
  } finally {
    for (const event of events) stream.off(event, look);
  }
}

export function garbage(reason: string, cause?: unknown): AwError<'AW_PROTOCOL_GARBAGE'> {
  return new AwError('AW_PROTOCOL_GARBAGE', { reason }, { cause });
}

/** Undefined for what is not JSON: no schema accepts that. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
