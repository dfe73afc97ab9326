import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AwError } from '../../contract/errors.ts';
import { HostEntry } from '../../contract/hosts.ts';
import { expandRanges } from './ranges.ts';
import { selectHosts } from './select.ts';

const host = (name: string, more: object = {}) =>
  HostEntry.parse({ name, os: 'linux', workspace: '/w', ...more });
const fleet = [
  ...Array.from({ length: 12 }, (_, index) => host(`lin-${String(index + 1).padStart(2, '0')}`)),
  host('mac-1', { os: 'macos', tags: ['arch=arm64', 'gpu=none'] }),
  host('mac-2', { os: 'macos', tags: ['arch=x64'] }),
  host('win-1', {
    os: 'windows',
    workspace: 'S:\\',
    transport: 'ssh',
    address: 'win-01.example',
    tags: ['gpu=none'],
  }),
];
const names = (hostTerms: string[], tags: string[] = []) =>
  selectHosts(fleet, { host: hostTerms, tag: tags })
    .map(({ name }) => name)
    .join(' ');
const thrown = (act: () => unknown): AwError => {
  try {
    act();
  } catch (error) {
    if (error instanceof AwError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
};

test.each<[string[], string[], string]>([
  [['mac-1'], [], 'mac-1'],
  [['MAC-1'], [], 'mac-1'],
  [['win-1', 'mac-1'], [], 'mac-1 win-1'],
  [['win-1,mac-1'], [], 'mac-1 win-1'],
  [['win-1, mac-1'], [], 'mac-1 win-1'],
  [['mac-*'], [], 'mac-1 mac-2'],
  [['{mac,win}-1'], [], 'mac-1 win-1'],
  [['mac-[12]'], [], 'mac-1 mac-2'],
  [['lin-[09-11]'], [], 'lin-09 lin-10 lin-11'],
  [['lin-[01,03-04]'], [], 'lin-01 lin-03 lin-04'],
  [['lin-0[1-2]'], [], 'lin-01 lin-02'],
  [['*', '!lin-*'], [], 'mac-1 mac-2 win-1'],
  [['!lin-*,!win-1'], [], 'mac-1 mac-2'],
  [['mac-*', '!mac-2'], [], 'mac-1'],
  [['!lin-[01-12]'], [], 'mac-1 mac-2 win-1'],
  [[], ['os=macos'], 'mac-1 mac-2'],
  [[], ['os!=linux'], 'mac-1 mac-2 win-1'],
  [[], ['os!=linux', 'gpu=none'], 'mac-1 win-1'],
  [[], ['name=win-1'], 'win-1'],
  [[], ['transport!=local'], 'win-1'],
  [['mac-*'], ['arch=x64'], 'mac-2'],
])('--host %j --tag %j', (hostTerms, tags, expected) => {
  expect(names(hostTerms, tags)).toBe(expected);
});

test('no selector means every host, in the order of the catalogue', () => {
  expect(selectHosts(fleet, { host: [], tag: [] })).toEqual(fleet);
});

test.each<[string[], string[], string]>([
  [['mac1'], [], 'mac-1'],
  [['win-x*'], [], 'win-1'],
  [['!lin-13'], [], 'lin-12'],
  [['lin-[11-13]'], [], 'lin-12'],
  [[], ['os=macosx'], 'os=macos'],
  [[], ['gpu=nine'], 'gpu=none'],
  [[], ['gpu!=nine'], 'gpu=none'],
  [[], ['arhc=x64'], 'arch'],
  [['mac-1'], ['os=linux'], 'lin-01'],
])('nothing matches --host %j --tag %j', (hostTerms, tags, near) => {
  const error = thrown(() => names(hostTerms, tags));
  expect(error.code).toBe('AW_SELECTOR_NO_MATCH');
  expect(error.remedy).toContain(near);
});

test.each([
  [['lin-[12-01]'], []],
  [['lin-[001-12]'], []],
  [['lin-[0-999999999]'], []],
  [['[0-99][0-999]'], []],
  [[`a[1-${'9'.repeat(40)}]`], []],
  [['a b'], []],
  [['lin/01'], []],
  [[''], []],
  [[','], []],
  [['!'], []],
  [[], ['os']],
  [[], ['=x']],
  [[], ['a=b c']],
])('not a selector: --host %j --tag %j', (hostTerms, tags) => {
  expect(thrown(() => names(hostTerms, tags)).code).toBe('AW_SELECTOR_INVALID');
});

const text = fc.stringMatching(/^[a-z-]{0,5}$/);
const small = fc.integer({ min: 0, max: 400 });

test('a range stands for each of its numbers once, in order, as wide as its first', () => {
  fc.assert(
    fc.property(
      text,
      text,
      small,
      fc.integer({ min: 0, max: 60 }),
      fc.integer({ min: 0, max: 3 }),
      (a, b, from, size, zeros) => {
        const to = from + size;
        const first = '0'.repeat(zeros) + from;
        const last = String(to).padStart(first.length, '0');
        const expanded = expandRanges(`${a}[${first}-${last}]${b}`);
        expect(expanded).toHaveLength(size + 1);
        expect(new Set(expanded).size).toBe(size + 1);
        for (const [index, name] of expanded.entries()) {
          const digits = name.slice(a.length, name.length - b.length);
          expect(name).toBe(a + digits + b);
          expect(Number(digits)).toBe(from + index);
          expect(digits.length).toBe(Math.max(first.length, String(from + index).length));
        }
      },
    ),
  );
});

test('several ranges are every combination', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }), (rows, columns) => {
      const expanded = expandRanges(`r[1-${rows}]-n[1-${columns}]`);
      expect(expanded.length).toBe(rows * columns);
      expect(new Set(expanded).size).toBe(rows * columns);
      expect(expanded[0]).toBe('r1-n1');
      expect(expanded.at(-1)).toBe(`r${rows}-n${columns}`);
    }),
  );
});

test('text without a range stands for itself', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z0-9._*?-]{0,20}$/), plain => {
      expect(expandRanges(plain)).toEqual([plain]);
    }),
  );
});
