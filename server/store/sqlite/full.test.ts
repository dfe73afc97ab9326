import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { log, numbers } from '../../test-support/events.ts';
import { temporaryDirectory } from '../../test-support/service.ts';
import { openSqliteStore } from './sqlite-store.ts';

vi.mock(import('./open.ts'), async importOriginal => {
  const { openDatabase } = await importOriginal();
  return {
    openDatabase: path => {
      const opened = openDatabase(path);
      opened.database.exec('PRAGMA max_page_count = 100');
      return opened;
    },
  };
});

test('a database that cannot grow is a coded error that stores nothing of the batch', async () => {
  const path = join(temporaryDirectory(), 'events.db');
  const store = openSqliteStore(path);
  onTestFinished(() => store.close());
  await store.createSession({ id: 's' }, 1);
  const events = numbers(0, 199).map(seq => {
    const event = log(seq, 'x'.repeat(4096));
    return { event, json: JSON.stringify(event) };
  });
  await expect(store.append('s', events, 1)).rejects.toMatchObject({ code: 'AW_DISK', details: { path } });
  expect(await store.getSession('s')).toMatchObject({ lastEventId: 0 });
  // What fits is still taken.
  expect(await store.append('s', events.slice(0, 3), 1)).toMatchObject({ lastEventId: 3, duplicates: 0 });
});
