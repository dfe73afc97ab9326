/** What a person sees while a run of 50 hosts goes on: in a real terminal, tmux. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import stringWidth from 'string-width';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../support/fleet.ts';
import { requires, which } from '../support/require.ts';

const tmux = which('tmux');
const PROGRAM = join(import.meta.dirname, 'staged-run.ts');

/** The staged run in a terminal of its own. The shell that started it stays when it has ended. */
function openTerminal(columns: number, rows: number) {
  const directory = mkdtempSync(join(tmpdir(), 'aw-terminal-'));
  const pidFile = join(directory, 'pid');
  const socket = join(directory, 'tmux');
  const env = { PATH: process.env.PATH, HOME: directory, LANG: 'C.UTF-8', TERM: 'xterm-256color' };
  const call = (...args: string[]) =>
    execFileSync(tmux!, ['-u', '-S', socket, '-f', '/dev/null', ...args], { env, encoding: 'utf8' });
  const command = `'${process.execPath}' '${PROGRAM}' '${pidFile}'; echo "ended with $?"; exec sleep 600`;
  call('new-session', '-d', '-x', String(columns), '-y', String(rows), 'sh', '-c', command);
  onTestFinished(() => {
    call('kill-server');
    rmSync(directory, { recursive: true });
  });
  return {
    screen: () =>
      call('capture-pane', '-p')
        .split('\n')
        .map(row => row.trimEnd()),
    history: () => call('capture-pane', '-p', '-J', '-S', '-'),
    type: (...keys: string[]) => call('send-keys', ...keys),
    isCursorShown: () => call('display', '-p', '#{cursor_flag}').trim() === '1',
    resize: (to: { columns: number; rows: number }) =>
      call('resize-window', '-x', String(to.columns), '-y', String(to.rows)),
    async signal(name: NodeJS.Signals) {
      await eventually(() => existsSync(pidFile) && readFileSync(pidFile, 'utf8') !== '', 'it has started');
      process.kill(Number(readFileSync(pidFile, 'utf8')), name);
    },
  };
}

const header = /^\d+\/50 done/;

test.skipIf(!requires('tmux', tmux !== undefined))('50 hosts, from the first row to the last', async () => {
  const terminal = openTerminal(80, 24);
  const shows = (text: string) => eventually(() => terminal.screen().join('\n').includes(text), text);
  await shows('0/50 done');
  await shows('running: lin-[');
  expect(terminal.isCursorShown()).toBe(false);
  const first = terminal.screen();
  expect(first[0]).toMatch(header);
  expect(first.filter(row => row !== '')).toHaveLength(23);
  expect(first[1]).toMatch(/^▸ lin-01 +\d:\d\d {2}wide 下载 wide 下载 .*…$/);
  for (const row of first) expect(stringWidth(row)).toBeLessThan(80);

  await terminal.signal('SIGUSR2');
  await shows('9/50 done, 1 failed');
  const second = terminal.screen();
  expect(second[1]).toMatch(/^✗ lin-50 {3}1\.2 s {2}exit 3 {2}Error: no space left on device$/);
  expect(second[2]).toMatch(/^~ lin-09 +\d+:\d\d {2}silent \d+ s: connection lost, trying again$/);
  expect(second).toContain('+ 8 passed: lin-[01-08]');

  terminal.resize({ columns: 50, rows: 12 });
  await eventually(() => {
    const rows = terminal.screen();
    return rows.filter(row => header.test(row)).length === 1 && rows.includes('+ 8 passed: lin-[01-08]');
  }, 'the rows fit the smaller window');

  await terminal.signal('SIGUSR2');
  await shows('ended with 1');
  expect(terminal.isCursorShown()).toBe(true);
  const last = terminal.history();
  expect(last).toContain('note (host lin-09): the connection is lost; trying again, the run goes on there\n');
  expect(last).toContain('✓ lin-[41-49] (9 hosts): passed, no output');
  expect(last).toMatch(/^lin-\[01-49\] +✓ passed +1\.2 s +-\nlin-50 +✗ failed exit 3 +1\.2 s +-$/m);
  expect(last).toContain('49/50 hosts passed; failed: lin-50 (exit 3)\nended with 1');
});

test.skipIf(!requires('tmux', tmux !== undefined))(
  'a signal that ends the process gives the cursor back',
  async () => {
    const terminal = openTerminal(80, 24);
    await eventually(() => !terminal.isCursorShown(), 'the cursor is hidden');
    await terminal.signal('SIGHUP');
    await eventually(() => terminal.screen().join('\n').includes('ended with'), 'it has ended');
    expect(terminal.isCursorShown()).toBe(true);
  },
);

test.skipIf(!requires('tmux', tmux !== undefined))(
  'a question has the bottom of the terminal until it is answered, and the rows go on below it',
  async () => {
    const terminal = openTerminal(80, 24);
    const rows = () => terminal.screen().filter(row => row !== '');
    const shows = (text: string) => eventually(() => rows().join('\n').includes(text), text);
    await shows('running: lin-[');
    await terminal.signal('SIGUSR1');
    await shows('Passphrase for /k:');
    // Also not by what happens meanwhile, nor by any of the frames of half a second.
    await terminal.signal('SIGUSR2');
    await sleep(500);
    expect(rows()).toEqual(['Passphrase for /k:']);
    expect(terminal.isCursorShown()).toBe(true);

    terminal.type('geheim', 'Enter');
    await shows('9/50 done, 1 failed');
    // The rows fill the window: what stands above them has scrolled out of it.
    const above = /^Passphrase for \/k:\s*\n(?:note .*\n)?note: 6 keys were typed\n9\/50 done/m;
    await eventually(() => above.test(terminal.history()), 'the rows are below');
    expect(rows().filter(row => header.test(row))).toHaveLength(1);
    expect(terminal.history()).not.toContain('geheim');
    expect(terminal.isCursorShown()).toBe(false);
  },
);
