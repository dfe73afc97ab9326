import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createFrameReader, type Piece } from './frames.ts';

const FRAME = 'aw-abab';

/** Neighbouring bytes as one piece. */
function joined(pieces: readonly Piece[]): (string | { words: string })[] {
  const found: (string | { words: string })[] = [];
  for (const { bytes, words } of pieces) {
    const last = found.at(-1);
    if (words !== undefined) found.push({ words });
    else if (typeof last === 'string') found[found.length - 1] = last + bytes.toString('latin1');
    else found.push(bytes.toString('latin1'));
  }
  return found;
}

test('however the bytes are cut, the frames are found and nothing else is changed', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'w', '-', 'b', '\n', ' ', '\xff'), maxLength: 20 });
  const noFrame = text.filter(value => !value.includes(FRAME));
  const cuts = fc.array(fc.nat(200), { maxLength: 12 });
  fc.assert(
    fc.property(noFrame, noFrame, cuts, (before, after, at) => {
      // The frame is the first that the whole has.
      fc.pre(!`${before}${FRAME.slice(0, -1)}`.includes(FRAME) && !after.includes(FRAME));
      const whole = Buffer.from(`${before}${FRAME} ended 3\n${after}`, 'latin1');
      const reader = createFrameReader(FRAME);
      const pieces: Piece[] = [];
      let last = 0;
      for (const cut of [...at.filter(each => each < whole.length).sort((a, b) => a - b), whole.length]) {
        pieces.push(...reader.push(whole.subarray(last, cut)));
        last = cut;
      }
      pieces.push(...reader.end());
      const expected = [before, { words: 'ended 3' }, after].filter(each => each !== '');
      expect(joined(pieces)).toEqual(expected);
    }),
    { numRuns: 300 },
  );
});

test('only what may begin a frame is held back', () => {
  const reader = createFrameReader(FRAME);
  expect(joined(reader.push(Buffer.from('prompt> aw-')))).toEqual(['prompt> ']);
  expect(joined(reader.push(Buffer.from('x')))).toEqual(['aw-x']);
  expect(joined(reader.push(Buffer.from('aw-ab')))).toEqual([]);
  expect(joined(reader.end())).toEqual(['aw-ab']);
});

test('a frame without an end is no frame for ever', () => {
  const reader = createFrameReader(FRAME);
  const endless = Buffer.alloc(300 * 1024, 'x');
  reader.push(Buffer.from(FRAME));
  expect(joined(reader.push(endless))[0]).toHaveLength(FRAME.length + endless.length);
});
