/** Single changes on a real disk, and on two of them. */
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { requires } from '../../test/support/require.ts';
import { apply } from './apply.ts';
import { compileIgnores } from './ignore.ts';
import { patiently } from './patience.ts';
import { publish } from './publish.ts';
import { scan } from './scan.ts';
import { openStaging, recoverStaging } from './staging.ts';

const SHM = '/dev/shm';
const hasShm = requires('shm', isElsewhere(SHM));
function isElsewhere(path: string): boolean {
  try {
    return statSync(path).dev !== statSync(tmpdir()).dev;
  } catch {
    return false;
  }
}

let dir: string;
let far: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'aw-publish-'));
  far = mkdtempSync(join(hasShm ? SHM : tmpdir(), 'aw-publish-'));
});
afterEach(() => {
  for (const path of [dir, far]) rmSync(path, { recursive: true, force: true });
});

test.skipIf(!hasShm)('into a file system that is mounted within the tree', () => {
  const source = join(dir, 'source');
  writeFileSync(source, 'new', { mode: 0o755 });
  writeFileSync(join(far, 'file'), 'old');
  publish(source, join(far, 'file'));
  expect(readFileSync(join(far, 'file'), 'utf8')).toBe('new');
  expect(statSync(join(far, 'file')).mode & 0o777).toBe(0o755);

  symlinkSync('nowhere', source);
  publish(source, join(far, 'file'));
  expect(readlinkSync(join(far, 'file'))).toBe('nowhere');

  // What cannot be done leaves nothing there, and the content here.
  writeFileSync(source, 'new');
  mkdirSync(join(far, 'directory'));
  expect(() => publish(source, join(far, 'directory'))).toThrow(/EISDIR/);
  expect([readdirSync(far).sort(), readdirSync(dir)]).toEqual([['directory', 'file'], ['source']]);
});

test('Windows replaces no file that is marked read-only, so the mark is taken away', () => {
  const file = join(dir, 'file');
  writeFileSync(file, '', { mode: 0o444 });
  let tries = 0;
  const replace = () => {
    tries++;
    if ((lstatSync(file).mode & 0o200) === 0) throw Object.assign(new Error(), { code: 'EPERM' });
  };
  expect(() => patiently(replace, file, 'linux')).toThrow();
  patiently(replace, file, 'win32');
  expect(tries).toBe(3);
  expect(() =>
    patiently(
      () => {
        throw Object.assign(new Error('full'), { code: 'ENOSPC' });
      },
      file,
      'win32',
    ),
  ).toThrow('full');
});

test('what was respelt is known by its new name to the steps that follow', () => {
  const root = join(dir, 'root');
  mkdirSync(join(root, 'old', 'sub'), { recursive: true });
  writeFileSync(join(root, 'old', 'sub', 'x'), 'x');
  writeFileSync(join(root, 'old', 'y'), 'y');
  const { tree: actual } = scan(root, { rules: compileIgnores([]), executable: true });
  const { problems, done } = apply(
    [
      { op: 'respell', from: 'old', to: 'new' },
      { op: 'respell', from: 'new/sub', to: 'new/SUB' },
      { op: 'remove', path: 'new/SUB' },
      { op: 'remove', path: 'new/y' },
    ],
    { root, actual, staging: openStaging(join(dir, 'staging')), executable: true },
  );
  expect([done, problems]).toEqual([4, []]);
  expect(readdirSync(root, { recursive: true })).toEqual(['new']);
});

test('staged content is believed only when it is what its name says', () => {
  const path = join(dir, 'staging');
  const empty = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
  const zeros = 'f'.repeat(64);
  mkdirSync(join(path, 'directory'), { recursive: true });
  for (const name of [empty, zeros, 'x.part']) writeFileSync(join(path, name), name === zeros ? '\0' : '');
  symlinkSync(join(path, empty), join(path, 'a'.repeat(64)));
  const staging = recoverStaging(path);
  expect(readdirSync(path)).toEqual([empty]);
  expect([staging.has(empty, 0), staging.has(zeros, 1)]).toEqual([true, false]);
});
