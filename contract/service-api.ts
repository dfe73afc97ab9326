/**
 * The service's HTTP API, first slice. All under `/api/v1`; errors are Problem+JSON.
 *
 * | call | scope | body | answer |
 * |---|---|---|---|
 * | `GET /health` | none | | `{ status: "ok" }` |
 * | `GET /version` | none | | `{ version, protocol }` |
 * | `POST /sessions` | admin | `SessionInput` | 201 `Session`; 200 when it exists just so; 409 when with another title |
 * | `GET /sessions` | admin | | `{ sessions: Session[] }`, newest first |
 * | `GET /sessions/{id}` | admin | | `Session` |
 * | `POST /sessions/{id}/tokens` | admin | `TokenInput` | 201 `ScopedToken`, for one host of one session |
 * | `POST /sessions/{id}/events/ingest` | admin, host | `{ events: [...] }` or NDJSON | 200 `IngestResult` |
 * | `GET /sessions/{id}/events` | admin | | SSE, or NDJSON when asked for; `Last-Event-ID` resumes |
 * | `GET /sessions/{id}/logs?host=&stream=&run=` | admin | | the raw log bytes |
 * | `GET /followers` | admin | | `{ followers: Follower[] }`: last known state by name |
 *
 * **The event stream.** Ids count a session's events from 1 without gaps. As SSE each event is `id: N` and one `data:`
 * line of its JSON; contract events have no `event:` field, so `EventSource.onmessage` gets them all. The stream's own
 * messages have one and no id: `hello` first (`StreamHello`), `lagged` (`{ lastEventId }`: the client reads too slowly
 * and is cut off), `end` (`{ reason: "complete" | "shutdown" }`). Comments are heartbeats. To resume, send the last id seen
 * as the `Last-Event-ID` header or `?lastEventId=`; the header wins. `?follow=0` ends after the events stored so far.
 * As NDJSON (`Accept: application/x-ndjson`) there are only the events, the nth line after `lastEventId=N` having id
 * N+n; empty lines are heartbeats.
 */
import { z } from 'zod';
import { HostName, Os, SessionId } from './names.ts';

export const SessionStatus = z.enum(['running', 'completed', 'failed']);

export const SessionInput = z.looseObject({
  id: SessionId.optional(),
  title: z.string().max(200).optional(),
});
export type SessionInput = z.infer<typeof SessionInput>;

export const Session = z.looseObject({
  id: SessionId,
  title: z.string().optional(),
  /** Of its last run: `running` until a `summary` arrives, then by that summary. */
  status: SessionStatus,
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
  /** Events stored so far; the id of the last one. */
  lastEventId: z.int().nonnegative(),
});
export type Session = z.infer<typeof Session>;

export const TokenInput = z.looseObject({ host: HostName });
export const ScopedToken = z.looseObject({
  token: z.string(),
  sessionId: SessionId,
  host: HostName,
  expiresAt: z.iso.datetime(),
});
export type ScopedToken = z.infer<typeof ScopedToken>;

export const IngestResult = z.looseObject({
  accepted: z.int().nonnegative(),
  duplicates: z.int().nonnegative(),
  /** The session's last event id after this request. */
  lastEventId: z.int().nonnegative(),
});
export type IngestResult = z.infer<typeof IngestResult>;

/** The first message of an SSE stream. */
export const StreamHello = z.looseObject({
  /** Silence much longer than this means the connection is dead. */
  heartbeatMs: z.int().positive(),
  /** The first event that follows is the one after this. Not what was asked for: that id is not known here, read all anew. */
  lastEventId: z.int().nonnegative(),
});
export type StreamHello = z.infer<typeof StreamHello>;

export const Follower = z.looseObject({
  name: HostName,
  os: Os.optional(),
  tags: z.array(z.string()).optional(),
  lastSessionId: SessionId,
  lastSeenAt: z.iso.datetime(),
  /** How its last run stands: `running`, or the reason of its last `hostExited`. */
  state: z.string(),
});
export type Follower = z.infer<typeof Follower>;
