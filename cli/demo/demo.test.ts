import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { HostCatalogue } from '../../contract/hosts.ts';
import { createPaint } from '../render/paint.ts';
import { exited, started } from '../render/recorded-events.ts';
import { opening, outcomeLines, readBackLines } from './narration.ts';
import { chooseShells, type Stage, setStage, strike } from './stage.ts';

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
  const lines = [
    ...opening(stage, 'http://127.0.0.1:1', ['agent', 'run-everywhere', '--', 'x'], paint),
    ...outcomeLines(1, stage, paint),
    ...readBackLines([], stage, paint).lines,
  ];
  expect(lines.length).toBeLessThan(15);
  for (const line of lines) {
    expect(line).not.toContain('\x1b');
    expect(line.length).toBeLessThanOrEqual(120);
  }
});

test('the session counts as read back only with every start, every end and the right failure', async () => {
  const stage = await staged();
  const summary = {
    type: 'summary' as const,
    ts: '2026-01-02T03:04:05.678Z',
    passed: ['alpha', 'beta'],
    failed: ['gamma'],
  };
  const hosts = ['alpha', 'beta', 'gamma'];
  const whole = [...hosts.map(host => started(host, 1)), ...hosts.map(host => exited(host, {})), summary];
  expect(readBackLines(whole, stage, paint).isComplete).toBe(true);
  for (let missing = 0; missing < whole.length; missing++) {
    const { isComplete, lines } = readBackLines(whole.toSpliced(missing, 1), stage, paint);
    expect(isComplete).toBe(false);
    expect(lines.join('\n')).toContain('something is missing');
  }
  expect(readBackLines([...whole.slice(0, -1), { ...summary, failed: hosts }], stage, paint).isComplete).toBe(
    false,
  );
});
