/** The tables, and the check that a file is really ours before it is written to. */
import type { DatabaseSync } from 'node:sqlite';

/** Marks a SQLite file as this service's ("awsv"), so that another program's database is never altered. */
const APPLICATION_ID = 0x61777376;
const SCHEMA_VERSION = 1;

/**
 * `producer` holds each (session, name, epoch) once, so that the identity index is two integers an event. Events without
 * an identity have none: NULLs never collide in a UNIQUE index. `host`, `run` and `stream` of `event` are set for `hostLog`
 * only; `run` rows are what a session's status is derived from.
 */
const tables = `
  CREATE TABLE session (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    title TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    last_event_id INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE TABLE producer (
    key INTEGER PRIMARY KEY,
    session INTEGER NOT NULL REFERENCES session(key),
    name TEXT NOT NULL,
    epoch TEXT NOT NULL,
    UNIQUE (session, name, epoch)
  ) STRICT;
  CREATE TABLE event (
    session INTEGER NOT NULL REFERENCES session(key),
    id INTEGER NOT NULL,
    producer INTEGER REFERENCES producer(key),
    seq INTEGER,
    host TEXT,
    run TEXT,
    stream TEXT,
    json TEXT NOT NULL,
    UNIQUE (session, id),
    UNIQUE (producer, seq)
  ) STRICT;
  CREATE INDEX event_log ON event (session, host, id) WHERE stream IS NOT NULL;
  CREATE TABLE run (
    session INTEGER NOT NULL REFERENCES session(key),
    id TEXT NOT NULL,
    first_event_id INTEGER NOT NULL,
    status TEXT NOT NULL,
    PRIMARY KEY (session, id)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE follower (
    name TEXT PRIMARY KEY,
    os TEXT,
    tags TEXT,
    last_session TEXT NOT NULL,
    last_run TEXT,
    last_seen_at INTEGER NOT NULL,
    state TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE token (
    hash TEXT PRIMARY KEY,
    session TEXT NOT NULL,
    host TEXT NOT NULL,
    expires_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
`;

/**
 * Makes the tables in an empty database and accepts one that has them.
 * @throws Error saying why the file cannot be used.
 */
export function prepareSchema(database: DatabaseSync): void {
  database.exec('BEGIN IMMEDIATE');
  try {
    const version = pragma(database, 'user_version');
    if (pragma(database, 'application_id') === APPLICATION_ID) {
      if (version !== SCHEMA_VERSION) {
        throw new Error(`it has format ${version}, this version of the service uses ${SCHEMA_VERSION}`);
      }
    } else {
      if (version !== 0 || hasTables(database)) throw new Error('it belongs to another program');
      database.exec(tables);
      database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${SCHEMA_VERSION}`);
    }
    database.exec('COMMIT');
  } catch (error) {
    database.exec('ROLLBACK');
    throw error;
  }
}

function pragma(database: DatabaseSync, name: string): unknown {
  return database.prepare(`PRAGMA ${name}`).get()?.[name];
}

function hasTables(database: DatabaseSync): boolean {
  return database.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() !== undefined;
}
