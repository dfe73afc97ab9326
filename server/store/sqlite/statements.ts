/** All SQL of the service, prepared once. */
import type { DatabaseSync } from 'node:sqlite';

/** The status is that of the run which began last: of none yet, `running`. */
const sessionColumns = `id, title, created_at, updated_at, last_event_id,
  coalesce((SELECT status FROM run WHERE run.session = session.key ORDER BY first_event_id DESC LIMIT 1), 'running') AS status`;

export type Statements = ReturnType<typeof prepareStatements>;

export function prepareStatements(database: DatabaseSync) {
  const sql = (text: string) => database.prepare(text);
  return {
    begin: sql('BEGIN IMMEDIATE'),
    commit: sql('COMMIT'),
    rollback: sql('ROLLBACK'),

    insertSession: sql(
      'INSERT INTO session (id, title, created_at, updated_at) VALUES (?1, ?2, ?3, ?3) ON CONFLICT DO NOTHING',
    ),
    session: sql(`SELECT ${sessionColumns} FROM session WHERE id = ?`),
    sessions: sql(`SELECT ${sessionColumns} FROM session ORDER BY created_at DESC, key DESC LIMIT ?`),
    sessionKey: sql('SELECT key FROM session WHERE id = ?'),

    insertToken: sql('INSERT INTO token (hash, session, host, expires_at) VALUES (?, ?, ?, ?)'),
    dropExpiredTokens: sql('DELETE FROM token WHERE expires_at <= ?'),
    token: sql('SELECT session, host FROM token WHERE hash = ? AND expires_at > ?'),

    /** First of its transaction: whoever has touched the session decides the next ids. */
    touchSession: sql('UPDATE session SET updated_at = ? WHERE id = ? RETURNING key, last_event_id'),
    advanceSession: sql('UPDATE session SET last_event_id = ? WHERE key = ?'),
    producer: sql('SELECT key FROM producer WHERE session = ? AND name = ? AND epoch = ?'),
    insertProducer: sql('INSERT INTO producer (session, name, epoch) VALUES (?, ?, ?) RETURNING key'),
    insertEvent: sql(`INSERT INTO event (session, id, producer, seq, host, run, stream, json)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (producer, seq) DO NOTHING`),

    /** A run without an id (`''`) that has ended begins anew; one with an id never does. */
    beginRun: sql(`INSERT INTO run (session, id, first_event_id, status) VALUES (?, ?, ?, 'running')
      ON CONFLICT DO UPDATE SET first_event_id = excluded.first_event_id, status = 'running'
      WHERE id = '' AND status <> 'running'`),
    endRun: sql(`INSERT INTO run (session, id, first_event_id, status) VALUES (?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET status = excluded.status`),

    listFollower: sql(`INSERT INTO follower (name, os, tags, last_session, last_seen_at, state)
      VALUES (?, ?, ?, ?, ?, 'idle') ON CONFLICT DO UPDATE SET os = excluded.os, tags = excluded.tags,
      last_session = excluded.last_session, last_seen_at = excluded.last_seen_at`),
    startFollower: sql(`INSERT INTO follower (name, last_session, last_run, last_seen_at, state)
      VALUES (?, ?, ?, ?, 'running') ON CONFLICT DO UPDATE SET last_session = excluded.last_session,
      last_run = excluded.last_run, last_seen_at = excluded.last_seen_at, state = 'running'`),
    /** The late end of an older run does not end the one that is going on. */
    endFollower: sql(`INSERT INTO follower (name, last_session, last_run, last_seen_at, state)
      VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET last_seen_at = excluded.last_seen_at, state = excluded.state
      WHERE last_run IS excluded.last_run`),
    followers: sql(
      'SELECT name, os, tags, last_session, last_seen_at, state FROM follower ORDER BY name LIMIT ?',
    ),

    events: sql('SELECT id, json FROM event WHERE session = ? AND id > ? AND id <= ? ORDER BY id LIMIT ?'),
    logs: sql(`SELECT id, json FROM event WHERE session = ?1 AND id > ?2 AND id <= ?3 AND stream IS NOT NULL
      AND (?4 IS NULL OR stream = ?4) AND (?5 IS NULL OR run = ?5) ORDER BY id`),
    hostLogs:
      sql(`SELECT id, json FROM event WHERE session = ?1 AND id > ?2 AND id <= ?3 AND stream IS NOT NULL
      AND (?4 IS NULL OR stream = ?4) AND (?5 IS NULL OR run = ?5) AND host = ?6 ORDER BY id`),
  };
}
