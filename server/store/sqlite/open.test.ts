import { existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test } from 'vitest';
import { startServer } from '../../index.ts';
import { temporaryDirectory } from '../../test-support/service.ts';
import { openSqliteStore } from './sqlite-store.ts';

function code(open: () => unknown): unknown {
  try {
    open();
  } catch (error) {
    return (error as { code?: string }).code;
  }
  return 'opened';
}

test('what was stored is there after a restart, readable by its owner only', async () => {
  const path = join(temporaryDirectory(), 'below', 'that', 'events.db');
  const store = openSqliteStore(path);
  await store.createSession({ id: 's', title: 'kept' }, 1000);
  if (process.platform !== 'win32') {
    for (const suffix of ['', '-wal', '.lock']) expect(statSync(path + suffix).mode & 0o077).toBe(0);
  }
  await store.close();
  const again = openSqliteStore(path);
  onTestFinished(() => again.close());
  expect(await again.getSession('s')).toMatchObject({
    title: 'kept',
    createdAt: new Date(1000).toISOString(),
  });
});

test('a second server on one database is refused, also by another name, until the first has ended', async () => {
  const directory = temporaryDirectory();
  const path = join(directory, 'events.db');
  const alias = join(directory, 'alias.db');
  const first = await startServer({ db: path });
  symlinkSync(path, alias);
  for (const db of [path, alias]) {
    const error = await startServer({ db }).catch(error => error);
    expect(error).toMatchObject({ code: 'AW_DATABASE_UNUSABLE' });
    expect(error.message).toContain('another server has it open');
  }
  await first.close();
  await (await startServer({ db: alias })).close();
});

test('anybody may read the database while the server runs', async () => {
  const path = join(temporaryDirectory(), 'events.db');
  const store = openSqliteStore(path);
  onTestFinished(() => store.close());
  await store.createSession({ id: 's' }, 1);
  const reader = new DatabaseSync(path, { readOnly: true });
  expect(reader.prepare('SELECT id FROM session').all()).toEqual([{ id: 's' }]);
  reader.close();
});

test('a file that is not ours is refused and stays as it is', () => {
  const directory = temporaryDirectory();
  const text = join(directory, 'notes.txt');
  writeFileSync(text, 'not a database, but notes of more than a hundred bytes'.repeat(20));
  expect(code(() => openSqliteStore(text))).toBe('AW_DATABASE_UNUSABLE');

  const foreign = join(directory, 'foreign.db');
  const other = new DatabaseSync(foreign);
  other.exec('CREATE TABLE mine (x)');
  other.close();
  expect(code(() => openSqliteStore(foreign))).toBe('AW_DATABASE_UNUSABLE');
  const after = new DatabaseSync(foreign);
  expect(after.prepare('SELECT name FROM sqlite_schema').all()).toEqual([{ name: 'mine' }]);
  after.close();

  const newer = join(directory, 'newer.db');
  const store = openSqliteStore(newer);
  void store.close();
  const database = new DatabaseSync(newer);
  database.exec('PRAGMA user_version = 99');
  database.close();
  expect(code(() => openSqliteStore(newer))).toBe('AW_DATABASE_UNUSABLE');

  mkdirSync(join(directory, 'folder'));
  expect(code(() => openSqliteStore(join(directory, 'folder')))).toBe('AW_DATABASE_UNUSABLE');
  expect(code(() => openSqliteStore(join(text, 'below')))).toBe('AW_DATABASE_UNUSABLE');
  expect(existsSync(join(text, 'below'))).toBe(false);
});
