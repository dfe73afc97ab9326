/** The calls of a fence. What can be long is NDJSON, a line for each part. */
import type { ServerHttp2Stream } from 'node:http2';
import type { z } from 'zod';
import {
  Change,
  DirectoryDigest,
  DirectoryName,
  FenceHold,
  FenceScan,
  NameQuestion,
} from '../../contract/trees.ts';
import { decodeLines } from '../../tunnel/ndjson.ts';
import type { Fences } from '../tree/fences.ts';
import { InvalidRequest, readJson, sendEmpty, sendJson } from './http.ts';

const BODY = 16 * 1024 * 1024;
/** Lines of one request, and their characters: more than any tree has, and what a follower can hold. */
const LINES = { count: 2_000_000, characters: 256 * 1024 * 1024 };

/** Bytes. So much content at a time can be hundreds of files; in between, runs and other leaders have their turn. */
const PORTION = 16 * 1024;

/** @throws AW_FENCE_NOT_FOUND, AW_TREE_*, InvalidRequest */
export async function answerFence(
  fences: Fences,
  stream: ServerHttp2Stream,
  fenceId: string,
  call: string,
): Promise<void> {
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
      return sendLines(stream, await fences.differing(fenceId, await readLines(stream, DirectoryDigest)));
    case 'list':
      return sendLines(stream, await fences.list(fenceId, await readLines(stream, DirectoryName)));
    case 'claim':
      await fences.claim(fenceId);
      return sendEmpty(stream, 204);
    case 'plan':
      return sendLines(stream, await fences.plan(fenceId, await readLines(stream, Change)));
    case 'content':
      return takeContent(stream, fences.content(fenceId));
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

async function takeContent(stream: ServerHttp2Stream, reader: ReturnType<Fences['content']>): Promise<void> {
  try {
    for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      for (let at = 0; at < chunk.length; at += PORTION) {
        reader.write(chunk.subarray(at, at + PORTION));
        await new Promise(setImmediate);
      }
    }
    if (!reader.isWhole()) throw new InvalidRequest({ '(body)': 'the content ends within a file' });
    sendEmpty(stream, 204);
  } finally {
    reader.close();
  }
}

async function readLines<T extends z.ZodType>(stream: ServerHttp2Stream, schema: T): Promise<z.output<T>[]> {
  const lines: z.output<T>[] = [];
  let characters = 0;
  for await (const line of decodeLines(stream.iterator({ destroyOnReturn: false }))) {
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

function sendLines(stream: ServerHttp2Stream, values: readonly unknown[]): Promise<void> {
  stream.respond({ ':status': 200, 'content-type': 'application/x-ndjson' });
  return new Promise(fulfil => {
    let next = 0;
    const more = () => {
      while (next < values.length) {
        if (!stream.write(`${JSON.stringify(values[next++])}\n`)) return void stream.once('drain', more);
      }
      stream.end();
      fulfil();
    };
    stream.once('close', fulfil);
    more();
  });
}
