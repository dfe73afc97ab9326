/** Rows as the contract has them. */
import type { SQLOutputValue } from 'node:sqlite';
import type { Follower, Session } from '../../../contract/service-api.ts';

type Row = Record<string, SQLOutputValue>;

export function sessionOf(row: Row): Session {
  return {
    id: row.id as string,
    ...(row.title === null ? {} : { title: row.title as string }),
    status: row.status as Session['status'],
    createdAt: isoTime(row.created_at),
    updatedAt: isoTime(row.updated_at),
    lastEventId: row.last_event_id as number,
  };
}

export function followerOf(row: Row): Follower {
  return {
    name: row.name as string,
    ...(row.os === null ? {} : { os: row.os as NonNullable<Follower['os']> }),
    ...(row.tags === null ? {} : { tags: JSON.parse(row.tags as string) as string[] }),
    lastSessionId: row.last_session as string,
    lastSeenAt: isoTime(row.last_seen_at),
    state: row.state as string,
  };
}

function isoTime(milliseconds: SQLOutputValue | undefined): string {
  return new Date(milliseconds as number).toISOString();
}
