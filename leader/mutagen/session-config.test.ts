import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { HostEntry } from '../../contract/hosts.ts';
import type { Capabilities, Exclusion } from '../../contract/trees.ts';
import { compileIgnores } from '../../follower/tree/ignore.ts';
import { mutagenIgnores } from './ignores.ts';
import { createArguments, sessionConfig } from './session-config.ts';

const host = HostEntry.parse({ name: 'Win_01.lab', os: 'windows', workspace: 'C:\\ws' });
const linux: Capabilities = {
  caseSensitive: true,
  normalizationSensitive: true,
  executable: true,
  symlinks: true,
  windowsNames: false,
  nameUnit: 'byte',
};
const ends = { alpha: '/project', beta: 'h-win-01-lab:C:\\ws' };
const config = (patterns: string[] = [], excluded: string[] = [], capabilities: Partial<Capabilities> = {}) =>
  sessionConfig(
    host,
    ends,
    { ...linux, ...capabilities },
    patterns,
    excluded.map((path): Exclusion => ({ path, code: 'reserved-name' })),
  );

test('a session goes one way, and only when it is told to', () => {
  const { name, yaml } = config();
  // Mutagen takes letters, numbers and hyphens.
  expect(name).toBe('h-win-01-lab');
  const { sync, ...more } = parse(yaml);
  expect(more).toEqual({});
  expect(sync.defaults).toMatchObject({ mode: 'one-way-replica', watch: { mode: 'no-watch' } });
});

test('the configuration holds every pattern as it is', () => {
  const patterns = ['{a,b}/**', '#hash', '\u2028line', '😀', '"quoted"', '\\*', '- x', 'é'];
  const { yaml } = config(patterns);
  expect(yaml).toMatch(/^[\n -~]*$/);
  expect(parse(yaml).sync.defaults.ignore.paths.slice(0, patterns.length)).toEqual(patterns);
});

test.each<[string, Partial<Capabilities>, string]>([
  ['Linux', {}, 'posix-raw'],
  ['Windows', { windowsNames: true }, 'portable'],
  ['Windows without the right to make links', { windowsNames: true, symlinks: false }, 'ignore'],
])('links of %s', (_, capabilities, mode) => {
  expect(parse(config([], [], capabilities).yaml).sync.defaults.symlink.mode).toBe(mode);
});

test('what it is set up with is on its label', () => {
  const [one, same, other] = [config(['a']), config(['a']), config(['b'])];
  expect(one.digest).toBe(same.digest);
  expect(one.digest).not.toBe(other.digest);
  expect(one.digest).not.toBe(config(['a'], ['aux']).digest);
  const words = createArguments(one, '/state/config.yml');
  expect(words).toContain(`aw-config=${one.digest}`);
  expect(words).toContain('--no-global-configuration');
  expect(words.slice(-2)).toEqual([ends.alpha, ends.beta]);
});

test('what a follower cannot have, and version control, is ignored whatever the project takes back', () => {
  const paths = ['dir/aux', 'a.', 'co:lon', 'odd [x]{y}*?\\', '!bang'];
  const excluded = paths.map(path => ({ path }));
  const rules = compileIgnores(mutagenIgnores(['*.log', '!keep.log', '!**', '!.git'], excluded));
  for (const path of [...paths, '.git', 'sub/.git', '.hg', '.aw-temporary-x']) {
    expect([path, rules.ignores(path, false)]).toEqual([path, true]);
  }
  for (const path of ['aux', 'dir/a.', 'odd xy', 'bang', 'dir/keep.log', '.gitignore']) {
    expect([path, rules.ignores(path, false)]).toEqual([path, false]);
  }
});
