import { hash } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { isRewritten, linesDigest, readText } from './line-endings.ts';

const digest = (text: string) => linesDigest(Buffer.from(text, 'latin1'));

test.each([
  ['LF and CRLF', 'a\nb\n', 'a\r\nb\r\n'],
  ['CR and LF', 'a\rb\r', 'a\nb\n'],
  ['mixed and LF', 'a\r\nb\nc\rd\n', 'a\nb\nc\nd\n'],
  ['mixed and mixed', 'a\r\nb\nc', 'a\nb\r\nc'],
  ['with and without an end of the last line', 'a\nb', 'a\nb\n'],
  ['both', 'a\r\nb', 'a\nb\n'],
  ['empty and one line break', '', '\r\n'],
  ['bytes of any encoding', '\xff\xe9\n', '\xff\xe9\r\n'],
])('one text: %s', (_, one, other) => {
  expect(digest(one)).toBe(digest(other));
});

test.each([
  ['another character', 'a\nb\n', 'a\nc\n'],
  ['a line more', 'a\nb\n', 'a\n\nb\n'],
  ['an empty line at the end', 'a\n', 'a\n\n'],
  ['LF CR, which is two ends', 'a\n\rb', 'a\nb'],
  ['a blank', 'a\n', 'a \n'],
])('two texts: %s', (_, one, other) => {
  expect(digest(one)).not.toBe(digest(other));
});

test.each([
  ['CRLF of LF', 'a\nb\n', 'a\r\nb\r\n', true],
  ['LF of CRLF without a last end', 'a\r\nb', 'a\nb\n', true],
  ['CR of mixed', 'a\rb\r', 'a\nb\r\n', true],
  ['mixed, of which the other can be no guess', 'a\r\nb\n', 'a\nb\n', false],
  ['another text', 'a\n', 'b\r\n', false],
])('what it was before: %s', (_, before, now, expected) => {
  const sha256 = hash('sha256', Buffer.from(before));
  expect(isRewritten(Buffer.from(now), sha256)).toBe(expected);
});

test('what is read as a text', () => {
  const dir = mkdtempSync(join(tmpdir(), 'aw-text-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const put = (name: string, content: string | Buffer) => {
    writeFileSync(join(dir, name), content);
    return join(dir, name);
  };
  expect(readText(put('text', 'a\r\n'))?.toString()).toBe('a\r\n');
  expect(readText(put('binary', 'a\r\n\0'))).toBeUndefined();
  expect(readText(put('long', Buffer.alloc(1024 * 1024 + 1, 'a')))).toBeUndefined();
  symlinkSync('text', join(dir, 'link'));
  mkdirSync(join(dir, 'directory'));
  for (const name of ['link', 'directory', 'nothing']) expect(readText(join(dir, name))).toBeUndefined();
});

test('the fixtures of line endings: each text is what it is in any other ending, what is none is nothing', () => {
  const directory = 'fixtures/line-endings/files';
  const kinds = { text: 0, other: 0 };
  for (const name of readdirSync(directory)) {
    const text = readText(join(directory, name));
    kinds[text === undefined ? 'other' : 'text'] += 1;
    if (text === undefined) continue;
    const lf = Buffer.from(
      readFileSync(join(directory, name), 'latin1').replaceAll(/\r\n|\r/g, '\n'),
      'latin1',
    );
    expect([name, linesDigest(text)]).toEqual([name, linesDigest(lf)]);
  }
  expect(kinds.text).toBeGreaterThan(10);
  expect(kinds.other).toBeGreaterThan(1);
});
