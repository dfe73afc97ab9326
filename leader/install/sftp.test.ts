import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { SftpRefusal, writeFileOverSftp } from './sftp.ts';

/** `type` and the rest of a packet. */
function packet(...bytes: number[]): Buffer {
  return Buffer.from([0, 0, 0, bytes.length, ...bytes]);
}
const version = packet(2, 0, 0, 0, 3);
const status = (code: number, ...text: number[]) =>
  packet(101, 0, 0, 0, 0, 0, 0, 0, code, 0, 0, 0, text.length, ...text);
const handle = packet(102, 0, 0, 0, 0, 0, 0, 0, 1, 65);

function write(...said: (Buffer | string)[]) {
  const stdout = new PassThrough();
  for (const bytes of said) stdout.write(bytes);
  stdout.end();
  return writeFileOverSftp({ stdin: new PassThrough(), stdout }, '/x', Buffer.from('content'));
}

test('opened, written and closed, however the answers are cut', async () => {
  const answers = Buffer.concat([version, handle, status(0), status(0)]);
  for (let at = 1; at < answers.length; at++) await write(answers.subarray(0, at), answers.subarray(at));
});

test.each([
  ['opened', [version, status(3, 110, 111)]],
  ['written', [version, handle, status(4, 110, 111)]],
  ['closed', [version, handle, status(0), status(4, 110, 111)]],
])('what cannot be %s is refused in the words of the server', async (_, answers) => {
  const error = await write(...answers).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(SftpRefusal);
  expect((error as Error).message).toBe('no');
});

test.each([
  ['that ends', [version], /ended/],
  ['in which a start-up file prints', ['Welcome to this machine\n'], /start-up file/],
  ['that answers something else', [version, packet(105, 0, 0, 0, 0)], /something else/],
])('a session %s', async (_, answers, words) => {
  const error = await write(...answers).catch((thrown: unknown) => thrown);
  expect(error).not.toBeInstanceOf(SftpRefusal);
  expect((error as Error).message).toMatch(words);
});
