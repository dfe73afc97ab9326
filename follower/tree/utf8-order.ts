/** The order of names that is the same on every machine: that of their bytes in UTF-8, which is that of their code points. */

/** As `Buffer.compare` of both in UTF-8, without making them. */
export function compareUtf8(one: string, other: string): number {
  if (one === other) return 0;
  const length = Math.min(one.length, other.length);
  for (let index = 0; index < length; index++) {
    const a = one.charCodeAt(index);
    const b = other.charCodeAt(index);
    if (a !== b) return rank(a) - rank(b);
  }
  return one.length - other.length;
}

/** UTF-16 has the halves of characters above U+FFFF before U+E000; UTF-8 has them last. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000;
}
