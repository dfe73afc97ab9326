/** Follower paths in a stream of output bytes become leader paths. */
import type { OutputRule } from '../../contract/follower-api.ts';
import type { Os } from '../../contract/names.ts';
import { byteSet, LOOKBACK } from './path-boundary.ts';
import { compileRule, type PathPattern, type PathToken } from './path-pattern.ts';
import { readSeparator } from './separators.ts';

export interface Rewriter {
  /** The next bytes of the output; the answer is what can be said of all bytes so far and was not said before. */
  push(chunk: Uint8Array): Uint8Array;
  /** The output is over; the answer is what was held back. */
  end(): Uint8Array;
}

const BACKSLASH = 0x5c;
const SLASH = Buffer.from('/');
/** Bytes that end an unquoted path: not possible in a Windows name, or what lists and messages put between paths. */
const PATH_END = byteSet(`${String.fromCharCode(...Array(0x21).keys())}"<>|*?:;,\`\x7f`);
const SPACE = 0x20;
const NONE = Buffer.alloc(0);

/**
 * A rewriter for one output stream. Works on bytes: what is not UTF-8 passes through, and without a match the output is the
 * input. How the bytes are cut into chunks makes no difference.
 *
 * A prefix is replaced where a path can begin and its last name can end. For Windows followers `\`, `/` and escaped
 * backslashes are separators, ASCII letters match in either case, and the separators in the rest of the path become `/`.
 * A longer prefix wins over a shorter one. Only the start of a possible match is held back: less than four times the
 * longest prefix and 16 bytes.
 *
 * @throws AW_INVALID_REQUEST when a rule's `from` is not an absolute path of the OS.
 */
export function createRewriter(rules: readonly OutputRule[], os: Os): Rewriter {
  const patterns = [...rules]
    .sort((a, b) => b.from.length - a.from.length)
    .flatMap(rule => compileRule(rule, os));
  const anchors = distinct(patterns.flatMap(pattern => pattern.anchors));
  /** Up to LOOKBACK bytes that are done with, then what is held back. */
  let carry: Buffer = NONE;
  let done = 0;
  let token: PathToken | undefined;

  function advance(data: Buffer, final: boolean): Uint8Array {
    const pieces: Uint8Array[] = [];
    const next = candidates(data, anchors);
    let at = done;
    let said = done;
    while (at < data.length) {
      if (token !== undefined) {
        const rest = turnSeparators(data, at, token, final);
        pieces.push(data.subarray(said, at), rest.text);
        at = said = rest.end;
        token = rest.token;
        if (token !== undefined) break;
        continue;
      }
      at = next(at);
      if (at === data.length) break;
      const match = firstMatch(patterns, data, at, final);
      if (match === 'more') break;
      if (match === undefined) {
        at++;
        continue;
      }
      pieces.push(data.subarray(said, at), match.text);
      at = said = match.end;
      token = match.token;
      // The root of the leader's filesystem has no text of its own before a separator.
      if (match.text.length === 0 && !startsWithSeparator(data, at)) pieces.push(SLASH);
    }
    if (said < at) pieces.push(data.subarray(said, at));
    const kept = Math.max(0, at - LOOKBACK);
    carry = Buffer.from(data.subarray(kept));
    done = at - kept;
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  }

  if (patterns.length === 0) return { push: chunk => chunk, end: () => NONE };
  return {
    push: chunk => advance(Buffer.concat([carry, chunk]), false),
    end: () => advance(carry, true),
  };
}

function firstMatch(patterns: readonly PathPattern[], data: Buffer, at: number, final: boolean) {
  for (const pattern of patterns) {
    const match = pattern.match(data, at, final);
    if (match !== undefined) return match;
  }
  return undefined;
}

function startsWithSeparator(data: Buffer, at: number): boolean {
  return data[at] === 0x2f || data[at] === BACKSLASH;
}

/**
 * A function that finds the next place, from a position that only grows, where an anchor stands or begins at the end of
 * the data; `data.length` when there is none.
 */
function candidates(data: Buffer, anchors: readonly Buffer[]): (from: number) => number {
  const found = new Float64Array(anchors.length).fill(-1);
  return from => {
    let first = data.length;
    for (let index = 0; index < anchors.length; index++) {
      if (found[index]! < from) found[index] = findOrBegin(data, anchors[index]!, from);
      if (found[index]! < first) first = found[index]!;
    }
    return first;
  };
}

function findOrBegin(data: Buffer, anchor: Buffer, from: number): number {
  const whole = data.indexOf(anchor, from);
  if (whole !== -1) return whole;
  const start = anchor[0]!;
  let at = data.indexOf(start, Math.max(from, data.length - anchor.length + 1));
  while (at !== -1) {
    if (anchor.compare(data, at, data.length, 0, data.length - at) === 0) return at;
    at = data.indexOf(start, at + 1);
  }
  return data.length;
}

/** The rest of a path from `start` with its separators as `/`, up to its end or to what bytes still to come decide. */
function turnSeparators(
  data: Buffer,
  start: number,
  { escaping, quote }: PathToken,
  final: boolean,
): { text: Buffer; end: number; token: PathToken | undefined } {
  const text = Buffer.allocUnsafe(data.length - start);
  let length = 0;
  let at = start;
  let ended = false;
  while (at < data.length && !ended) {
    const byte = data[at]!;
    if (byte === BACKSLASH) {
      const separator = readSeparator(data, at, escaping, final);
      if (separator === 'more') break;
      ended = separator === undefined;
      if (separator === undefined) break;
      escaping = separator.escaping;
      at += separator.length;
      text[length++] = 0x2f;
    } else {
      ended = byte === quote || (PATH_END[byte] === 1 && !(quote !== undefined && byte === SPACE));
      if (ended) break;
      text[length++] = byte;
      at++;
    }
  }
  return { text: text.subarray(0, length), end: at, token: ended ? undefined : { escaping, quote } };
}

function distinct(anchors: readonly Buffer[]): Buffer[] {
  return [...new Map(anchors.map(anchor => [anchor.toString('latin1'), anchor])).values()];
}
