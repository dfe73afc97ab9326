import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Event } from '../../contract/events.ts';
import { HostCatalogue } from '../../contract/hosts.ts';
import { createPaint } from '../render/paint.ts';
import { exited, started } from '../render/recorded-events.ts';
import { editLines, opening, outcomeLines, readBackLines, secondOutcomeLines } from './narration.ts';
import { chooseShells, editProject, equalHosts, type Stage, setStage, strike } from './stage.ts';

const paint = createPaint(false);

async function staged(): Promise<Stage> {
  const stage = await setStage(process.env);
  onTestFinished(() => strike(stage.root));
  return stage;
}

test('the stage: a valid catalogue, and one host whose copy differs in line endings alone', async () => {
  const stage = await staged();
  const catalogue = JSON.parse(await readFile(join(stage.project, '.agents', 'hosts.json'), 'utf8'));
  expect(HostCatalogue.parse(catalogue).hosts.map(host => host.name)).toEqual(['alpha', 'beta', 'gamma']);
  const original = await readFile(join(stage.project, stage.changedFile), 'utf8');
  expect(original).not.toContain('\r');
  for (const { name, workspace } of stage.hosts) {
    const copy = await readFile(join(workspace, stage.changedFile), 'utf8');
    expect(copy).toBe(name === stage.oddHost ? original.replaceAll('\n', '\r\n') : original);
  }
});

test('a temporary directory that cannot be made is an error, and nothing is left', async () => {
  const before = process.env.TMPDIR;
  process.env.TMPDIR = join(tmpdir(), 'aw-demo-no-such-directory');
  onTestFinished(() => {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  });
  await expect(setStage({})).rejects.toMatchObject({ code: 'ENOENT' });
});

test.skipIf(process.platform === 'win32').each([
  [
    ['sh', 'bash', 'zsh', 'pwsh', 'fish'],
    ['bash', 'zsh', 'pwsh'],
  ],
  [
    ['sh', 'bash', 'zsh', 'fish', 'mksh'],
    ['bash', 'zsh', 'fish'],
  ],
  [
    ['sh', 'bash', 'dash'],
    ['bash', 'sh', 'dash'],
  ],
  [['sh'], ['sh', 'sh', 'sh']],
])('of the shells %j three are chosen', (present, chosen) => {
  expect(chooseShells({}, name => present.includes(name))).toEqual(chosen);
});

test('the narration is short and fits a pipe', async () => {
  const stage = await staged();
  const args = ['agent', 'run-everywhere', '--', 'x'];
  const lines = [
    ...opening(stage, 'http://127.0.0.1:1', args, paint),
    ...outcomeLines(1, stage, paint),
    ...editLines(stage, args, paint),
    ...secondOutcomeLines(0, ['alpha', 'beta', 'gamma'], stage, paint),
    ...readBackLines([], stage, paint).lines,
  ];
  expect(lines.length).toBeLessThan(25);
  for (const line of lines) {
    expect(line).not.toContain('\x1b');
    expect(line.length).toBeLessThanOrEqual(120);
  }
});

test('an edit of the project is on no host before something brings it there', async () => {
  const stage = await staged();
  expect(await equalHosts(stage)).toEqual(['alpha', 'beta']);
  await editProject(stage);
  expect(await equalHosts(stage)).toEqual([]);
});

test('the session counts as read back only with every start, every end, the fence and the right failure', async () => {
  const stage = await staged();
  const ts = '2026-01-02T03:04:05.678Z';
  const hosts = ['alpha', 'beta', 'gamma'];
  const summary = (passed: string[], failed: string[]): Event => ({ type: 'summary', ts, passed, failed });
  const fence: Event = {
    type: 'fenceResult',
    ts,
    snapshotId: 's',
    hosts: Object.fromEntries(hosts.map(host => [host, { state: 'consistent' as const }])),
  };
  const run = [...hosts.map(host => started(host, 1)), ...hosts.map(host => exited(host, {}))];
  const first = summary(['alpha', 'beta'], ['gamma']);
  const whole = [...run, first, fence, ...run, summary(hosts, [])];
  expect(readBackLines(whole, stage, paint).isComplete).toBe(true);
  for (let missing = 0; missing < whole.length; missing++) {
    const { isComplete, lines } = readBackLines(whole.toSpliced(missing, 1), stage, paint);
    expect(isComplete).toBe(false);
    expect(lines.join('\n')).toContain('something is missing');
  }
  const wrong = whole.with(run.length, summary(hosts, []));
  expect(readBackLines(wrong, stage, paint).isComplete).toBe(false);
});
