import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { awaitGreeting } from './greeting.ts';

/** A SETTINGS frame with one setting, and what may follow it. */
const frame = Buffer.from([0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0, 32, 0, 0]);
const after = Buffer.from([0, 0, 0, 4, 1, 0, 0, 0, 0]);

function sent(...chunks: (Buffer | string)[]) {
  const stream = new PassThrough();
  const greeting = awaitGreeting(stream);
  for (const chunk of chunks) stream.write(chunk);
  return { stream, greeting };
}

async function rest(stream: PassThrough): Promise<Buffer> {
  stream.end();
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

test.each([
  ['nothing before it', []],
  ['a banner', ['Welcome\r\n\u00fcml\u00e4ut \x1b[1m\n']],
  ['a banner in pieces', ['Wel', 'come\n']],
])('%s: the stream stands at its first byte', async (_, banner) => {
  const { stream, greeting } = sent(...banner, frame, after);
  expect(await greeting.heard).toBe('agent');
  expect(greeting.noise().includes('Wel')).toBe(banner.length > 0);
  expect(await rest(stream)).toEqual(Buffer.concat([frame, after]));
});

test('however it is cut', async () => {
  const bytes = Buffer.concat([Buffer.from('hi\n'), frame]);
  for (let at = 1; at < bytes.length; at++) {
    const { stream, greeting } = sent(bytes.subarray(0, at));
    await new Promise(setImmediate);
    stream.write(bytes.subarray(at));
    expect(await greeting.heard).toBe('agent');
    expect(await rest(stream)).toEqual(frame);
  }
});

test.each([
  ['a NUL that begins no frame', ['text\0more text'], 'text'],
  ['another frame', [Buffer.from([0, 0, 6, 1, 0, 0, 0, 0, 0])], ''],
  ['a stream of text', Array.from({ length: 70 }, () => 'y\n'.repeat(512)), 'more than'],
])('%s is noise', async (_, chunks, shown) => {
  const { greeting } = sent(...chunks);
  await expect(greeting.heard).rejects.toMatchObject({
    code: 'AW_PROTOCOL_GARBAGE',
    message: expect.stringContaining(shown),
  });
});

test('an end before it', async () => {
  const { stream, greeting } = sent('bye \x1b[2J');
  stream.end();
  expect(await greeting.heard).toBe('end');
  expect(greeting.noise()).toBe('"bye \\u001b[2J"');
});
