import { expect, test } from 'vitest';
import { createOutputs } from './outputs.ts';
import { printed } from './recorded-events.ts';

test('what is kept of all hosts is bounded, however many they are', () => {
  const names = Array.from({ length: 50 }, (_, index) => `h${index}`);
  const outputs = createOutputs(names.map(name => ({ name })));
  const megabyte = 'x'.repeat(1024 * 1024);
  for (const name of names) outputs.apply(printed(name, megabyte));
  let kept = 0;
  for (const output of outputs.byHost.values()) {
    const { head, omitted, tail } = output.pieces();
    const size = [...head, ...tail].reduce((sum, piece) => sum + piece.text.length, 0);
    expect(size + omitted).toBe(megabyte.length);
    kept += size;
  }
  expect(kept).toBeLessThanOrEqual(16 * 1024 * 1024);
  expect(kept).toBeGreaterThan(15 * 1024 * 1024);
});
