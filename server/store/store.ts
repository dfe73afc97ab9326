/**
 * What the service asks of its database. All methods are atomic and safe to call at the same time; times are
 * milliseconds since 1970.
 */
import type { Event } from '../../contract/events.ts';
import type { Follower, Session } from '../../contract/service-api.ts';

/** An event to be stored: as validated, and its JSON on one line, which is what every reader gets. */
export interface NewEvent {
  readonly event: Event;
  readonly json: string;
}

/** `id` counts a session's events from 1, without gaps, in the order of their commits. */
export interface StoredEvent {
  readonly id: number;
  readonly json: string;
}

export interface Appended {
  /** Those that were new, in order. */
  readonly stored: StoredEvent[];
  readonly duplicates: number;
  /** The session's last event id after this. */
  readonly lastEventId: number;
}

/** Events of a session with `after < id <= upTo`. */
export interface Range {
  readonly after: number;
  readonly upTo: number;
}

/** Absent fields match everything. */
export interface LogFilter {
  readonly host?: string | undefined;
  readonly stream?: string | undefined;
  readonly run?: string | undefined;
}

export interface LogPage {
  /** JSON of `hostLog` events, in order. */
  readonly logs: string[];
  /** Where the next page starts; at `upTo` there is no more. */
  readonly next: number;
}

export interface Grant {
  readonly sessionId: string;
  readonly host: string;
}

export interface Store {
  /**
   * `created` is false when the session exists with this very title.
   * @throws AW_SESSION_CONFLICT when it exists with another.
   */
  createSession(
    input: { id: string; title?: string | undefined },
    now: number,
  ): Promise<{ session: Session; created: boolean }>;
  getSession(id: string): Promise<Session | undefined>;
  /** Newest first. */
  listSessions(limit: number): Promise<Session[]>;
  listFollowers(limit: number): Promise<Follower[]>;

  /** `hash` is the sha256 of the token, which itself is never stored. */
  addToken(hash: string, grant: Grant, expiresAt: number, now: number): Promise<void>;
  /** What an unexpired token is good for. */
  findToken(hash: string, now: number): Promise<Grant | undefined>;

  /**
   * Stores a batch as a whole or, when it throws, not at all. An event whose identity the session has is dropped.
   * Keeps the status of the session and the table of followers. Undefined when there is no such session.
   * @throws AW_DISK when the database cannot grow.
   */
  append(sessionId: string, events: readonly NewEvent[], now: number): Promise<Appended | undefined>;
  /** The first events of the range, about a page full; none exactly when the range has none. */
  readEvents(sessionId: string, range: Range): Promise<StoredEvent[]>;
  readLogs(sessionId: string, filter: LogFilter, range: Range): Promise<LogPage>;

  close(): Promise<void>;
}
