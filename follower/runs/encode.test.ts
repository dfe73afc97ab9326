import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { logBytes } from '../../contract/events.ts';
import { LOG_CHUNK } from '../../contract/limits.ts';
import { createLogEncoder, type EncodedLog } from './encode.ts';

function encodeAll(chunks: readonly Uint8Array[]): EncodedLog[] {
  const encoder = createLogEncoder();
  const events = chunks.flatMap(chunk => encoder.push(Buffer.from(chunk)));
  return [...events, ...encoder.end()];
}

const text = fc.string({ unit: 'grapheme' }).map(value => Buffer.from(value));
const bytes = fc.uint8Array({ maxLength: 40 });

test('any bytes in any chunks come back, at the offsets said', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(text, bytes)), chunks => {
      let offset = 0;
      const pieces: Buffer[] = [];
      for (const event of encodeAll(chunks)) {
        expect(event.offset).toBe(offset);
        const piece = logBytes(event);
        // Base64 only for what is no text, text only for what is.
        expect(event.encoding === 'base64').toBe(!isUtf8(piece));
        expect(piece.length).toBeGreaterThan(0);
        pieces.push(piece);
        offset += piece.length;
      }
      expect(Buffer.concat(pieces).equals(Buffer.concat(chunks))).toBe(true);
    }),
  );
});

test('text is text however it is cut', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', maxLength: 30 }),
      fc.integer({ min: 1, max: 5 }),
      (value, size) => {
        const whole = Buffer.from(value);
        const chunks = Array.from({ length: Math.ceil(whole.length / size) }, (_, index) =>
          whole.subarray(index * size, (index + 1) * size),
        );
        const events = encodeAll(chunks);
        expect(events.every(event => event.encoding === undefined)).toBe(true);
        expect(events.map(event => event.message).join('')).toBe(value.toWellFormed());
      },
    ),
  );
});

test('a code point cut off at the end of the stream is bytes', () => {
  const events = encodeAll([Buffer.from('ok\xe2\x82', 'latin1')]);
  expect(events).toEqual([
    { message: 'ok', offset: 0 },
    { message: Buffer.from([0xe2, 0x82]).toString('base64'), encoding: 'base64', offset: 2 },
  ]);
});

test('no event carries more than LOG_CHUNK bytes', () => {
  const euros = Buffer.from('€'.repeat(LOG_CHUNK));
  const events = encodeAll([euros, Buffer.alloc(3 * LOG_CHUNK, 0xff)]);
  expect(Math.max(...events.map(event => logBytes(event).length))).toBeLessThanOrEqual(LOG_CHUNK);
  expect(
    events
      .filter(event => event.encoding === undefined)
      .map(event => event.message)
      .join(''),
  ).toBe(euros.toString());
});
