import { expect, test } from 'vitest';
import { joinAlike, whereText } from './alike.ts';

const said = (...all: [string | undefined, ...string[]][]) =>
  joinAlike(all.map(([host, ...texts]) => ({ host, texts })));

test('texts that differ in the name of their host alone are one, in the order of the first', () => {
  expect(
    said(
      ['n1', 'cannot reach n1: refused', 'doctor --host n1'],
      ['n2', 'disk full', ''],
      ['n3', 'cannot reach n3: refused', 'doctor --host n3'],
    ),
  ).toEqual([
    { hosts: ['n1', 'n3'], texts: ['cannot reach n[1,3]: refused', "doctor --host 'n[1,3]'"] },
    { hosts: ['n2'], texts: ['disk full', ''] },
  ]);
});

test('a name within another word is not the name of the host', () => {
  const [first, second] = said(['a', 'a.example.com said a.'], ['b', 'a.example.com said b.']);
  expect(first).toEqual({ hosts: ['a', 'b'], texts: ['a.example.com said a,b.'] });
  expect(second).toBeUndefined();
  expect(said(['n1', 'port n10'], ['n2', 'port n20'])).toHaveLength(2);
});

test('names with signs that mean something in a pattern are found as they are', () => {
  expect(said(['a.b', 'axb a.b'], ['c.d', 'axb c.d'])).toEqual([
    { hosts: ['a.b', 'c.d'], texts: ['axb a.b,c.d'] },
  ]);
});

test('texts of nobody in particular, and control characters', () => {
  expect(said([undefined, 'one\x1b[2J\0'], [undefined, 'one\x1b[2J\0'])).toEqual([
    { hosts: [], texts: ['one [2J '] },
  ]);
});

test('where', () => {
  expect(['', 'a', 'a1 a2'].map(names => whereText(names.split(' ').filter(Boolean)))).toEqual([
    '',
    ' (host a)',
    ' (2 hosts: a[1-2])',
  ]);
});
