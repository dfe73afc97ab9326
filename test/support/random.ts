/** Numbers that look like chance and are the same for the same seed (mulberry32): whole ones below 2 ** 32. */
export function seededNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

/** From 0 to 1, without 1. */
export function seededFractions(seed: number): () => number {
  const next = seededNumbers(seed);
  return () => next() / 2 ** 32;
}
