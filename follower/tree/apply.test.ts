/** From any tree to any other, on a real disk: what is done leads where it should, and never out of the root. */
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { apply } from './apply.ts';
import { difference } from './diff.ts';
import { compileIgnores } from './ignore.ts';
import { type DirectoryNode, directory, settled, walk, withNodes } from './node.ts';
import { project } from './project.ts';
import { scan } from './scan.ts';
import { openStaging } from './staging.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'aw-tree-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const LINUX = {
  caseSensitive: true,
  normalizationSensitive: true,
  executable: true,
  symlinks: true,
  windowsNames: false,
  nameUnit: 'byte',
} as const;
const rules = compileIgnores(['ignored', 'node_modules/']);
const look = (root: string, previous?: DirectoryNode) => scan(root, { rules, executable: true, previous });

/** Path -> what is there: text is a file, `-> x` a link, `*text` a program, undefined a directory. */
type Files = Record<string, string | undefined>;
function make(root: string, files: Files): void {
  mkdirSync(root, { recursive: true });
  for (const [path, content] of Object.entries(files)) {
    const full = join(root, path);
    mkdirSync(content === undefined ? full : dirname(full), { recursive: true });
    if (content?.startsWith('-> ')) symlinkSync(content.slice(3), full);
    else if (content !== undefined)
      writeFileSync(full, content, { mode: content.startsWith('*') ? 0o755 : 0o644 });
  }
}

/** Of all files that are ignored, or in something ignored, wherever they are. */
const ignoredContents = (root: string) =>
  readdirSync(root, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
    .filter(file => realpathSync(file) === file && relative(root, file).split('/').includes('ignored'))
    .map(file => readFileSync(file, 'utf8'))
    .sort();
const ignoredIn = (given: Files) => Object.keys(given).filter(at => at.split('/').includes('ignored'));

/** Does to `root` what makes it like `source`, as a fence does. */
function bring(root: string, source: string) {
  const target = project(look(source).tree, LINUX).tree;
  const { tree: actual } = look(root);
  const { changes, unknown } = difference(actual, target, false);
  expect(unknown).toEqual([]);
  const staging = openStaging(join(dir, 'staging'));
  for (const [path, node] of walk(target)) {
    if (node.kind === 'file') staging.copyIn(join(source, path), node.sha256);
  }
  const applied = apply(changes, { root, actual, staging, executable: true });
  return { applied, changes, actual, target, after: settled(look(root).tree, target) };
}

const name = fc.constantFrom('a', 'b', 'c', 'ignored');
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map(names => names.join('/'));
const content = fc.constantFrom('one', 'two', '*run', '-> a', undefined);
const files = fc.array(fc.tuple(path, content), { maxLength: 8 }).map(entries => {
  const result: Files = {};
  for (const [at, what] of entries) {
    const isBelowFile = Object.keys(result).some(
      other => at.startsWith(`${other}/`) && result[other] !== undefined,
    );
    const hasBelow = Object.keys(result).some(other => other.startsWith(`${at}/`));
    if (!isBelowFile && !hasBelow && !(at in result)) result[at] = what;
  }
  return result;
});

test('any tree becomes any other, what is ignored stays, and doing it again does nothing', () => {
  let round = 0;
  fc.assert(
    fc.property(files, files, (before, wanted) => {
      const root = join(dir, `root-${round}`);
      const source = join(dir, `source-${round++}`);
      make(root, before);
      make(source, wanted);
      const kept = ignoredContents(root);
      const { applied, target, after } = bring(root, source);
      const isBlocked = applied.problems.length > 0;
      // Where something ignored stands in the way of what is wanted, it is the ignored that stays.
      if (isBlocked)
        expect([before, applied.problems, ignoredIn(before)]).not.toEqual([before, applied.problems, []]);
      else expect(after.digest).toBe(target.digest);
      // Where its directory went, it went with it.
      expect(ignoredContents(root)).toEqual(kept);
      if (!isBlocked) expect(difference(look(root).tree, target, false).changes).toEqual([]);
    }),
    {
      numRuns: 150,
      examples: [[{}, { a: 'one', 'ignored/b': 'two', 'c/a/c': 'one', 'c/c/ignored': 'one' }]],
    },
  );
});

test('a directory that only changed its place is moved as a whole, with what is ignored in it', () => {
  make(join(dir, 'root'), { 'old/a': 'x', 'old/deep/b': 'y', 'old/node_modules/m/index.js': 'kept' });
  make(join(dir, 'source'), { 'new/a': 'x', 'new/deep/b': 'y' });
  const { changes, after, target } = bring(join(dir, 'root'), join(dir, 'source'));
  expect(changes).toEqual([{ op: 'move', from: 'old', to: 'new' }]);
  expect(after.digest).toBe(target.digest);
  expect(readFileSync(join(dir, 'root/new/node_modules/m/index.js'), 'utf8')).toBe('kept');
});

test('nothing is written through a link that was planted on the way', () => {
  const root = join(dir, 'root');
  make(root, {});
  make(join(dir, 'outside'), { canary: 'untouched' });
  make(join(dir, 'source'), { 'a/canary': 'evil', 'a/new': 'evil' });
  const target = look(join(dir, 'source')).tree;
  const actual = withNodes(directory([]), [['a', directory([])]]);
  symlinkSync('../outside', join(root, 'a'));
  const staging = openStaging(join(dir, 'staging'));
  for (const [at, node] of walk(target)) {
    if (node.kind === 'file') staging.copyIn(join(dir, 'source', at), node.sha256);
  }
  const { problems, done } = apply(difference(actual, target, false).changes, {
    root,
    actual,
    staging,
    executable: true,
  });
  expect(done).toBe(0);
  expect(problems.map(({ code }) => code)).toEqual(['ENOTDIR', 'ENOTDIR']);
  expect(readdirSync(join(dir, 'outside'))).toEqual(['canary']);
  expect(readFileSync(join(dir, 'outside/canary'), 'utf8')).toBe('untouched');
});

test('a file that is replaced keeps being one, under readers, and gets its mark', () => {
  const root = join(dir, 'root');
  make(root, { run: 'old' });
  make(join(dir, 'source'), { run: '*new' });
  const inode = statSync(join(root, 'run')).ino;
  bring(root, join(dir, 'source'));
  expect(readFileSync(join(root, 'run'), 'utf8')).toBe('*new');
  expect(statSync(join(root, 'run')).mode & 0o100).not.toBe(0);
  expect(statSync(join(root, 'run')).ino).not.toBe(inode);
  chmodSync(join(dir, 'source/run'), 0o644);
  const { changes } = bring(root, join(dir, 'source'));
  expect(changes).toEqual([{ op: 'mode', path: 'run', executable: false }]);
  expect(statSync(join(root, 'run')).mode & 0o100).toBe(0);
});

test('a second scan reads only what changed; a change that hides its time is seen', () => {
  const root = join(dir, 'root');
  make(root, { a: 'aaaa', b: 'bbbb' });
  const first = look(root);
  expect(first.hashed).toBe(2);
  const stamped = withNodes(
    first.tree,
    [...walk(first.tree)].flatMap(([at, node]) =>
      node.kind === 'file'
        ? [[at, { ...node, stamp: { ...node.stamp!, hashed: Date.now() + 60_000 } }] as const]
        : [],
    ),
  );
  expect(look(root, stamped).hashed).toBe(0);
  expect(look(root, stamped).tree.digest).toBe(first.tree.digest);
  const before = statSync(join(root, 'a'));
  writeFileSync(join(root, 'a'), 'cccc');
  utimesSync(join(root, 'a'), before.atime, before.mtime);
  const second = look(root, stamped);
  expect(second.hashed).toBe(1);
  expect(second.tree.digest).not.toBe(first.tree.digest);
});

test('what was written in the tick in which it was hashed is read again', () => {
  const root = join(dir, 'root');
  make(root, { a: 'aaaa' });
  const { tree } = look(root);
  expect(look(root, tree).hashed).toBe(1);
});

test('special files and names that are not UTF-8 are reported, never altered', () => {
  const root = join(dir, 'root');
  make(root, { good: 'x' });
  writeFileSync(Buffer.concat([Buffer.from(join(root, 'bad-')), Buffer.from([0xff])]), 'x');
  const { tree, problems } = look(root);
  expect([...tree.children.keys()]).toEqual(['good']);
  expect(problems).toEqual([
    { path: 'bad-\ufffd', code: 'name-not-utf8', detail: 'its bytes are 6261642dff' },
  ]);
});

test('an unwritable directory is a problem of its own paths only', () => {
  if (process.getuid?.() === 0) return;
  const root = join(dir, 'root');
  make(root, { 'locked/a': 'x' });
  chmodSync(join(root, 'locked'), 0o500);
  make(join(dir, 'source'), { 'locked/b': 'y', free: 'z' });
  const { applied } = bring(root, join(dir, 'source'));
  chmodSync(join(root, 'locked'), 0o700);
  expect(applied.problems.map(({ path: at }) => at)).toEqual(['locked/a', 'locked/b']);
  expect(existsSync(join(root, 'free'))).toBe(true);
  expect(lstatSync(join(root, 'locked')).isDirectory()).toBe(true);
});
