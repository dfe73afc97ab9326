import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { chooseMode } from '../run/output-mode.ts';
import { fakeIo } from './fake-io.ts';
import { wantsColour } from './io.ts';

test.each([
  [true, {}, true],
  [false, {}, false],
  [true, { TERM: 'dumb' }, false],
  [true, { NO_COLOR: '1' }, false],
  [true, { NO_COLOR: '' }, true],
  [false, { FORCE_COLOR: '1' }, true],
  [true, { FORCE_COLOR: '0' }, false],
  [false, { FORCE_COLOR: '1', NO_COLOR: '1' }, false],
])('terminal %s with %j: colour %s', (isTerminal, env, expected) => {
  expect(wantsColour(isTerminal, env)).toBe(expected);
});

test.each([
  ['auto', 3, true, {}, 'lanes'],
  ['auto', 1, true, {}, 'prefix'],
  ['auto', 3, false, {}, 'prefix'],
  ['auto', 3, true, { TERM: 'dumb' }, 'prefix'],
  ['json', 3, true, {}, 'json'],
  ['lanes', 1, false, {}, 'lanes'],
] as const)('%s for %i hosts on terminal %s with %j is %s', (mode, hosts, isTerminal, env, expected) => {
  expect(chooseMode(mode, hosts, fakeIo({ isTerminal, env }))).toBe(expected);
});

test.each([
  [40, 8, 'lanes'],
  [39, 8, 'prefix'],
  [40, 7, 'prefix'],
])('in a window of %i columns and %i rows auto is %s', (columns, rows, expected) => {
  const io = { ...fakeIo({ isTerminal: true }), size: () => ({ columns, rows }) };
  expect(chooseMode('auto', 3, io)).toBe(expected);
});

const writer = (body: string) => [
  '--input-type=module',
  '--eval',
  `import { createIo } from ${JSON.stringify(fileURLToPath(new URL('./io.ts', import.meta.url)))};
   const io = createIo(); ${body}`,
];

test('with a slow reader there is no room, and all of it arrives', () => {
  const directory = mkdtempSync(join(tmpdir(), 'aw-io-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const full = join(directory, 'full');
  // The reader begins when the writer has had to wait.
  const body = `const { writeFileSync } = await import('node:fs');
    for (let n = 0; n < 200; n++) {
      io.write('stdout', 'x'.repeat(10000));
      const room = io.ready();
      if (room) { writeFileSync(${JSON.stringify(full)}, ''); await room; }
    }`;
  const script = `${JSON.stringify(process.execPath)} "$@" | { until [ -e '${full}' ]; do sleep 0.05; done; wc -c; }`;
  const { stdout } = spawnSync('sh', ['-c', script, 'sh', ...writer(body)], {
    encoding: 'utf8',
    timeout: 50_000,
  });
  expect(stdout.trim()).toBe('2000000');
});

test('a reader that goes away is noticed, and writing goes on without an error', () => {
  const body =
    "const timer = setInterval(() => io.write('stdout', 'x\\n'), 5); io.stdoutClosed.addEventListener('abort', () => { clearInterval(timer); io.write('stdout', 'more'); io.write('stderr', io.stdoutClosed.reason.code); });";
  const script = `${JSON.stringify(process.execPath)} "$@" | head -n 1`;
  const { stdout, stderr } = spawnSync('sh', ['-c', script, 'sh', ...writer(body)], { encoding: 'utf8' });
  expect({ stdout, stderr }).toEqual({ stdout: 'x\n', stderr: 'EPIPE' });
});
