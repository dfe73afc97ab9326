import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createPieceRing, type StreamName } from './piece-ring.ts';

const chunks = fc.array(
  fc.tuple(
    fc.constantFrom<StreamName>('stdout', 'stderr'),
    fc.string({ unit: 'binary-ascii', maxLength: 300 }),
  ),
  { maxLength: 60 },
);

test('what is there is the end of what came, stream by stream, and what is not is counted', () => {
  fc.assert(
    fc.property(chunks, fc.integer({ min: 200, max: 9000 }), (all, limit) => {
      const ring = createPieceRing(limit);
      let dropped = 0;
      for (const [stream, text] of all) {
        if (text !== '') dropped += ring.append(stream, Buffer.from(text, 'latin1'));
      }
      const letters = (list: readonly (readonly [StreamName, string])[]) =>
        list.flatMap(([stream, text]) => [...text].map(letter => `${stream} ${letter}`));
      const kept = letters(ring.pieces().map(({ stream, text }) => [stream, text] as const));
      expect(kept).toEqual(letters(all).slice(dropped));
      expect(kept.length).toBeLessThanOrEqual(limit);
      const costs = all.reduce((sum, [, text]) => sum + text.length + 64, 0);
      if (costs <= limit) expect(dropped).toBe(0);
    }),
    { numRuns: 500 },
  );
});

test('what there is room for drops nothing', () => {
  fc.assert(
    fc.property(chunks, all => {
      const ring = createPieceRing(2000);
      for (const [stream, text] of all) {
        const fitting = text.slice(0, Math.max(0, ring.room(stream)));
        if (fitting !== '') expect(ring.append(stream, Buffer.from(fitting, 'latin1'))).toBe(0);
      }
    }),
  );
});
