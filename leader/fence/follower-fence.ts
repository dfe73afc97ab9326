/** The calls of one fence on one follower, typed. */
import type { ClientHttp2Stream } from 'node:http2';
import { Readable } from 'node:stream';
import type { z } from 'zod';
import { AwError } from '../../contract/errors.ts';
import {
  type Change,
  Content,
  type DirectoryDigest,
  DirectoryName,
  FenceApplied,
  FenceHeld,
  type FenceHold,
  FenceScanned,
  type LinesDigest,
  Listing,
  Missing,
  NameAnswer,
  type Recipe,
} from '../../contract/trees.ts';
import { blame } from '../../tunnel/blame.ts';
import { compressed, ZSTD } from '../../tunnel/compression.ts';
import { decodeLines, encodeLines } from '../../tunnel/ndjson.ts';
import { chunksOf, garbage, type Requester } from '../follower-http.ts';

/** Characters of one answer: more than any tree has, and what a leader can hold of each follower. */
const LONGEST = 256 * 1024 * 1024;

type Source = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** Milliseconds to an answer. Trees are large and disks are slow: the fence has a deadline of its own. */
const ANSWER = 24 * 3_600_000;

export interface FollowerFence {
  /** @throws AW_TREE_LOCKED, AW_TREE_ROOT */
  hold(request: FenceHold): Promise<FenceHeld>;
  scan(request: { patterns: readonly string[]; rehash: boolean }): Promise<FenceScanned>;
  sameNames(groups: string[][]): Promise<[string, string][]>;
  differing(directories: readonly DirectoryDigest[]): Promise<Listing[]>;
  list(paths: readonly string[]): Promise<Listing[]>;
  /** Those of the files that have these lines, whatever ends each; none where that is not known. */
  sameLines(texts: readonly LinesDigest[]): Promise<string[]>;
  /** Another program is about to write there for this fence. @throws AW_TREE_BUSY */
  claim(): Promise<void>;
  /** What of the changes' content is missing there. @throws AW_TREE_PATH, AW_TREE_BUSY */
  plan(changes: readonly Change[]): Promise<Content[]>;
  /** @throws what `frames` throws, rather than what that does to the request */
  send(frames: AsyncIterable<Buffer>): Promise<void>;
  /** What is to be sent of contents that it has a basis for. */
  recipes(recipes: readonly Recipe[]): Promise<Missing[]>;
  /** @returns what has not become what it is to be. @throws as `send` */
  chunks(chunks: AsyncIterable<Buffer>): Promise<Content[]>;
  /** From now on, what can be long. */
  compress(): void;
  /** Bytes of contents, and of what was said about their chunks, as they left. */
  sentBytes(): number;
  apply(): Promise<FenceApplied>;
  /** Lets go of the root. */
  release(): void;
}

/** @param signal gives up whatever is under way */
export function followerFence(requester: Requester, fenceId: string, signal: AbortSignal): FollowerFence {
  let release = () => {};
  let encoding: string | undefined;
  let sent = 0;
  const to = (call: string) =>
    ({ method: 'POST', path: `/v1/fences/${fenceId}/${call}`, timeoutMs: ANSWER, signal }) as const;
  const linesOf = async function* (stream: ClientHttp2Stream, call: string) {
    try {
      yield* decodeLines(chunksOf(stream));
    } catch (error) {
      if (error instanceof AwError) throw garbage(error.message, error);
      throw requester.broken(`the answer to fence ${call} was cut off`, error);
    }
  };
  /** A body as it travels. */
  const body = (source: Source, onSent: (bytes: number) => void = () => {}) => {
    const counted = async function* () {
      for await (const chunk of encoding === undefined ? source : compressed(source)) {
        onSent(chunk.length);
        yield chunk;
      }
    };
    return { source: Readable.from(counted(), { objectMode: false }), encoding };
  };
  const count = (bytes: number) => {
    sent += bytes;
  };
  const lines = async <S extends z.ZodType>(
    call: string,
    schema: S,
    source: Source,
    onSent?: (bytes: number) => void,
  ) => {
    const stream = await requester.stream({ ...to(call), ...body(source, onSent) });
    const answers: z.output<S>[] = [];
    let length = 0;
    for await (const line of linesOf(stream, call)) {
      length += line.length;
      if (length > LONGEST) throw garbage(`its answer to fence ${call} has no end`);
      answers.push(parse(schema, line, call));
    }
    return answers;
  };

  return {
    async hold(request) {
      const stream = await requester.stream({ ...to('hold'), json: request });
      release = () => stream.destroy();
      for await (const line of linesOf(stream, 'hold')) return parse(FenceHeld, line, 'hold');
      throw requester.broken('the fence ended before it began');
    },
    scan: json => requester.json(FenceScanned, { ...to('scan'), json }),
    sameNames: async groups => (await requester.json(NameAnswer, { ...to('names'), json: { groups } })).same,
    differing: directories => lines('differing', Listing, encodeLines(directories)),
    list: paths => lines('list', Listing, encodeLines(paths)),
    sameLines: async texts => {
      const asked = new Set(texts.map(([path]) => path));
      // It is only for a person to know: a connection that has broken shows in what comes next.
      const paths = await lines('same-lines', DirectoryName, encodeLines(texts)).catch(() => []);
      return paths.filter(path => asked.has(path));
    },
    claim: async () => {
      await requester.done(to('claim'));
    },
    plan: changes => lines('plan', Content, encodeLines(changes)),
    send: frames => blamed(frames, source => requester.done({ ...to('content'), ...body(source, count) })),
    recipes: recipes => lines('recipes', Missing, encodeLines(recipes), count),
    chunks: chunks => blamed(chunks, source => lines('chunks', Content, source, count)),
    compress: () => {
      encoding = ZSTD;
    },
    sentBytes: () => sent,
    apply: () => requester.json(FenceApplied, to('apply')),
    release: () => release(),
  };
}

/** Does it with a source, and throws what that itself throws rather than what comes of it. */
async function blamed<T>(
  chunks: AsyncIterable<Buffer>,
  act: (source: AsyncIterable<Buffer>) => Promise<T>,
): Promise<T> {
  const { source, failure } = blame(chunks);
  try {
    return await act(source);
  } catch (error) {
    throw failure() ?? error;
  }
}

function parse<S extends z.ZodType>(schema: S, line: string, call: string): z.output<S> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    // No schema accepts undefined.
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success)
    throw garbage(`its answer to fence ${call} is not valid: ${parsed.error.issues[0]?.message}`);
  return parsed.data;
}
