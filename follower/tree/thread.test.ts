/** A thread that fails is told to whoever waits for it, and to whoever would. */
import { expect, test } from 'vitest';
import { startThread } from './thread.ts';

type Methods = {
  add: (one: number, other: number) => number;
  fail: (code: string) => void;
  crash: () => void;
  exit: () => void;
};

const served = new URL('./thread.ts', import.meta.url).href;
const module = new URL(
  `data:text/javascript,${encodeURIComponent(`
    const { serveThread } = await import(${JSON.stringify(served)});
    serveThread({
      add: (one, other) => one + other,
      fail: code => { throw Object.assign(new Error('no'), { code }); },
      crash: () => new Promise(() => queueMicrotask(() => { throw new Error('crashed'); })),
      exit: () => process.exit(3),
    });
  `)}`,
);

test('calls and their errors', async () => {
  const thread = startThread<Methods>(module);
  expect(await thread.call('add', 1, 2)).toBe(3);
  await expect(thread.call('fail', 'ENOSPC')).rejects.toMatchObject({ message: 'no', code: 'ENOSPC' });
  expect(await Promise.all([thread.call('add', 1, 1), thread.call('add', 2, 2)])).toEqual([2, 4]);
  expect(thread.hasEnded).toBe(false);
  await thread.close();
});

test.each(['crash', 'exit'] as const)(
  'what waits for one that %ses is told, and what comes later too',
  async how => {
    const thread = startThread<Methods>(module);
    expect(await thread.call('add', 1, 2)).toBe(3);
    const message = expect.stringMatching(/crashed|has ended/);
    expect(await Promise.allSettled([thread.call(how), thread.call('add', 3, 4)])).toMatchObject([
      { status: 'rejected', reason: { message } },
      { status: 'rejected', reason: { message } },
    ]);
    expect(thread.hasEnded).toBe(true);
    await expect(thread.call('add', 5, 6)).rejects.toMatchObject({ code: 'AW_INTERNAL' });
  },
);

test('one that is closed answers nothing more', async () => {
  const thread = startThread<Methods>(module);
  const waiting = thread.call('add', 1, 2).catch(error => error.code);
  await thread.close();
  expect([3, 'AW_INTERNAL']).toContain(await waiting);
  await expect(thread.call('add', 1, 2)).rejects.toMatchObject({ code: 'AW_INTERNAL' });
});
