import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Journal } from './journal.ts';

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'aw-journal-'));
  path = join(directory, 'journal.ndjson');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const line = (seq: number, size = 20) => Buffer.from(`${JSON.stringify({ seq, fill: 'x'.repeat(size) })}\n`);
const lines = (from: number, to: number, size?: number) =>
  Array.from({ length: to - from }, (_, index) => line(from + index, size));
const live = () => new AbortController().signal;

async function readAll(journal: Journal, from: number): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of journal.read(from, live(), false)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

test('a reader from any line gets the same bytes, whether early or late', async () => {
  const journal = Journal.create(path);
  const early = readAll(journal, 0);
  // Large enough for several entries of the index.
  const all = lines(0, 60, 70_000);
  for (let start = 0; start < all.length; start += 7) await journal.append(all.slice(start, start + 7));
  await journal.finish([line(60)]);
  const text = readFileSync(path, 'utf8');
  expect(await early).toBe(text);
  const reopened = Journal.reopen(path);
  await reopened.close();
  const ended = Journal.ended(path, { lines: 61, bytes: text.length });
  for (const from of [0, 1, 14, 15, 16, 31, 59, 60, 61]) {
    const expected = text.split('\n').slice(from).join('\n');
    for (const source of [journal, reopened, ended])
      expect((await readAll(source, from)) === expected).toBe(true);
  }
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('a reader that follows looks at no file; one that is behind does', async () => {
  const journal = Journal.create(path);
  const follower = journal.read(0, live(), false);
  for (const next of lines(0, 3)) {
    const chunk = follower.next();
    await journal.append([next]);
    if (next.equals(line(0))) rmSync(path);
    expect((await chunk).value?.toString()).toBe(next.toString());
  }
  await expect(readAll(journal, 0)).rejects.toThrow('ENOENT');
  await follower.return(undefined);
});

test('two readers follow independently and the slower one paces', async () => {
  const journal = Journal.create(path);
  const [slow, fast] = [journal.read(0, live(), true), journal.read(0, live(), true)];
  await journal.append(lines(0, 3));
  await slow.next();
  expect((await fast.next()).value?.toString()).toBe(lines(0, 3).join(''));
  // What a reader was given counts as taken only when it asks for more.
  const more = fast.next();
  await journal.append([line(3)]);
  expect((await more).value?.toString()).toBe(line(3).toString());
  expect(journal.lag).toBe(journal.committed);
  await slow.return(undefined);
  expect(journal.lag).toBe(line(3).length);
  await fast.return(undefined);
  expect(journal.lag).toBe(0);
  await journal.close();
});

test('a reader that gives up ends without waiting for the next line', async () => {
  const journal = Journal.create(path);
  const stop = new AbortController();
  const reader = journal.read(0, stop.signal, true);
  const next = reader.next();
  stop.abort();
  expect(await next).toEqual({ value: undefined, done: true });
  expect(journal.readers).toBe(0);
  await journal.close();
});

test('a torn last line is cut off when the journal is opened again', async () => {
  const journal = Journal.create(path);
  await journal.append(lines(0, 2));
  await journal.close();
  appendFileSync(path, '{"seq":2,"fi');
  const reopened = Journal.reopen(path);
  expect(reopened.lines).toBe(2);
  expect(readFileSync(path, 'utf8')).toBe(lines(0, 2).join(''));
  await reopened.append([line(2)]);
  expect(reopened.lastLine()).toBe(line(2).toString().trimEnd());
  await reopened.close();
});

test('a refused write leaves the journal as it was; the last lines come from memory', async () => {
  let writes = 0;
  const journal = Journal.create(path, async (file, bytes) => {
    writes += 1;
    if (writes === 1) return void (await file.write(bytes));
    await file.write(bytes.subarray(0, 5));
    throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
  });
  await journal.append([line(0)]);
  await expect(journal.append([line(1)])).rejects.toThrow('no space');
  expect(readFileSync(path, 'utf8')).toBe(line(0).toString());
  expect(await journal.finish([line(1)])).toBe(false);
  expect(await readAll(journal, 0)).toBe(lines(0, 2).join(''));
  expect(await readAll(journal, 1)).toBe(line(1).toString());
  expect(await readAll(journal, 2)).toBe('');
});
