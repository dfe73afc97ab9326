/** The store on `node:sqlite`. Calls are synchronous inside, so each is atomic; pages keep every one of them short. */
import { AwError } from '../../../contract/errors.ts';
import { type Event, eventIdentity, isKnown } from '../../../contract/events.ts';
import type { Follower, Session } from '../../../contract/service-api.ts';
import { PAGE_BYTES, PAGE_EVENTS, SCAN_EVENTS } from '../../limits.ts';
import type { Appended, Grant, LogFilter, LogPage, NewEvent, Range, Store, StoredEvent } from '../store.ts';
import { openDatabase } from './open.ts';
import { project } from './projections.ts';
import { followerOf, sessionOf } from './rows.ts';
import { prepareStatements, type Statements } from './statements.ts';

/** @throws AW_DATABASE_UNUSABLE */
export function openSqliteStore(path: string): Store {
  const { database, close } = openDatabase(path);
  return new SqliteStore(path, prepareStatements(database), close);
}

class SqliteStore implements Store {
  readonly #path: string;
  readonly #statements: Statements;
  readonly #close: () => void;

  constructor(path: string, statements: Statements, close: () => void) {
    this.#path = path;
    this.#statements = statements;
    this.#close = close;
  }

  async createSession(
    input: { id: string; title?: string | undefined },
    now: number,
  ): Promise<{ session: Session; created: boolean }> {
    const { changes } = this.#write(() =>
      this.#statements.insertSession.run(input.id, input.title ?? null, now),
    );
    const session = (await this.getSession(input.id)) as Session;
    if (changes === 0 && session.title !== input.title) {
      throw new AwError('AW_SESSION_CONFLICT', { sessionId: input.id });
    }
    return { session, created: changes === 1 };
  }

  async getSession(id: string): Promise<Session | undefined> {
    const row = this.#statements.session.get(id);
    return row === undefined ? undefined : sessionOf(row);
  }

  async listSessions(limit: number): Promise<Session[]> {
    return this.#statements.sessions.all(limit).map(sessionOf);
  }

  async listFollowers(limit: number): Promise<Follower[]> {
    return this.#statements.followers.all(limit).map(followerOf);
  }

  async addToken(hash: string, { sessionId, host }: Grant, expiresAt: number, now: number): Promise<void> {
    this.#write(() => {
      this.#statements.dropExpiredTokens.run(now);
      this.#statements.insertToken.run(hash, sessionId, host, expiresAt);
    });
  }

  async findToken(hash: string, now: number): Promise<Grant | undefined> {
    const row = this.#statements.token.get(hash, now);
    return row === undefined ? undefined : { sessionId: row.session as string, host: row.host as string };
  }

  async append(sessionId: string, events: readonly NewEvent[], now: number): Promise<Appended | undefined> {
    return this.#write(() => {
      const row = this.#statements.touchSession.get(now, sessionId);
      if (row === undefined) return undefined;
      const sessionKey = row.key as number;
      const keyOf = this.#producerKeys(sessionKey);
      const stored: StoredEvent[] = [];
      let lastEventId = row.last_event_id as number;
      for (const { event, json } of events) {
        const id = lastEventId + 1;
        if (!this.#insert(sessionKey, id, keyOf, event, json)) continue;
        lastEventId = id;
        stored.push({ id, json });
        project(this.#statements, event, { sessionKey, sessionId, id, now });
      }
      this.#statements.advanceSession.run(lastEventId, sessionKey);
      return { stored, duplicates: events.length - stored.length, lastEventId };
    });
  }

  async readEvents(sessionId: string, { after, upTo }: Range): Promise<StoredEvent[]> {
    const page: StoredEvent[] = [];
    let size = 0;
    const rows = this.#statements.events.iterate(this.#sessionKey(sessionId), after, upTo, PAGE_EVENTS);
    for (const row of rows) {
      const json = row.json as string;
      page.push({ id: row.id as number, json });
      size += json.length;
      if (size >= PAGE_BYTES) break;
    }
    return page;
  }

  async readLogs(sessionId: string, filter: LogFilter, { after, upTo }: Range): Promise<LogPage> {
    const key = this.#sessionKey(sessionId);
    // Rows the filter passes over cost time too, so a page is also bounded by the ids it looks at.
    const end = Math.min(upTo, after + SCAN_EVENTS);
    const common = [key, after, end, filter.stream ?? null, filter.run ?? null] as const;
    const rows =
      filter.host === undefined
        ? this.#statements.logs.iterate(...common)
        : this.#statements.hostLogs.iterate(...common, filter.host);
    const logs: string[] = [];
    let size = 0;
    for (const row of rows) {
      const json = row.json as string;
      logs.push(json);
      size += json.length;
      if (size >= PAGE_BYTES) return { logs, next: row.id as number };
    }
    return { logs, next: end };
  }

  async close(): Promise<void> {
    this.#close();
  }

  /** False when the session has this very event already. */
  #insert(sessionKey: number, id: number, keyOf: ProducerKey, event: Event, json: string): boolean {
    const identity = eventIdentity(event);
    const producer = identity === undefined ? null : keyOf(identity.producer, identity.epoch);
    const log = isKnown(event, 'hostLog') ? event : undefined;
    const { changes } = this.#statements.insertEvent.run(
      sessionKey,
      id,
      producer,
      identity?.seq ?? null,
      log?.host ?? null,
      log?.runId ?? null,
      log?.stream ?? null,
      json,
    );
    return changes === 1;
  }

  /** Looks each producer up once. For one transaction: a key that was rolled back must not be remembered. */
  #producerKeys(sessionKey: number): ProducerKey {
    const known = new Map<string, number>();
    return (name, epoch) => {
      const label = JSON.stringify([name, epoch]);
      let key = known.get(label);
      if (key === undefined) {
        const { producer, insertProducer } = this.#statements;
        const row = producer.get(sessionKey, name, epoch) ?? insertProducer.get(sessionKey, name, epoch);
        key = row?.key as number;
        known.set(label, key);
      }
      return key;
    };
  }

  /** -1, which no session has, for one that does not exist. */
  #sessionKey(id: string): number {
    return (this.#statements.sessionKey.get(id)?.key ?? -1) as number;
  }

  #write<T>(work: () => T): T {
    try {
      this.#statements.begin.run();
      try {
        const result = work();
        this.#statements.commit.run();
        return result;
      } catch (error) {
        this.#rollback();
        throw error;
      }
    } catch (error) {
      throw this.#coded(error);
    }
  }

  #rollback(): void {
    try {
      this.#statements.rollback.run();
    } catch {
      // SQLite ends the transaction itself on some errors, a full disk among them.
    }
  }

  #coded(error: unknown): unknown {
    const code = ((error as { errcode?: number }).errcode ?? 0) & 0xff;
    if (!DISK_ERRORS.has(code)) return error;
    const reason = (error as Error).message;
    return new AwError('AW_DISK', { path: this.#path, reason }, { cause: error });
  }
}

type ProducerKey = (name: string, epoch: string) => number;

/** SQLITE_READONLY, IOERR, FULL and CANTOPEN. */
const DISK_ERRORS = new Set([8, 10, 13, 14]);
