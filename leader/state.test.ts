import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { makePrivateDirectory, stateRoot, writeWhole } from './state.ts';

function directory(): string {
  const path = mkdtempSync(join(tmpdir(), 'aw-state-'));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

test('the state root is absolute, also when it was given relative to the working directory', () => {
  expect(stateRoot({ AW_STATE_DIR: 'here/state' })).toBe(resolve('here/state'));
  expect(isAbsolute(stateRoot({}))).toBe(true);
  expect(stateRoot({ AW_STATE_DIR: '' })).toBe(stateRoot({}));
});

test('a private directory is made with its parents; one that is there is closed to others', () => {
  const path = join(directory(), 'a', 'b');
  expect(makePrivateDirectory(path)).toBe(path);
  expect(statSync(path).mode & 0o777).toBe(0o700);
  expect(makePrivateDirectory(path)).toBe(path);
});

test.skipIf(process.platform !== 'linux')(
  'where no directory can be made, that is an error and not a wait',
  () => {
    for (const path of ['/proc/aw-state', '/proc/aw-state/below', '/dev/null/below']) {
      expect(() => makePrivateDirectory(path)).toThrow(expect.objectContaining({ code: 'AW_DISK' }));
    }
  },
);

test.skipIf(process.platform !== 'linux')('a file is written whole or not at all', () => {
  const path = join(directory(), 'file');
  writeWhole(path, 'old');
  writeWhole(path, 'new');
  expect(readFileSync(path, 'utf8')).toBe('new');
  expect(() => writeWhole('/dev/full/file', 'x')).toThrow(expect.objectContaining({ code: 'AW_DISK' }));
});
