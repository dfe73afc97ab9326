import { expect, test } from 'vitest';
import { createOutput, type Written } from './output.ts';

const chunk = (size: number, stream: 'stdout' | 'stderr' = 'stdout'): Written => ({
  stream,
  bytes: Buffer.alloc(size),
});

test('the streams are stopped while too much waits, and go on when there is room', async () => {
  const calls: boolean[] = [];
  const output = createOutput(isFull => calls.push(isFull));
  output.push(chunk(200 * 1024));
  expect(calls).toEqual([]);
  output.push(chunk(100 * 1024, 'stderr'));
  output.push(chunk(1));
  expect(calls).toEqual([true]);
  const reader = output.read();
  expect((await reader.next()).value).toMatchObject({ stream: 'stdout' });
  expect(calls).toEqual([true, false]);
  expect((await reader.next()).value).toMatchObject({ stream: 'stderr' });
});

test('what was pushed before the end is read, what comes after it is not', async () => {
  const output = createOutput(() => {});
  const read = (async () => {
    const sizes: number[] = [];
    for await (const { bytes } of output.read()) sizes.push(bytes.length);
    return sizes;
  })();
  output.push(chunk(1));
  await null;
  output.push(chunk(2));
  output.close();
  output.push(chunk(3));
  expect(await read).toEqual([1, 2]);
});
