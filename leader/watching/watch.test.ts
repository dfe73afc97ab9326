import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DEFAULT_IGNORES } from '../../follower/tree/ignore.ts';
import { type Watch, watchProject } from './watch.ts';

const NEVER = 2 ** 31 - 1;

let root: string;
let watch: Watch;
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'aw-watch-'));
  mkdirSync(join(root, 'src/deep'), { recursive: true });
  mkdirSync(join(root, 'node_modules/left-pad'), { recursive: true });
  writeFileSync(join(root, 'src/deep/one'), '1');
  watch = watchProject(root, DEFAULT_IGNORES);
  // What was done before it began may still be told.
  await watch.changed(300);
});
afterEach(() => {
  watch.close();
  rmSync(root, { recursive: true });
});

test.each<[string, () => void]>([
  ['written', () => appendFileSync(join(root, 'src/deep/one'), '2')],
  ['made', () => writeFileSync(join(root, 'src/two'), '')],
  ['removed', () => rmSync(join(root, 'src/deep/one'))],
  ['renamed', () => renameSync(join(root, 'src/deep'), join(root, 'src/other'))],
  ['made executable', () => chmodSync(join(root, 'src/deep/one'), 0o755)],
])('something is %s', async (_what, act) => {
  act();
  await watch.changed(NEVER);
});

test('in a directory that is new', async () => {
  mkdirSync(join(root, 'new/deeper'), { recursive: true });
  await watch.changed(NEVER);
  writeFileSync(join(root, 'new/deeper/file'), '');
  await watch.changed(NEVER);
});

test('what is ignored is not told', async () => {
  let isTold = false;
  const told = watch.changed(NEVER).then(() => {
    isTold = true;
  });
  writeFileSync(join(root, 'node_modules/left-pad/index.js'), '');
  await new Promise(resolve => setTimeout(resolve, 500));
  expect(isTold).toBe(false);
  writeFileSync(join(root, 'marker'), '');
  await told;
});

test('what happens while nobody waits is told to whoever asks next', async () => {
  writeFileSync(join(root, 'src/two'), '');
  await new Promise(resolve => setTimeout(resolve, 300));
  await watch.changed(NEVER);
});

test('when nothing happens, it is told after a time all the same', async () => {
  await watch.changed(50);
});

test('who waits is told of the end', async () => {
  const told = watch.changed(NEVER);
  watch.close();
  await told;
});

test('what cannot be watched is told as that, and looked at now and then', async () => {
  const none = watchProject(join(root, 'none'), []);
  expect(none.blindness).toBe('ENOENT');
  await none.changed(50);
  none.close();
});
