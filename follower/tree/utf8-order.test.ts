import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareUtf8 } from './utf8-order.ts';

test('orders as the bytes of UTF-8 do', () => {
  const text = fc.string({ unit: 'grapheme' });
  fc.assert(
    fc.property(text, text, (one, other) => {
      const bytes = Buffer.compare(Buffer.from(one), Buffer.from(other));
      expect(Math.sign(compareUtf8(one, other))).toBe(bytes);
    }),
  );
  expect(compareUtf8('\u{10000}', '\uffff')).toBeGreaterThan(0);
});
