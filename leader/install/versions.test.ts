import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { PLACE } from './place.ts';
import { act } from './versions.ts';

/** An agent that prints its arguments. */
const bundle = 'console.log(process.argv.slice(2).join());\n';
const digest = createHash('sha256').update(bundle).digest('hex');
const name = `0.1.0-${digest.slice(0, 12)}`;

let home: string;
beforeEach(() => {
  // With what a shell would act on.
  home = join(realpathSync(mkdtempSync(join(tmpdir(), 'aw-versions-'))), "it's $HOME");
  mkdirSync(home);
  vi.stubEnv('AW_STATE_DIR', join(home, 'state'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(join(home, '..'), { recursive: true, force: true });
});

const place = () => join(home, PLACE);
function stage(content: string): string {
  const answer = act({ act: 'prepare', name, digest }, home);
  if (answer.answer !== 'wanted') throw new Error(JSON.stringify(answer));
  writeFileSync(join(answer.staging, 'aw-follower.mjs'), content);
  return answer.staging;
}
const publish = (staging: string) => act({ act: 'publish', name, digest, staging }, home);

test('what was put there runs, by its own Node, from a home of any name', () => {
  expect(publish(stage(bundle))).toEqual({
    answer: 'ready',
    name,
    path: join(place(), name, 'aw-follower'),
    node: process.execPath,
    unchanged: false,
  });
  const started = execFileSync(join(place(), 'current/aw-follower'), ['a b', 'c'], {
    env: {},
    encoding: 'utf8',
  });
  expect(started).toBe('a b,c\n');
  expect(act({ act: 'prepare', name, digest }, home)).toMatchObject({ answer: 'ready', unchanged: true });
  expect(act({ act: 'look' }, home)).toEqual({ answer: 'seen', name });
});

test('what is not what was sent gets no name', () => {
  const altered = 'console.log("something else");\n';
  const answer = publish(stage(altered));
  expect(answer).toEqual({ answer: 'altered', digest: createHash('sha256').update(altered).digest('hex') });
  expect(readdirSync(place())).toEqual([]);
});

test('what does not run there gets no name', () => {
  vi.stubEnv('NODE_OPTIONS', '--no-such-option');
  expect(publish(stage(bundle))).toMatchObject({ answer: 'failed' });
  expect(readdirSync(place())).toEqual([]);
});

test('one that somebody has changed is replaced', () => {
  publish(stage(bundle));
  writeFileSync(join(place(), name, 'aw-follower.mjs'), 'damaged');
  expect(publish(stage(bundle))).toMatchObject({ answer: 'ready' });
  expect(readFileSync(join(place(), name, 'aw-follower.mjs'), 'utf8')).toBe(bundle);
});

test('a launcher of a Node that is gone is mended', () => {
  publish(stage(bundle));
  writeFileSync(join(place(), name, 'aw-follower'), "#!/bin/sh\nexec '/gone/node' x\n");
  expect(act({ act: 'prepare', name, digest }, home)).toMatchObject({ answer: 'ready', unchanged: false });
  expect(readFileSync(join(place(), name, 'aw-follower'), 'utf8')).toContain(process.execPath);
});

test('two that were staged side by side make one', () => {
  const [first, second] = [stage(bundle), stage(bundle)];
  expect([publish(first), publish(second)].map(({ answer }) => answer)).toEqual(['ready', 'ready']);
  expect(readdirSync(place()).sort()).toEqual([name, 'current'].sort());
  expect(readlinkSync(join(place(), 'current'))).toBe(name);
});

test('all of it goes, and nothing else', () => {
  publish(stage(bundle));
  mkdirSync(join(home, 'state/follower'), { recursive: true });
  writeFileSync(join(place(), '../of-somebody-else'), '');
  expect(act({ act: 'remove' }, home)).toEqual({ answer: 'removed', path: place() });
  expect([place(), join(home, 'state/follower')].filter(existsSync)).toEqual([]);
  expect(readdirSync(join(place(), '..'))).toEqual(['of-somebody-else']);
  expect(act({ act: 'remove' }, home)).toEqual({ answer: 'removed' });
});
