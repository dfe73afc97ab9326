/** The one session of a follower's daemon: set up as it should be, flushed, and asked how it is. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AwError, show } from '../../contract/errors.ts';
import { writeWhole } from '../state.ts';
import { isHalted, isIdle, parseSessions, type Session } from './health.ts';
import type { Mutagen } from './program.ts';
import { CONFIG_LABEL, createArguments, type SessionConfig } from './session-config.ts';

/** Milliseconds for both ends to be there: setting one up may copy Mutagen's agent to it. */
const CONNECT = 60_000;
/** Milliseconds between two looks, at first and at most. */
const LOOK = 50;
const SELDOM = 1_000;

export interface SessionLimits {
  /** Milliseconds for one flush; then the wait for it is over, and with it what Mutagen does here. */
  flushMs: number;
  signal: AbortSignal;
  onPhase(phase: string): void;
}

/**
 * Brings everything over once, and waits until the session does nothing any more. A flush that ends well has only been
 * through it: what is there now, a look has to tell.
 * @throws AW_MUTAGEN_*
 */
export async function bringOver(
  mutagen: Mutagen,
  config: SessionConfig,
  limits: SessionLimits,
): Promise<Session> {
  const { name } = config;
  const sessions = await list(mutagen);
  // What has halted goes on when a person says so. Here the fence has asked whether files may go: it begins anew.
  const isUsable = (session: Session) =>
    session.name === name &&
    session.labels[CONFIG_LABEL] === config.digest &&
    !session.paused &&
    !isHalted(session);
  if (sessions.length !== 1 || !sessions.every(isUsable)) {
    for (const { identifier } of sessions) await mutagen.run(['sync', 'terminate', identifier]);
    await create(mutagen, config, limits);
  }
  limits.onPhase('waiting for mutagen to connect');
  const before = await settled(mutagen, name, limits.signal, CONNECT);
  if (isHalted(before)) return before;
  limits.onPhase('mutagen sync flush');
  await mutagen.run(['sync', 'flush', name], limits.flushMs);
  return settled(mutagen, name, limits.signal, limits.flushMs);
}

async function create(
  mutagen: Mutagen,
  config: SessionConfig,
  { flushMs, onPhase }: SessionLimits,
): Promise<void> {
  onPhase('mutagen sync create');
  const file = join(mutagen.directory, 'aw-session.yml');
  writeWhole(file, config.yaml, { sync: false });
  await mutagen.run(createArguments(config, file), Math.min(flushMs, CONNECT));
}

async function list(mutagen: Mutagen): Promise<Session[]> {
  return parseSessions(await mutagen.run(['sync', 'list', '--template', '{{json .}}']));
}

/** Right after a flush it may still be writing down what it did. @throws AW_MUTAGEN_UNREACHABLE, AW_MUTAGEN_TIMEOUT */
async function settled(
  mutagen: Mutagen,
  name: string,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<Session> {
  const limit = performance.now() + timeoutMs;
  for (let pause = LOOK; ; pause = Math.min(2 * pause, SELDOM)) {
    const session = (await list(mutagen)).find(each => each.name === name);
    if (session === undefined) {
      throw new AwError('AW_MUTAGEN_FAILED', { call: 'sync list', reason: `there is no session ${name}` });
    }
    if (isIdle(session)) return session;
    if (performance.now() > limit) throw tooSlow(session, timeoutMs);
    await sleep(pause, undefined, { signal });
  }
}

function tooSlow({ status, lastError, alpha, beta }: Session, timeoutMs: number): AwError {
  if (alpha.connected && beta.connected) {
    return new AwError('AW_MUTAGEN_TIMEOUT', { call: `sync (${show(status)})`, seconds: timeoutMs / 1000 });
  }
  const reason = lastError === '' ? status : lastError;
  return new AwError('AW_MUTAGEN_UNREACHABLE', { reason: show(reason, 500).slice(1, -1) });
}
