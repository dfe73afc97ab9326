import { expect, test } from 'vitest';
import type { FollowerReport, Info } from '../../contract/follower-api.ts';
import { reportLines, summaryLine } from './doctor.ts';
import { createPaint } from './paint.ts';

const paint = createPaint(false);
const info = { os: 'linux', arch: 'x64', user: 'me', hostname: 'box\x1b[2J' } as Info;
const ok = { check: 'tcp', status: 'ok', detail: 'port 22' } as const;
const warning = { check: 'clock', status: 'warning', detail: '9 s ahead', fix: 'ntp' } as const;
const well: FollowerReport = { host: 'a', reachable: true, info, findings: [ok] };
const warned: FollowerReport = { host: 'b', reachable: true, info, findings: [ok, warning] };
const ill: FollowerReport = {
  host: 'c',
  reachable: false,
  findings: [
    ok,
    { check: 'login', status: 'failed', detail: 'refused', fix: 'ssh-copy-id c' },
    { check: 'agent', status: 'skipped', detail: 'needs login' },
  ],
};

test('many hosts: only what is wrong', () => {
  const lines = [well, warned, ill].flatMap(report => reportLines(report, { paint, fold: true }));
  expect(lines).toEqual([
    'a  linux x64, me@box [2J  ok',
    'b  linux x64, me@box [2J',
    '  WARN  clock  9 s ahead',
    '        fix: ntp',
    'c  not reached',
    '  ok    tcp    port 22',
    '  FAIL  login  refused',
    '        fix: ssh-copy-id c',
    '  skip  agent: needs login',
  ]);
});

test('one host: every step', () => {
  expect(reportLines(well, { paint, fold: false })).toEqual([
    'a  linux x64, me@box [2J',
    '  ok    tcp  port 22',
  ]);
});

test('the last word', () => {
  expect(summaryLine([well], paint)).toBe('1/1 hosts well');
  expect(summaryLine([well, warned, ill], paint)).toBe('2/3 hosts well; c: login; warnings on 1');
});
