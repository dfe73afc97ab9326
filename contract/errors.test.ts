import { expect, test } from 'vitest';
import { AwError, asAwError, exitCodeOf, show } from './errors.ts';
import { fromProblem, Problem, toProblem } from './problem.ts';

test('an error names its values, its host and the remedy', () => {
  const error = new AwError('AW_CMD_NOT_FOUND', { command: '"npm"', searched: '/bin' }).forHost('lin-01');
  expect(error).toMatchObject({ code: 'AW_CMD_NOT_FOUND', host: 'lin-01', exitCode: 1, status: 422 });
  expect(error.message).toBe('command "npm" was not found; searched /bin');
  expect(error.remedy).toContain('--host lin-01');
});

test('an error crosses HTTP as a Problem and comes back the same', () => {
  const error = new AwError('AW_CWD_MISSING', { cwd: '"/w"', reason: 'ENOENT' });
  const problem = Problem.parse(JSON.parse(JSON.stringify(toProblem(error, { cwd: 'missing' }))));
  expect(problem).toMatchObject({ status: 422, title: 'AW_CWD_MISSING', errors: { cwd: 'missing' } });
  const back = fromProblem(problem, 422, 'lin-01');
  expect([back.code, back.message, back.host]).toEqual([error.code, error.message, 'lin-01']);
});

test.each([
  [{ code: 'AW_OF_TOMORROW', title: 'x', type: 'y', status: 418 }, 'AW_OF_TOMORROW: x'],
  ['<html>', 'no problem document'],
])('what is no problem of this version is still a coded error: %j', (body, reason) => {
  expect(fromProblem(body, 418)).toMatchObject({
    code: 'AW_SERVICE_REJECTED',
    details: { status: 418, reason },
  });
});

test('anything thrown becomes a coded error; a coded one stays itself', () => {
  const known = new AwError('AW_DISK', { path: '/x', reason: 'ENOSPC' });
  expect(asAwError(known)).toBe(known);
  expect(asAwError(known, 'a')).toMatchObject({ code: 'AW_DISK', host: 'a' });
  expect(asAwError(new TypeError('boom'))).toMatchObject({ code: 'AW_INTERNAL', message: /boom/ });
});

test('a code of a newer peer counts as a failing agent', () => {
  expect([exitCodeOf('AW_USAGE'), exitCodeOf('AW_OF_TOMORROW'), exitCodeOf('toString')]).toEqual([2, 4, 4]);
});

test.each([
  ['a\nb', '"a\\nb"'],
  ['\x1b[2J', '"\\u001b[2J"'],
  ['\u202egnp.exe', '"\\u202egnp.exe"'],
  ['\ud800', '"\\ud800"'],
  ['😀', '"😀"'],
  ['x'.repeat(300), `"${'x'.repeat(120)}…"`],
])('show(%j)', (value, shown) => {
  expect(show(value)).toBe(shown);
});
