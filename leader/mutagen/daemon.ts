/** Mutagen's daemon, as a child: however this process ends, the daemon does too. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { AwError } from '../../contract/errors.ts';
import { connectEndpoint } from '../../tunnel/endpoint.ts';
import { keepTail, lastWords } from '../transports/remote-agent.ts';
import { socketIn } from './place.ts';
import type { Mutagen } from './program.ts';

/** Milliseconds until it listens, and between two looks whether it does. */
const START = 20_000;
const LOOK = 25;
/** A shell's exit code for a program that is not there. */
const NOT_FOUND = 127;

/** Standard input ends with whoever started it, and then the daemon is ended: asked at first, and three seconds later not. */
const SCRIPT = `
exec 3<&0
mutagen daemon run </dev/null 3<&- &
daemon=$!
{ read -r _ <&3; kill "$daemon"; sleep 3; kill -9 "$daemon"; } >/dev/null 2>&1 &
watch=$!
exec 3<&-
wait "$daemon"
code=$?
kill "$watch" 2>/dev/null
exit "$code"
`;

export interface Daemon {
  /** Resolves to what it said last. */
  readonly ended: Promise<string>;
  readonly hasEnded: boolean;
  /** Resolves when it, and all that it does, has ended. */
  stop(): Promise<void>;
}

/** @throws AW_MUTAGEN_MISSING, AW_MUTAGEN_DAEMON */
export async function startDaemon(mutagen: Mutagen): Promise<Daemon> {
  const path = socketIn(mutagen.directory);
  // Of a leader that could not end it. Whether there really is one shows when the new one starts.
  if (existsSync(path)) await mutagen.run(['daemon', 'stop']).catch(() => {});
  const child = spawn('/bin/sh', ['-c', SCRIPT], {
    cwd: mutagen.directory,
    env: mutagen.env,
    // A Ctrl-C on the terminal is for the leader.
    detached: true,
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  const said = keepTail(child.stderr);
  let hasEnded = false;
  let isMissing = false;
  const ended = once(child, 'exit').then(
    ([code]) => {
      hasEnded = true;
      child.stderr.destroy();
      isMissing = code === NOT_FOUND;
      return lastWords(said()) || `exit code ${code}`;
    },
    (error: Error) => {
      hasEnded = true;
      return error.message;
    },
  );
  child.stdin.on('error', () => {});
  const stop = async () => {
    child.stdin.end();
    await ended;
  };

  const limit = performance.now() + START;
  while (!hasEnded && !mutagen.signal.aborted && performance.now() < limit) {
    try {
      (await connectEndpoint({ kind: 'socket', path }, { timeoutMs: START })).destroy();
      return {
        ended,
        get hasEnded() {
          return hasEnded;
        },
        stop,
      };
    } catch {
      await Promise.race([ended, sleep(LOOK)]);
    }
  }
  const reason = hasEnded ? await ended : `it does not listen within ${START / 1000} s`;
  await stop();
  if (isMissing) throw new AwError('AW_MUTAGEN_MISSING', {});
  throw new AwError('AW_MUTAGEN_DAEMON', { reason });
}
