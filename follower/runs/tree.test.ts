import { expect, test } from 'vitest';
import { parseProcess } from './processes-macos.ts';
import { membersOf, type ProcessEntry, runMarks } from './tree.ts';

interface Fake {
  pid: number;
  parent?: number;
  group?: number;
  session?: number;
  mark?: number;
  variables?: string[];
}

const entry = ({
  pid,
  parent = 1,
  group = pid,
  session = pid,
  mark = 100,
  variables = [],
}: Fake): ProcessEntry => ({
  pid,
  parent,
  group,
  session,
  mark: String(mark),
  startedSince: other => mark >= Number(other),
  hasVariables: assignments => assignments.every(assignment => variables.includes(assignment)),
  command: () => `process ${pid}`,
});
const pids = (members: readonly ProcessEntry[]) => members.map(member => member.pid).sort((a, b) => a - b);
const root = { marks: runMarks('r', 'a'), pid: 10, mark: '100' };

test('children, their children, the group, the session and what carries the marks', () => {
  const all = [
    entry({ pid: 10 }),
    entry({ pid: 11, parent: 10, group: 10 }),
    entry({ pid: 12, parent: 11 }),
    entry({ pid: 13, group: 10 }),
    entry({ pid: 14, session: 10 }),
    entry({ pid: 15, variables: runMarks('r', 'a') }),
    entry({ pid: 16, parent: 15 }),
    entry({ pid: 20, variables: runMarks('rr', 'a') }),
    entry({ pid: 22, variables: runMarks('r', 'another host of this machine') }),
    entry({ pid: 21 }),
  ];
  expect(pids(membersOf(root, all))).toEqual([10, 11, 12, 13, 14, 15, 16]);
});

test('a later holder of the number, and its group, are none of the run', () => {
  const all = [
    entry({ pid: 10, mark: 500 }),
    entry({ pid: 11, parent: 10, group: 10, mark: 501 }),
    entry({ pid: 12, mark: 200, variables: runMarks('r', 'a') }),
  ];
  expect(pids(membersOf(root, all))).toEqual([12]);
});

test('nothing that was there before the run, and never the agent itself', () => {
  const all = [
    entry({ pid: 5, mark: 99, variables: runMarks('r', 'a') }),
    entry({ pid: process.pid, variables: runMarks('r', 'a') }),
    entry({ pid: 6, parent: process.pid }),
  ];
  expect(membersOf(root, all)).toEqual([]);
});

test('without a number only the marks tell', () => {
  const all = [entry({ pid: 10 }), entry({ pid: 11, parent: 10, variables: runMarks('r', 'a') })];
  expect(pids(membersOf({ marks: runMarks('r', 'a') }, all))).toEqual([11]);
});

test('lines of macOS ps', () => {
  const line = '  501   1 501 Ss   Sat Nov  2 17:01:02 2026     /bin/sh -c echo  two   spaces';
  const parsed = parseProcess(line, new Set([501]))!;
  expect(parsed).toMatchObject({
    pid: 501,
    parent: 1,
    group: 501,
    session: -1,
    mark: 'Sat Nov  2 17:01:02 2026',
  });
  expect(parsed.command()).toBe('/bin/sh -c echo  two   spaces');
  expect(parsed.hasVariables(['AW_RUN_ID=x'])).toBe(true);
  expect(parsed.startedSince('Sat Nov  2 17:01:02 2026')).toBe(true);
  expect(parsed.startedSince('Sat Nov  2 17:01:03 2026')).toBe(false);
  expect(parseProcess('  502   1 502 Z    Sat Nov  2 17:01:02 2026     (sh)', new Set())).toBeUndefined();
  expect(parseProcess('garbage', new Set())).toBeUndefined();
});
