/** The calls of a fence. What can be long is NDJSON, a line for each part. */
import type { ServerHttp2Stream } from 'node:http2';
import { pipeline } from 'node:stream/promises';
import type { z } from 'zod';
import {
  Change,
  DirectoryDigest,
  DirectoryName,
  FenceHold,
  FenceScan,
  LinesDigest,
  NameQuestion,
  Recipe,
} from '../../contract/trees.ts';
import { decompressed, knowsZstd, ZSTD } from '../../tunnel/compression.ts';
import { decodeLines, encodeLines } from '../../tunnel/ndjson.ts';
import type { Fences } from '../tree/fences.ts';
import { InvalidRequest, readJson, sendEmpty, sendJson } from './http.ts';

const BODY = 16 * 1024 * 1024;
/** Lines of one request, and their characters: more than any tree has, and what a follower can hold. */
const LINES = { count: 2_000_000, characters: 256 * 1024 * 1024 };

/** Bytes of content, dozens of files, that are written while the next ones come. */
const PORTION = 256 * 1024;

/** @throws AW_FENCE_NOT_FOUND, AW_TREE_*, InvalidRequest */
export async function answerFence(
  fences: Fences,
  stream: ServerHttp2Stream,
  fenceId: string,
  call: string,
  encoding: string | undefined,
): Promise<void> {
  const body = bodyOf(stream, encoding);
  switch (call) {
    case 'hold':
      return hold(fences, stream, fenceId);
    case 'scan':
      return sendJson(stream, 200, await fences.scan(fenceId, await readJson(stream, FenceScan, BODY)));
    case 'names': {
      const { groups } = await readJson(stream, NameQuestion, BODY);
      return sendJson(stream, 200, { same: await fences.sameNames(fenceId, groups) });
    }
    case 'differing':
      return sendLines(stream, await fences.differing(fenceId, await readLines(body, DirectoryDigest)));
    case 'list':
      return sendLines(stream, await fences.list(fenceId, await readLines(body, DirectoryName)));
    case 'same-lines':
      return sendLines(stream, await fences.sameLines(fenceId, await readLines(body, LinesDigest)));
    case 'claim':
      await fences.claim(fenceId);
      return sendEmpty(stream, 204);
    case 'plan':
      return sendLines(stream, await fences.plan(fenceId, await readLines(body, Change)));
    case 'content':
      await takeContent(fences, body, fenceId);
      return sendEmpty(stream, 204);
    case 'recipes':
      return sendLines(stream, await fences.begin(fenceId, await readLines(body, Recipe)));
    case 'chunks':
      await takeContent(fences, body, fenceId);
      return sendLines(stream, await fences.finish(fenceId));
    case 'apply':
      return sendJson(stream, 200, await fences.apply(fenceId));
  }
}

/** The fence lasts as long as this stream, which ends when its leader lets go of it or is gone. */
async function hold(fences: Fences, stream: ServerHttp2Stream, fenceId: string): Promise<void> {
  const request = await readJson(stream, FenceHold, BODY);
  const gone = new AbortController();
  stream.once('close', () => gone.abort());
  if (stream.destroyed) gone.abort();
  const held = await fences.hold(fenceId, request, gone.signal);
  stream.once('close', () => fences.end(fenceId));
  if (stream.destroyed) return fences.end(fenceId);
  stream.respond({ ':status': 200, 'content-type': 'application/x-ndjson' });
  stream.write(`${JSON.stringify(held)}\n`);
}

interface Body {
  stream: ServerHttp2Stream;
  /** Of a body that is left before its end, the answer can still be given. */
  chunks: AsyncIterable<Buffer>;
}

/** @throws InvalidRequest for an encoding that this agent does not know */
function bodyOf(stream: ServerHttp2Stream, encoding: string | undefined): Body {
  const chunks = stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
  if (encoding === undefined) return { stream, chunks };
  if (encoding === ZSTD && knowsZstd()) return { stream, chunks: decompressed(chunks) };
  throw new InvalidRequest({ 'content-encoding': 'unknown' });
}

async function takeContent(fences: Fences, body: Body, fenceId: string): Promise<void> {
  let writing = Promise.resolve();
  let isWhole = false;
  try {
    for await (const portion of portions(body.chunks)) {
      await writing;
      writing = fences.receive(fenceId, portion);
      writing.catch(() => {});
    }
    await writing;
  } finally {
    isWhole = await fences.received(fenceId);
  }
  if (!isWhole) throw new InvalidRequest({ '(body)': 'the content ends within a file' });
}

/** Each in a buffer of its own; also what had come of a stream that breaks. */
async function* portions(chunks: AsyncIterable<Buffer>): AsyncGenerator<Uint8Array> {
  let portion = Buffer.allocUnsafeSlow(PORTION);
  let length = 0;
  let failure: unknown;
  try {
    for await (const chunk of chunks) {
      for (let at = 0; at < chunk.length; ) {
        const taken = chunk.copy(portion, length, at);
        at += taken;
        length += taken;
        if (length < PORTION) continue;
        yield portion;
        portion = Buffer.allocUnsafeSlow(PORTION);
        length = 0;
      }
    }
  } catch (error) {
    failure = error;
  }
  if (length > 0) yield portion.subarray(0, length);
  if (failure !== undefined) throw failure;
}

async function readLines<T extends z.ZodType>({ stream, chunks }: Body, schema: T): Promise<z.output<T>[]> {
  const lines: z.output<T>[] = [];
  let characters = 0;
  for await (const line of decodeLines(chunks)) {
    const refuse = (problem = '') => new InvalidRequest({ [`line ${lines.length + 1}`]: problem });
    characters += line.length;
    if (lines.length === LINES.count || characters > LINES.characters) throw refuse('too much');
    const parsed = schema.safeParse(parse(line));
    if (!parsed.success) throw refuse(parsed.error.issues[0]?.message);
    lines.push(parsed.data);
  }
  if (stream.aborted) throw new Error('the request was cut off');
  return lines;
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

async function sendLines(stream: ServerHttp2Stream, values: readonly unknown[]): Promise<void> {
  stream.respond({ ':status': 200, 'content-type': 'application/x-ndjson' });
  await pipeline(encodeLines(values), stream).catch(() => {});
}
