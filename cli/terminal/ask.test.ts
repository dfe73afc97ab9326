import { expect, test } from 'vitest';
import { readSecret } from './ask.ts';

async function* keys(...chunks: string[]) {
  for (const chunk of chunks) yield Buffer.from(chunk);
}

test.each([
  ['a line', ['geheim\r'], 'geheim'],
  ['what follows it is not looked at', ['one\ntwo\n'], 'one'],
  ['key by key', ['a', 'ü', ' ', 'b', '\n'], 'aü b'],
  ['corrected', ['abX\x7fc', '😀\b', '\r'], 'abc'],
  ['begun anew', ['wrong\x15right\r'], 'right'],
  ['empty', ['\r'], ''],
  ['no wish to answer', ['half\x04'], undefined],
  ['the terminal is gone', ['half'], undefined],
  ['other keys are no part of it', ['a\x01\x1b\x00b\r'], 'ab'],
])('%s', async (_, chunks, answer) => {
  expect(await readSecret(keys(...chunks))).toBe(answer);
});

test('Ctrl-C interrupts the command too', async () => {
  const interrupted = new Promise(fulfil => process.once('SIGINT', fulfil));
  expect(await readSecret(keys('half\x03'))).toBeUndefined();
  await interrupted;
});
