import { expect, test } from 'vitest';
import { findingLines } from './finding-text.ts';
import type { Finding } from './follower-api.ts';

const findings: Finding[] = [
  { check: 'name', status: 'ok', detail: 'h is 192.0.2.7', fix: 'nothing to fix' },
  { check: 'tool node', status: 'ok', detail: 'v26.1.0 (/usr/bin/node)' },
  { check: 'tool go', status: 'info', detail: 'not found on PATH' },
  { check: 'tool git', status: 'ok', detail: 'git version 2.39.5 (/usr/bin/git)' },
  { check: 'tool java', status: 'warning', detail: '/usr/bin/java did not answer' },
  { check: 'host key', status: 'failed', detail: 'refused\x1b[2J\u202e it', fix: 'ssh-keygen -R \n h' },
  { check: 'login', status: 'skipped', detail: 'needs host key' },
  { check: 'agent', status: 'skipped', detail: 'needs host key' },
];
const paint = (_: string, text: string) => text;

test('as a list', () => {
  expect(findingLines(findings, { paint })).toEqual([
    'ok    name       h is 192.0.2.7',
    'ok    tools      node: v26.1.0 (/usr/bin/node); git: git version 2.39.5 (/usr/bin/git); not there: go',
    'WARN  tool java  /usr/bin/java did not answer',
    'FAIL  host key   refused [2J  it',
    '      fix: ssh-keygen -R   h',
    'skip  login, agent: needs host key',
  ]);
});

test('in a window: details wrap under themselves, a fix stays whole', () => {
  const long: Finding = {
    check: 'tcp',
    status: 'failed',
    detail: 'port 22: one two three four five six seven /a/path/that/is/longer/than/the/window',
    fix: 'a command that is longer than the window is',
  };
  expect(findingLines([long], { paint, columns: 40 })).toEqual([
    'FAIL  tcp  port 22: one two three four',
    '           five six seven',
    '           /a/path/that/is/longer/than/the/window',
    '      fix: a command that is longer than the window is',
  ]);
});
