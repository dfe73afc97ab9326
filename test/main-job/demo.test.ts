/** `npm start` as a person sees it: it ends by itself with 0, shows what it should, and leaves nothing, also after Ctrl-C. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../support/fleet.ts';

const repository = resolve(import.meta.dirname, '../..');

interface Scene {
  tmp: string;
  env: Record<string, string>;
  /** Command lines of the processes that belong to the demo. */
  left(): string[];
}

function scene(): Scene {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'aw-npm-start-')));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const [tmp, home] = [join(dir, 'tmp'), join(dir, 'home')];
  for (const path of [tmp, home]) mkdirSync(path);
  const left = () =>
    readdirSync('/proc')
      .filter(name => /^\d+$/.test(name))
      .flatMap(pid => {
        try {
          const text = readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');
          return text.includes(tmp) && text.includes('aw') ? [text] : [];
        } catch {
          return [];
        }
      });
  const env = { PATH: process.env.PATH ?? '', HOME: home, TMPDIR: tmp, npm_config_update_notifier: 'false' };
  return { tmp, env, left };
}

function start({ env }: Scene, ...args: string[]): { child: ChildProcess; output: () => string } {
  const child = spawn('npm', ['start', ...args], { cwd: repository, env, detached: true });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', chunk => {
      output += chunk;
    });
  }
  return { child, output: () => output };
}

test('it shows a failure on one host, an edit that arrives on all, reads the session back, and leaves nothing', async () => {
  const here = scene();
  const { child, output } = start(here);
  expect(await once(child, 'close')).toEqual([0, null]);
  expect(output()).toContain('2/3 hosts passed; failed: gamma (exit 1)');
  expect(output()).toContain('first passed alpha, beta; failed gamma.');
  expect(output()).toMatch(/^fence: 3\/3 hosts equal to /m);
  expect(output()).toContain('data/orders.csv is the same everywhere, byte for byte');
  expect(output()).toContain('passed alpha, beta, gamma; failed nobody.');
  expect(readdirSync(here.tmp).filter(name => name.startsWith('aw-'))).toEqual([]);
  expect(here.left()).toEqual([]);
});

test.each([
  ['while its followers start', (text: string, tmp: string) => text.includes('$ aw') || startsAgent(tmp)],
  ['while the tests run', (text: string) => text.includes('$ aw')],
])('Ctrl-C %s leaves nothing', async (_, isTime) => {
  const here = scene();
  const { child, output } = start(here);
  await eventually(() => isTime(output(), here.tmp), 'the demo gets that far', 4000);
  // To all of the foreground group, as a terminal does.
  process.kill(-child.pid!, 'SIGINT');
  await once(child, 'close');
  await eventually(() => here.left().length === 0, `nothing is left: ${here.left().join('; ')}`, 100);
  expect(readdirSync(here.tmp).filter(name => name.startsWith('aw-'))).toEqual([]);
});

/** Whether a follower's directory is there, which is made right before its agent is started. */
function startsAgent(tmp: string): boolean {
  const demo = readdirSync(tmp).find(name => name.startsWith('aw-demo-'));
  return demo !== undefined && existsSync(join(tmp, demo, 'state', 'followers'));
}

test('--keep leaves it running, and the line that it prints stops and removes it all', async () => {
  const here = scene();
  const { child, output } = start(here, '--', '--keep');
  expect(await once(child, 'close')).toEqual([0, null]);
  expect(here.left().length).toBeGreaterThan(3);
  const lines = output().trimEnd().split('\n');
  const { AW_STATE_DIR: _, ...env } = process.env;
  const tried = lines.slice(
    lines.indexOf('Still running. Try next:') + 1,
    lines.indexOf('To stop and remove it all:'),
  );
  const session = spawnSync('bash', ['-O', 'expand_aliases'], {
    input: tried.join('\n'),
    env,
    encoding: 'utf8',
  });
  expect(session).toMatchObject({ stdout: expect.stringContaining('data/orders.csv') });
  const stopped = spawnSync('sh', ['-c', lines.at(-1)!], { cwd: '/', env, encoding: 'utf8' });
  expect(stopped).toMatchObject({ status: 0, stderr: '' });
  await eventually(() => here.left().length === 0, `nothing is left: ${here.left().join('; ')}`, 100);
  expect(readdirSync(here.tmp).filter(name => name.startsWith('aw-'))).toEqual([]);
});
