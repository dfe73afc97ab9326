import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { HostEntry } from '../../contract/hosts.ts';
import { selectHosts } from '../../leader/catalogue/select.ts';
import { foldNames } from './host-names.ts';

const numbered = (prefix: string, from: number, to: number, width = 0) =>
  Array.from({ length: to - from + 1 }, (_, index) => prefix + String(from + index).padStart(width, '0'));

test.each([
  ['one name', ['mac-1'], 'mac-1'],
  ['no digits', ['alpha', 'beta'], 'alpha,beta'],
  ['a range and another host', [...numbered('lin-', 1, 47, 2), 'mac-1'], 'lin-[01-47],mac-1'],
  ['gaps', ['n07', 'n01', 'n02', 'n03'], 'n[01-03,07]'],
  ['a range that grows a digit', numbered('n', 8, 11), 'n[8-11]'],
  ['padding that ends', ['n098', 'n099', 'n100'], 'n[098-100]'],
  ['numbers that differ in padding alone', ['n1', 'n01', 'n2', 'n02'], 'n[1,01,2,02]'],
  ['all of two numbers', ['r1-n1', 'r1-n2', 'r2-n1', 'r2-n2'], 'r[1-2]-n[1-2]'],
  ['not all of two numbers', ['r1-n1', 'r1-n2', 'r2-n1'], 'r1-n[1-2],r2-n1'],
  ['digits in the middle and at the start', ['1a.x', '2a.x', '3a.x'], '[1-3]a.x'],
  ['addresses', ['10.0.0.1', '10.0.0.2'], '10.0.0.[1-2]'],
  [
    'numbers too long to count',
    ['n1234567890123456', 'n1234567890123457'],
    'n1234567890123456,n1234567890123457',
  ],
  ['the same name twice', ['a1', 'a1'], 'a1'],
  ['nobody', [], ''],
])('%s', (_what, names, expected) => {
  expect(foldNames(names)).toBe(expected);
});

/** Names that are hard to tell apart: few texts, numbers in all paddings. */
const name = fc
  .array(
    fc.oneof(
      fc.constantFrom('a', 'lin-', '.', '_', '-'),
      fc
        .tuple(fc.nat({ max: 120 }), fc.nat({ max: 4 }))
        .map(([number, width]) => String(number).padStart(width, '0')),
      fc.constantFrom('0', '00', '123456789012345', '1234567890123456'),
    ),
    { minLength: 1, maxLength: 5 },
  )
  .map(parts => `n${parts.join('')}`);

test('what is printed selects exactly the hosts it stands for', () => {
  fc.assert(
    fc.property(fc.uniqueArray(name, { minLength: 1, maxLength: 60 }), fc.nat(), (names, cut) => {
      const hosts = names.map(
        (each): HostEntry => ({ name: each, os: 'linux', transport: 'local', workspace: '/w' }),
      );
      const some = names.slice(0, 1 + (cut % names.length));
      const selected = selectHosts(hosts, { host: [foldNames(some)], tag: [] });
      expect(selected.map(host => host.name)).toEqual(some);
    }),
    { numRuns: 1000 },
  );
});
