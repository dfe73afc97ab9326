import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isAlive, startMark } from './identity.ts';
import { lockHolder, takeLock } from './lock.ts';

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'aw-lock-'));
  path = join(directory, 'lock');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test('one holder at a time', () => {
  const lock = takeLock(path)!;
  expect(lockHolder(path)).toBe(process.pid);
  expect(takeLock(path)).toBeUndefined();
  lock.release();
  expect(existsSync(path)).toBe(false);
  const next = takeLock(path)!;
  // The first holder lets go only of what is its own.
  lock.release();
  expect(lockHolder(path)).toBe(process.pid);
  next.release();
  expect(readdirSync(directory)).toEqual([]);
});

test.each([
  ['a process that is gone', JSON.stringify({ pid: 2 ** 22 + 1, mark: '1' })],
  ['nobody', 'not json'],
])('a lock of %s is taken over', (_, content) => {
  writeFileSync(path, content);
  const lock = takeLock(path)!;
  expect(lockHolder(path)).toBe(process.pid);
  lock.release();
});

test.skipIf(process.platform === 'win32')(
  'a lock of an earlier process with the same number is taken over',
  () => {
    writeFileSync(path, JSON.stringify({ pid: process.pid, mark: 'earlier' }));
    takeLock(path)!.release();
  },
);

test('of many processes exactly one gets a stale lock', async () => {
  writeFileSync(path, JSON.stringify({ pid: 2 ** 22 + 1, mark: '1' }));
  const module = new URL('./lock.ts', import.meta.url).href;
  const program = `
    const { takeLock } = await import(${JSON.stringify(module)});
    process.stdout.write(takeLock(${JSON.stringify(path)}) === undefined ? 'no' : 'yes');
    process.stdin.resume();`;
  const children = Array.from({ length: 6 }, () =>
    spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['pipe', 'pipe', 'inherit'] }),
  );
  const answers = await Promise.all(
    children.map(async child => String((await once(child.stdout, 'data'))[0])),
  );
  expect(answers.filter(answer => answer === 'yes')).toHaveLength(1);
  for (const child of children) child.stdin.end();
  await Promise.all(children.map(child => once(child, 'exit')));
});

test.skipIf(process.platform === 'win32')('processes and their marks', async () => {
  const child = spawn('sleep', ['1000']);
  const mark = startMark(child.pid!);
  expect(mark).toBe(startMark(child.pid!));
  expect(isAlive(child.pid!, mark)).toBe(true);
  expect(isAlive(child.pid!, 'another')).toBe(false);
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(isAlive(child.pid!, mark)).toBe(false);
  expect(startMark(child.pid!)).toBeUndefined();
});

test('a directory that takes no file is a full or missing disk, by name', () => {
  expect(() => takeLock(join(directory, 'missing', 'lock'))).toThrow(
    expect.objectContaining({ code: 'AW_DISK', message: expect.stringContaining('ENOENT') }),
  );
});
