import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { agentSockets } from './agent-sockets.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'aw-sockets-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const file = () => join(directory, 'agent-sockets');

test('what was said last counts, for that login only', () => {
  const one = agentSockets(directory, ['key', 'host', 'user']);
  const other = agentSockets(directory, ['key', 'host', 'root']);
  one.learn('/run/a b.sock');
  one.learn('/run/ü.sock');
  expect([one.find(), other.find()]).toEqual(['/run/ü.sock', undefined]);
  other.learn('/run/c.sock');
  one.learn(undefined);
  expect([one.find(), other.find()]).toEqual([undefined, '/run/c.sock']);
});

test.each(['relative', '/', '', '/two\nlines', '/nul\0', `/${'x'.repeat(107)}`])('%j is no path', path => {
  const sockets = agentSockets(directory, ['a']);
  sockets.learn('/before');
  sockets.learn(path);
  expect(sockets.find()).toBeUndefined();
});

test('what somebody else wrote into the file is passed over', () => {
  const sockets = agentSockets(directory, ['a']);
  sockets.learn('/good');
  writeFileSync(file(), `nonsense\n\0\n${readFileSync(file(), 'utf8')}${'0'.repeat(64)} relative\nhalf a li`);
  expect(sockets.find()).toBe('/good');
});

test('the file stays small and private, and keeps the latest', () => {
  for (let index = 0; index < 3000; index++)
    agentSockets(directory, [`${index}`]).learn(`/run/${index}/${'x'.repeat(80)}`);
  expect(statSync(file()).size).toBeLessThan(300 * 1024);
  expect(statSync(file()).mode & 0o077).toBe(0);
  expect(agentSockets(directory, ['2999']).find()).toContain('/run/2999/');
  expect(agentSockets(directory, ['0']).find()).toBeUndefined();
});

test('a directory that takes nothing is no failure', () => {
  const sockets = agentSockets('/proc/none', ['a']);
  sockets.learn('/x');
  expect(sockets.find()).toBeUndefined();
});
