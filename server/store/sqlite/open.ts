/** Opening a SQLite file: who may, how it is tuned, and that one server has it at a time. */
import { closeSync, mkdirSync, openSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { AwError } from '../../../contract/errors.ts';
import { prepareSchema } from './schema.ts';

export interface OpenDatabase {
  readonly database: DatabaseSync;
  close(): void;
}

/**
 * Opens or creates the database, readable by its owner only; `:memory:` is a new one that ends with it.
 * With synchronous NORMAL a committed event survives the death of the process at any moment, and a power cut never
 * corrupts the file but may take the last commits.
 * @throws AW_DATABASE_UNUSABLE also while another server has it.
 */
export function openDatabase(path: string): OpenDatabase {
  if (path === ':memory:') {
    const database = tuned(path);
    return { database, close: () => database.close() };
  }
  const opened: DatabaseSync[] = [];
  const close = () => {
    for (const database of opened.splice(0).reverse()) database.close();
  };
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    closeSync(openSync(path, 'a', 0o600));
    const real = realpathSync(path);
    opened.push(lock(`${real}.lock`));
    const database = tuned(real, opened);
    return { database, close };
  } catch (error) {
    close();
    throw new AwError('AW_DATABASE_UNUSABLE', { path, reason: reasonOf(error) }, { cause: error });
  }
}

function tuned(path: string, opened: DatabaseSync[] = []): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: 5000 });
  opened.push(database);
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
  database.exec('PRAGMA cache_size = -16384; PRAGMA journal_size_limit = 67108864');
  prepareSchema(database);
  return database;
}

/**
 * Live events go from an ingest to the streams inside one process, so two servers on one file would each miss the
 * other's. A transaction that is never ended is an operating system lock: it goes with the process however that dies,
 * and holds between containers too, where process ids mean nothing. Readers of the database itself are not kept out. The
 * file stays: were it removed, two could each hold one of that name.
 */
function lock(path: string): DatabaseSync {
  closeSync(openSync(path, 'a', 0o600));
  const holder = new DatabaseSync(path, { timeout: 500 });
  try {
    holder.exec('BEGIN EXCLUSIVE');
    return holder;
  } catch (error) {
    holder.close();
    if ((error as { errcode?: number }).errcode === 5) throw new Error('another server has it open');
    throw error;
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
