/** However a stream of contents is cut on its way, and whatever breaks it: what is staged under a digest has that digest. */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { apply } from './apply.ts';
import { createContentReader, frameHeader } from './content-frames.ts';
import { directory } from './node.ts';
import { openStaging, PLAIN_MODE, type Staging } from './staging.ts';

let dir: string;
let staging: Staging;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'aw-frames-'));
  staging = openStaging(join(dir, 'staging'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const sha = (content: Uint8Array) => createHash('sha256').update(content).digest('hex');
const frame = (content: Uint8Array) =>
  Buffer.concat([frameHeader(sha(content), content.length), Buffer.from(content)]);
const expecting = (...contents: Uint8Array[]) =>
  createContentReader(staging, new Map(contents.map(content => [sha(content), content.length])));

test('cut anywhere, it is the same', () => {
  const content = fc.uint8Array({ maxLength: 300 });
  fc.assert(
    fc.property(fc.array(content, { maxLength: 8 }), fc.array(fc.nat(120)), (contents, cuts) => {
      staging.clear();
      const reader = expecting(...contents);
      let rest = Buffer.concat(contents.map(frame));
      for (const cut of [...cuts, rest.length]) {
        reader.write(rest.subarray(0, cut));
        rest = rest.subarray(cut);
      }
      expect(reader.isWhole()).toBe(true);
      expect(readdirSync(staging.directory).sort()).toEqual([...new Set(contents.map(sha))].sort());
      for (const each of contents) expect(sha(readFileSync(staging.pathOf(sha(each))))).toBe(sha(each));
    }),
  );
});

test('half a file of an earlier time is no content, and no hindrance for long', () => {
  const content = Buffer.from('all of it');
  writeFileSync(staging.pathOf(sha(content)), 'all');
  expect(() => expecting(content).write(frame(content))).toThrow('EEXIST');
  expecting(content).write(frame(content));
  expect(readFileSync(staging.pathOf(sha(content)))).toEqual(content);
});

test('what came of a stream that broke stays, as far as it came whole', () => {
  const [one, two] = [Buffer.from('one'), Buffer.from('two')];
  const reader = expecting(one, two);
  reader.write(frame(one));
  reader.write(frame(two).subarray(0, -1));
  expect(reader.isWhole()).toBe(false);
  reader.close();
  expect(readdirSync(staging.directory)).toEqual([sha(one)]);
});

test('what is staged is no program; it becomes one as it is published, and only then', () => {
  const content = Buffer.from('#!/bin/sh\n');
  const sha256 = sha(content);
  const mode = (path: string) => statSync(path).mode & 0o777;
  expecting(content).write(frame(content));
  const root = join(dir, 'root');
  mkdirSync(join(root, 'in the way'), { recursive: true });
  const publish = (path: string, executable: boolean) =>
    apply([{ op: 'write', path, size: content.length, sha256, executable }], {
      root,
      actual: directory([]),
      staging,
      executable: true,
    });
  expect(publish('in the way', true).problems).toMatchObject([{ path: 'in the way' }]);
  expect(mode(staging.pathOf(sha256))).toBe(PLAIN_MODE);
  expect(publish('program', true).done).toBe(1);
  expect(mode(join(root, 'program'))).toBe(PLAIN_MODE | (0o111 & ~process.umask()));
});
