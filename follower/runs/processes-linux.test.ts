import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { countStarts, linuxProcesses, linuxProcessesSince } from './processes-linux.ts';

const onLinux = test.skipIf(process.platform !== 'linux');

/** What other programs of this machine start meanwhile is not under control, so several are tried. */
async function since(script: string) {
  for (let tries = 0; ; tries++) {
    const starts = countStarts()!;
    const child = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      await once(child.stdout, 'data');
      const found = linuxProcessesSince(child.pid!, starts)?.map(entry => entry.pid);
      const all = linuxProcesses()
        .filter(entry => entry.pid === child.pid || entry.parent === child.pid)
        .map(entry => entry.pid);
      const threads = readdirSync(`/proc/${child.pid}/task`).map(Number);
      if (found !== undefined || tries === 20) return { found, all, threads, root: child.pid! };
    } finally {
      child.stdout.destroy();
      child.kill('SIGKILL');
      await once(child, 'close');
    }
  }
}

onLinux('a process and what it started are among the few', async () => {
  const { found, all, root } = await since('sleep 5 >/dev/null & sleep 5 >/dev/null & echo; wait');
  expect(all).toHaveLength(3);
  expect(found).toEqual(expect.arrayContaining(all));
  expect(found!.every(pid => pid >= root)).toBe(true);
});

onLinux('a thread is none', async () => {
  const { found, root, threads } = await since(
    `exec ${process.execPath} -e 'console.log(1); setTimeout(() => {}, 5000)'`,
  );
  expect(found).toContain(root);
  expect(threads.length).toBeGreaterThan(1);
  expect(threads.filter(thread => found!.includes(thread))).toEqual([root]);
});

onLinux('not from a number that was not the next one, nor after too many starts', () => {
  expect(linuxProcessesSince(1, countStarts()! - 1)).toBeUndefined();
  expect(linuxProcessesSince(process.pid, countStarts()! - 100_000)).toBeUndefined();
  expect(linuxProcessesSince(process.pid, countStarts()! + 1_000_000)).toBeUndefined();
});
