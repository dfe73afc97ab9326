/** Where a path can begin and end in a program's output. */

/** How far back the start of a path is judged by. */
export const LOOKBACK = 32;

/**
 * The text before a path, as Latin-1. A path begins at the start of the output; after space, a control character, an opening or
 * separating mark; after a whole terminal sequence (colours, links); after an escaped control character as in JSON; after
 * `file://`; after a one-letter option (`-I/x`) or the mark of a diff line; after Unicode punctuation, arrows,
 * box drawing and emoji in UTF-8 (GCC quotes with U+2018). Not after a letter, digit or `/`: that is the middle of another path.
 */
const BEFORE =
  /(?:^|[\x00-\x20"'`=:,;([{<>|&!?\]@\x7f]|:\/\/|(?:\x1b|\\u001b|\\x1b)\[[\d;:]*[A-Za-z]|\x1b\\|\\[nrt]|[\s"'=]-[A-Za-z]|^-[A-Za-z]|(?:^|\n)[-+]|\xe2[\x80-\xaf][\x80-\xbf]|\xe3\x80[\x80-\xbf]|\xc2[\xa0\xab\xbb]|\xf0\x9f[\x80-\xbf]{2})$/;

/** The Latin-1 text that a path at `at` is judged by. `data` must hold `LOOKBACK` bytes before it, or the start of the output. */
export function textBefore(data: Buffer, at: number): string {
  return data.toString('latin1', Math.max(0, at - LOOKBACK), at);
}

export function canBeginPath(before: string): boolean {
  return BEFORE.test(before);
}

const DOT = 0x2e;
/** A sentence or an ellipsis may end in this many dots. */
const DOTS = 3;
/** Bytes that go on with a file's name: `/srv/ws-old` is not below `/srv/ws`. */
const NAME = byteSet('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.+~@#%$^');

/**
 * Whether a path's name can end before `at`. Undefined: that depends on bytes still to come (at most 5).
 * @param final no more bytes will come.
 */
export function canEndName(data: Buffer, at: number, final: boolean): boolean | undefined {
  let next = at;
  while (next < at + DOTS && data[next] === DOT) next++;
  const byte = data[next];
  if (byte === undefined) return final ? true : undefined;
  if (byte < 0x80) return NAME[byte] === 0;
  if (byte !== 0xe2 && byte !== 0xe3 && byte !== 0xc2 && byte !== 0xf0) return false;
  const second = data[next + 1];
  if (second === undefined) return final ? false : undefined;
  if (byte === 0xe2) return second >= 0x80 && second <= 0xaf;
  if (byte === 0xe3) return second === 0x80;
  if (byte === 0xf0) return second === 0x9f;
  return second === 0xa0 || second === 0xab || second === 0xbb;
}

/** A table of the bytes of `text`, for tests per byte. */
export function byteSet(text: string): Uint8Array {
  const set = new Uint8Array(256);
  for (const byte of Buffer.from(text, 'latin1')) set[byte] = 1;
  return set;
}
