/** Ending a command on a host without an agent, over another login. */
import { setTimeout as sleep } from 'node:timers/promises';
import { asAwError } from '../../contract/errors.ts';
import type { HostEntry } from '../../contract/hosts.ts';
import type { TransportContext } from '../transports/index.ts';
import { startLimit } from '../transports/limit.ts';
import { openSsh, type SshConnection, type SshWay } from '../transports/ssh/index.ts';
import type { Dialect, Step } from './dialect.ts';
import { over } from './talk.ts';

const STEPS: readonly Step[] = ['INT', 'TERM', 'KILL'];

/** For its shell to say that it is gone, after KILL. Milliseconds. */
const KILL_WAIT = 3_000;

export interface Ladder {
  /** Goes on to this step now, if it has not been reached. */
  raise(step: Step): void;
}

export interface LadderOptions {
  first: Step;
  /** Milliseconds between the steps. */
  graceMs: number;
  /** Resolves when the command has ended. */
  ended: Promise<unknown>;
  /** Sends one signal. Never rejects. */
  send(step: Step): Promise<void>;
  /** Everything was done, and it has not ended. */
  onTop(): void;
}

/** INT, TERM and KILL in turn until the command has ended. */
export function climb({ first, graceMs, ended, send, onTop }: LadderOptions): Ladder {
  let wanted = STEPS.indexOf(first);
  let isOver = false;
  let hurry = new AbortController();
  const done = ended.then(() => {
    isOver = true;
    hurry.abort();
  });
  const run = async () => {
    for (let step = wanted; step < STEPS.length && !isOver; step = Math.max(step + 1, wanted)) {
      await Promise.race([send(STEPS[step]!), done]);
      const isLast = step === STEPS.length - 1;
      if (isOver || (wanted > step && !isLast)) continue;
      await sleep(isLast ? KILL_WAIT : graceMs, undefined, { signal: hurry.signal }).catch(() => {});
    }
    if (!isOver) onTop();
  };
  void run();
  return {
    raise(step) {
      if (STEPS.indexOf(step) <= wanted) return;
      wanted = STEPS.indexOf(step);
      const last = hurry;
      hurry = new AbortController();
      last.abort();
    },
  };
}

/** @returns whether the command was found and signalled @throws AW_HOST_UNREACHABLE */
export async function sendSignal(
  connection: SshConnection,
  dialect: Dialect,
  process: readonly string[],
  step: Step,
): Promise<boolean> {
  const { line, input } = dialect.signal(process, step);
  const { stdout, stderr, stdin, exited } = await connection.start(line);
  let said = '';
  stdout.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString('latin1')).slice(-4096);
  });
  stdout.on('error', () => {});
  stderr.on('error', () => {}).resume();
  stdin.on('error', () => {}).end(input);
  const [{ failure }] = await Promise.all([exited, over(stdout)]);
  if (failure !== undefined) throw failure;
  return said.includes(dialect.hello);
}

/** After the connection broke: one attempt to end what runs on. @returns what became of it, for a person */
export async function endLeftover(
  host: HostEntry,
  way: SshWay,
  context: TransportContext,
  dialect: Dialect,
  process: readonly string[],
): Promise<string> {
  const limit = startLimit(context, 'SSH does not get there');
  try {
    const connection = await openSsh[way](host, context, limit);
    try {
      const isFound = await limit.race(sendSignal(connection, dialect, process, 'KILL'));
      return isFound ? 'it was ended' : 'nothing of it was left';
    } finally {
      connection.close();
    }
  } catch (error) {
    return `it may still run there, as process ${process[0]} (${asAwError(error).message})`;
  } finally {
    limit.done();
  }
}
