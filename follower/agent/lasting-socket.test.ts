import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { lastingSocket } from './lasting-socket.ts';

let home: string;
beforeAll(() => {
  home = mkdtempSync(join(userInfo().homedir, '.aw-test-'));
  mkdirSync(join(home, 'state/follower'), { recursive: true });
  mkdirSync(join(home, 'open'));
  chmodSync(join(home, 'open'), 0o777);
  symlinkSync(join(home, 'state'), join(home, 'link'));
});
afterAll(() => rmSync(home, { recursive: true }));

const told = (path: string) => lastingSocket({ kind: 'socket', path });

test.skipIf(process.platform === 'win32')('only where nobody else can put another', () => {
  const path = join(home, 'state/follower/agent.sock');
  expect(told(path)).toBe(path);
  expect(told(join(home, 'open/agent.sock'))).toBeUndefined();
  expect(told(join(home, 'link/follower/agent.sock'))).toBeUndefined();
  expect(told(join(home, 'missing/agent.sock'))).toBeUndefined();
  expect(told(join(tmpdir(), 'agent.sock'))).toBeUndefined();
});

test('no other endpoint has one', () => {
  expect(lastingSocket({ kind: 'tcp', host: '127.0.0.1', port: 1 })).toBeUndefined();
});
