import { expect, test } from 'vitest';
import type { RunRequestInput } from '../../contract/follower-api.ts';
import { agentlessLine, agentlessProgram, agentlessSignal } from './agentless-posix.ts';

const request = (fields: Partial<RunRequestInput> = {}): RunRequestInput => ({
  runId: 'r1',
  host: 'a',
  command: { kind: 'argv', argv: ['true'] },
  cwd: '/w',
  ...fields,
});
const program = (fields: Partial<RunRequestInput>) => agentlessProgram(request(fields), 'linux', 'aw-frame');

test('a login shell gets nothing of a user, and no character that one of them reads in its own way', () => {
  expect(agentlessLine('aw-1')).toBe(
    `exec "$SHELL" -l -c 'exec /bin/sh -c "echo aw-1; exec /bin/sh -s aw-1"'`,
  );
  expect(agentlessLine('aw-1', 'zsh')).toMatch(/^exec zsh -l -c '/);
  const signal = agentlessSignal('aw-1', { pid: 7, leader: 5, isGroup: true }, 'INT');
  expect(signal).toContain('kill -INT -5;');
  expect(agentlessSignal('aw-1', { pid: 7, leader: 5, isGroup: false }, 'KILL')).toContain('kill -KILL 7;');
  // Within its single quotes: another one, a history reference, a line break.
  for (const line of [agentlessLine('aw-1'), signal]) {
    const [, quoted] = /-c '([^']*)'$/.exec(line) ?? [];
    expect(quoted).toBeDefined();
    expect(quoted).not.toMatch(/[!\n]|\\['\\]/);
  }
});

test('the program is one command of the shell: cut off anywhere, it does nothing', () => {
  const text = program({});
  expect(text.startsWith('{\n') && text.endsWith('\n}\n')).toBe(true);
});

test.each([
  [{ command: { kind: 'argv', argv: ['a\0'] } }, 'AW_ARG_NUL'],
  [{ command: { kind: 'argv', argv: ['a', '\ud800'] } }, 'AW_ARG_LONE_SURROGATE'],
  [{ command: { kind: 'argv', argv: ['a', 'x'.repeat(131_072)] } }, 'AW_ARG_TOO_LONG'],
  [{ command: { kind: 'script', script: 'x'.repeat(131_072) } }, 'AW_ARG_TOO_LONG'],
  [{ env: { 'A=B': '' } }, 'AW_ENV_NAME_INVALID'],
  [{ env: { AW_RUN_ID: 'x' } }, 'AW_ENV_RESERVED'],
  [{ env: { A: 'x\0' } }, 'AW_ENV_VALUE_INVALID'],
  [{ env: { 'a.b': '1' } }, 'AW_AGENT_NEEDED'],
  [{ env: { RANDOM: '1' } }, 'AW_AGENT_NEEDED'],
  [{ env: { BASHOPTS: '1' } }, 'AW_AGENT_NEEDED'],
  [{ shell: 'pwsh' }, 'AW_AGENT_NEEDED'],
  [{ loginShell: 'pwsh', command: { kind: 'script', script: '' } }, 'AW_AGENT_NEEDED'],
] as [Partial<RunRequestInput>, string][])('%j is refused: %s', (fields, code) => {
  expect(() => program(fields)).toThrow(expect.objectContaining({ code }));
});

test('a variable that only sounds like the shell is handed on', () => {
  expect(program({ env: { BASH_ENV: '/x', PATH: '/p', UIDS: '1' } })).toContain("export BASH_ENV='/x'");
});
