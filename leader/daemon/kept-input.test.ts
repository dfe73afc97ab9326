import { expect, test } from 'vitest';
import { keepInput } from './kept-input.ts';

async function* chunks(...texts: string[]) {
  for (const text of texts) yield Buffer.from(text);
}

async function rest(input: ReturnType<typeof keepInput>, offset: number): Promise<string> {
  let text = '';
  for (;;) {
    const chunk = await input.read(offset + text.length);
    if (chunk === undefined) return text;
    text += chunk;
  }
}

test('from any byte that is kept, as often as wanted', async () => {
  const input = keepInput(() => chunks('one', '', 'two', 'three'), 100);
  expect(await rest(input, 0)).toBe('onetwothree');
  for (const offset of [0, 1, 3, 5, 10, 11])
    expect(await rest(input, offset)).toBe('onetwothree'.slice(offset));
});

test('no more is kept than the limit and a chunk, and what is not is refused', async () => {
  const input = keepInput(() => chunks(...'abcdefghij'), 4);
  expect(await rest(input, 0)).toBe('abcdefghij');
  expect(await rest(input, 6)).toBe('ghij');
  await expect(input.read(5)).rejects.toThrow('byte 5 is not kept');
  await expect(input.read(11)).rejects.toThrow('byte 11 is not kept');
});

test('what arrives for a reader who has gone is there for the next one', async () => {
  const late = Promise.withResolvers<Buffer>();
  const input = keepInput(async function* () {
    yield await late.promise;
  }, 4);
  const [gone, next] = [input.read(0), input.read(0)];
  late.resolve(Buffer.from('late'));
  expect([String(await gone), String(await next)]).toEqual(['late', 'late']);
  expect(await input.read(4)).toBeUndefined();
});

test('a source that fails, fails whoever reads', async () => {
  const input = keepInput(async function* () {
    yield Buffer.from('x');
    throw new Error('EIO');
  }, 4);
  expect(String(await input.read(0))).toBe('x');
  await expect(input.read(1)).rejects.toThrow('EIO');
});
