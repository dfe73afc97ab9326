import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  checkPlace,
  filledBy,
  type Identity,
  isFilled,
  isSame,
  isSurelySame,
  markFilled,
  openPlace,
} from './place.ts';

let dir: string;
let root: string;
beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'aw-place-')));
  root = join(dir, 'root');
  mkdirSync(join(dir, 'state'));
});
afterEach(() => rmSync(dir, { recursive: true }));
const open = () => openPlace(root, join(dir, 'state'), true);

describe('whether a directory is the one that was there earlier', () => {
  const at = { device: '1', inode: '2' };
  test.each<[string, Identity, Identity, boolean, surely?: boolean]>([
    ['the same', { ...at, born: '5' }, { ...at, born: '5' }, true],
    ['another inode', { ...at, born: '5' }, { ...at, inode: '3', born: '5' }, false],
    ['its number used again', { ...at, born: '5' }, { ...at, born: '6' }, false],
    ['just made, then filled', { ...at, changed: '5' }, { ...at, born: '5' }, true],
    ['just made, then another made and filled', { ...at, changed: '5' }, { ...at, born: '6' }, false],
    ['filled, then another just made', { ...at, born: '5' }, { ...at, changed: '6' }, false],
    ['just made, and as it was', { ...at, changed: '5' }, { ...at, changed: '5' }, true],
    ['just made, twice, or nobody knows when', { ...at, changed: '5' }, { ...at, changed: '6' }, true, false],
    ['on record from before', at, { ...at, born: '6' }, true],
  ])('%s', (_, earlier, now, expected, surely = expected) => {
    expect([isSame(earlier, now), isSurelySame(earlier, now)]).toEqual([expected, surely]);
  });
});

test('a place that is filled is known again, whoever has made it', () => {
  const place = open();
  expect([isFilled(place, 'boot'), filledBy(place)]).toEqual([false, undefined]);
  markFilled(place, 'boot', 'ann@desk:/project');
  writeFileSync(join(root, 'a'), '');
  expect([isFilled(open(), 'boot'), filledBy(open())]).toEqual([true, 'ann@desk:/project']);
  expect(isFilled(open(), 'another boot')).toBe(true);
  checkPlace(place);
});

test('another directory in its place is another one, also with the same number', () => {
  const place = open();
  markFilled(place, 'boot', 'ann@desk:/project');
  writeFileSync(join(root, 'a'), '');
  const filled = open();
  rmSync(root, { recursive: true });
  expect(() => open()).toThrow(/"ann@desk:\/project" has filled it before/);
  mkdirSync(root);
  // Empty still: what was opened is not it.
  expect(() => checkPlace(filled)).toThrow('something else has taken its place');
  writeFileSync(join(root, 'b'), '');
  expect(isFilled(open(), 'boot')).toBe(false);
  for (const before of [place, filled]) expect(() => checkPlace(before)).toThrow('something else');
});

test('a mark of before names nobody, and is believed', () => {
  const place = open();
  markFilled(place, 'boot', 'ann');
  const file = join(place.stateDir, 'root.json');
  const { leader, changed, ...older } = JSON.parse(readFileSync(file, 'utf8'));
  writeFileSync(file, JSON.stringify(older));
  writeFileSync(join(root, 'a'), '');
  expect([isFilled(open(), 'boot'), filledBy(open())]).toEqual([true, undefined]);
});
