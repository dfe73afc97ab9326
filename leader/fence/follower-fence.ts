/** The calls of one fence on one follower, typed. */
import type { ClientHttp2Stream } from 'node:http2';
import { Readable } from 'node:stream';
import type { z } from 'zod';
import { AwError } from '../../contract/errors.ts';
import {
  type Change,
  Content,
  type DirectoryDigest,
  FenceApplied,
  FenceHeld,
  type FenceHold,
  FenceScanned,
  Listing,
  NameAnswer,
} from '../../contract/trees.ts';
import { decodeLines, encodeLine } from '../../tunnel/ndjson.ts';
import { chunksOf, garbage, type Requester } from '../follower-http.ts';

/** Characters of one answer: more than any tree has, and what a leader can hold of each follower. */
const LONGEST = 256 * 1024 * 1024;

/** Milliseconds to an answer. Trees are large and disks are slow: the fence has a deadline of its own. */
const ANSWER = 24 * 3_600_000;

export interface FollowerFence {
  /** @throws AW_TREE_LOCKED, AW_TREE_ROOT */
  hold(request: FenceHold): Promise<FenceHeld>;
  scan(request: { patterns: readonly string[]; rehash: boolean }): Promise<FenceScanned>;
  sameNames(groups: string[][]): Promise<[string, string][]>;
  differing(directories: readonly DirectoryDigest[]): Promise<Listing[]>;
  list(paths: readonly string[]): Promise<Listing[]>;
  /** Another program is about to write there for this fence. @throws AW_TREE_BUSY */
  claim(): Promise<void>;
  /** What of the changes' content is missing there. @throws AW_TREE_PATH, AW_TREE_BUSY */
  plan(changes: readonly Change[]): Promise<Content[]>;
  /** @throws what `frames` throws, rather than what that does to the request */
  send(frames: AsyncIterable<Buffer>): Promise<void>;
  apply(): Promise<FenceApplied>;
  /** Lets go of the root. */
  release(): void;
}

/** @param signal gives up whatever is under way */
export function followerFence(requester: Requester, fenceId: string, signal: AbortSignal): FollowerFence {
  let release = () => {};
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
  const lines = async <S extends z.ZodType>(call: string, schema: S, values: Iterable<unknown>) => {
    const source = Readable.from(encoded(values), { objectMode: false });
    const stream = await requester.stream({ ...to(call), source });
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
    differing: directories => lines('differing', Listing, directories),
    list: paths => lines('list', Listing, paths),
    claim: async () => {
      await requester.done(to('claim'));
    },
    plan: changes => lines('plan', Content, changes),
    send: async frames => {
      let failure: unknown;
      // Only what the source itself throws: that the request has ended is thrown into it, and the request says why.
      const watched = async function* () {
        const source = frames[Symbol.asyncIterator]();
        const next = () =>
          source.next().catch(error => {
            failure = error;
            throw error;
          });
        try {
          for (let taken = await next(); taken.done !== true; taken = await next()) yield taken.value;
        } finally {
          await source.return?.();
        }
      };
      try {
        const source = Readable.from(watched(), { objectMode: false });
        await requester.done({ ...to('content'), source });
      } catch (error) {
        throw failure ?? error;
      }
    },
    apply: () => requester.json(FenceApplied, to('apply')),
    release: () => release(),
  };
}

/** Many lines to a chunk. */
function* encoded(values: Iterable<unknown>): Generator<Buffer> {
  let text = '';
  for (const value of values) {
    text += encodeLine(value);
    if (text.length < 64 * 1024) continue;
    yield Buffer.from(text);
    text = '';
  }
  if (text !== '') yield Buffer.from(text);
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
