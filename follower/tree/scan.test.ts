/** Looks at real directories: one that remembers finds what one that does not finds. */
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { compileIgnores } from './ignore.ts';
import { listedOf, TICK, trustedDevice } from './listed.ts';
import { type Looks, lookAhead } from './look-ahead.ts';
import { type DirectoryNode, nodeAt } from './node.ts';
import { type Scan, scan } from './scan.ts';

/** Milliseconds: what was changed longer ago is not taken for what may still change. */
const SETTLED = 5 * TICK;
const rules = compileIgnores(['*.log']);
const isTrusted = trustedDevice(tmpdir()) !== undefined;

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'aw-scan-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

function look(previous?: DirectoryNode): Scan {
  return scan(dir, { rules, previous, executable: true });
}
function write(path: string, text = path): void {
  mkdirSync(join(dir, path, '..'), { recursive: true });
  writeFileSync(join(dir, path), text);
}

test('whatever changes, and whenever, a look that remembers finds it', async () => {
  let state = 1;
  const below = (limit: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >>> 8) % limit;
  };
  const names = ['a', 'b', 'c', 'd.log', 'e'];
  const somewhere = () => {
    const path = Array.from({ length: 1 + below(3) }, () => names[below(names.length)]!);
    return join(dir, ...path);
  };
  const edits = [
    () => writeFileSync(somewhere(), `${below(3)}`),
    () => mkdirSync(somewhere(), { recursive: true }),
    () => renameSync(somewhere(), somewhere()),
    () => rmSync(somewhere(), { recursive: true }),
    () => symlinkSync(`to-${below(3)}`, somewhere()),
    () => chmodSync(somewhere(), below(2) === 0 ? 0o755 : 0o700),
    // The time of modification is set back; the change time cannot be.
    () => utimesSync(somewhere(), 1_700_000_000, 1_700_000_000),
  ];
  let last = look().tree;
  let remembered = 0;
  for (let round = 0; round < 300; round++) {
    for (let count = below(4); count > 0; count--) {
      try {
        edits[below(edits.length)]!();
      } catch {
        // Not possible where it was to be.
      }
    }
    if (below(4) === 0) await sleep(SETTLED);
    const again = look(last);
    const fresh = look();
    expect(again.tree.digest).toBe(fresh.tree.digest);
    expect(again).toMatchObject({ files: fresh.files, directories: fresh.directories });
    if (listedOf(again.tree, rules.digest) !== undefined) remembered++;
    last = again.tree;
  }
  if (isTrusted) expect(remembered).toBeGreaterThan(10);
});

test.runIf(isTrusted)(
  'the names of a directory are known for the rules they were found by, once it is at rest',
  async () => {
    write('a/b');
    expect(listedOf(look().tree, rules.digest)).toBeUndefined();
    await sleep(SETTLED);
    const { tree } = look();
    expect(listedOf(tree, rules.digest)).toMatchObject({ files: 1, hasIgnored: false });
    expect(listedOf(tree, compileIgnores([]).digest)).toBeUndefined();
    write('a/c.log');
    await sleep(SETTLED);
    const other = scan(dir, { rules: compileIgnores([]), previous: tree, executable: true });
    expect(other.files).toBe(2);
  },
);

test('names in a root that is known by a link are seen, too', async () => {
  mkdirSync(join(dir, 'root'));
  symlinkSync('root', join(dir, 'link'));
  const through = (previous?: DirectoryNode) =>
    scan(join(dir, 'link'), { rules, previous, executable: true });
  await sleep(SETTLED);
  const { tree } = through();
  write('root/new');
  expect(through(tree).files).toBe(1);
});

test('what is left in a directory by a fence is told each time', async () => {
  write('.aw-temporary-x');
  const told: string[] = [];
  const options = { rules, executable: true, onTemporary: (path: string) => told.push(path) };
  await sleep(SETTLED);
  const { tree } = scan(dir, options);
  scan(dir, { ...options, previous: tree });
  expect(told).toEqual([join(dir, '.aw-temporary-x'), join(dir, '.aw-temporary-x')]);
});

test.runIf(isTrusted)('what has changed since a look began is no part of one moment', async () => {
  write('a');
  write('z');
  expect(look().isOfOneMoment).toBe(false);
  await sleep(SETTLED);
  const { tree, isOfOneMoment } = look();
  expect(isOfOneMoment).toBe(true);
  expect(look(tree).isOfOneMoment).toBe(true);
  const order = readdirSync(dir);
  const changing = (changed: string) =>
    scan(dir, {
      executable: true,
      // Asked in the middle of the look.
      rules: {
        ...rules,
        digest: changed,
        ignores: path => {
          if (path === order[1]) write(changed, 'other');
          return false;
        },
      },
    });
  expect(changing(order[1]!).isOfOneMoment).toBe(false);
  await sleep(SETTLED);
  // It was still what it had been when the look began.
  expect(changing(order[0]!).isOfOneMoment).toBe(true);
});

test('a large tree, which two look at, is what one finds', async () => {
  const FILES = 102;
  for (let directory = 0; directory < 100; directory++) {
    const path = join(dir, `d${directory % 10}`, `e${directory}`);
    mkdirSync(path, { recursive: true });
    for (let file = 0; file < FILES; file++) writeFileSync(join(path, `f${file}`), '');
  }
  await sleep(SETTLED);
  let last = look(look().tree).tree;
  const edits: (() => void)[] = [
    () => {},
    () => write('d0/e0/f7', 'changed'),
    () => write('d9/e99/f7', 'changed'),
    () => rmSync(join(dir, 'd9/e89/f3')),
    () => write('d9/e79/new'),
    () => chmodSync(join(dir, 'd8/e98/f0'), 0o755),
    () => renameSync(join(dir, 'd9'), join(dir, 'c9')),
    () => {
      rmSync(join(dir, 'd8/e88/f1'));
      symlinkSync('f2', join(dir, 'd8/e88/f1'));
    },
    () => {
      rmSync(join(dir, 'd8/e78'), { recursive: true });
      write('d8/e78');
    },
  ];
  for (const edit of edits) {
    edit();
    const fresh = look();
    const again = look(last);
    expect(again.tree.digest).toBe(fresh.tree.digest);
    expect(again).toMatchObject({ files: fresh.files, directories: fresh.directories, problems: [] });
    await sleep(SETTLED);
    last = look(again.tree).tree;
    expect(last.digest).toBe(fresh.tree.digest);
  }
}, 300_000);

test.runIf(isTrusted && availableParallelism() > 1)(
  'the second of them begins at the end',
  async () => {
    const FILES = 1_001;
    for (let directory = 0; directory < 10; directory++) {
      mkdirSync(join(dir, `d${directory}`));
      for (let file = 0; file < FILES; file++) writeFileSync(join(dir, `d${directory}`, `f${file}`), '');
    }
    await sleep(SETTLED);
    const { tree } = look(look().tree);
    rmSync(join(dir, 'd9/f0'));
    let looks: Looks | undefined;
    // Its thread takes its time to start, and nobody waits for it.
    for (let tries = 0; looks === undefined && tries < 600; tries++) {
      const ahead = lookAhead(dir, tree, rules.digest);
      expect(ahead.take('d0')).toBeUndefined();
      await sleep(SETTLED);
      looks = ahead.take('d9');
    }
    expect(looks).toHaveLength(1 + FILES);
    expect(looks![0]).toMatchObject({ ino: lstatSync(join(dir, 'd9')).ino });
    const names = [...(nodeAt(tree, 'd9') as DirectoryNode).children.keys()];
    expect(looks![1 + names.indexOf('f0')]).toBeUndefined();
    const last = names.at(-1)!;
    const { ino, mode, size, mtimeMs, ctimeMs } = lstatSync(join(dir, 'd9', last));
    expect(looks!.at(-1)).toMatchObject({ ino, mode, size, mtimeMs, ctimeMs });
  },
  300_000,
);
