/** A run led by the resident leader, as the command that ordered it sees it: also when that leader dies and another goes on. */
import { AwError } from '../../contract/errors.ts';
import type { Event } from '../../contract/events.ts';
import type { AttachOrder, RunOrder } from '../../contract/leader-api.ts';
import type { Asker, LedOutcome, LedRun } from '../orders/types.ts';
import type { Link } from './link.ts';
import { fromFailure, isEvent, type Said } from './messages.ts';
import { createShown } from './shown.ts';

/** How often a run may lose its leader. */
const MAX_LOST = 5;
const EXIT_CANCELLED = 130;

type Accepted = Extract<Said, { leader: 'accepted' }>;

/**
 * Gives the order and hands back the run; undefined when there is nothing to run again.
 * @param open a new connection, for when this one is lost; starts a leader if need be
 * @throws what the leader says is wrong with the order; AW_LEADER_LOST
 */
export async function giveOrder(
  first: Link,
  order: RunOrder | AttachOrder,
  asker: Asker,
  open: () => Promise<Link>,
): Promise<LedRun | undefined> {
  const { runId, cwd, env } = order;
  const tokenFile = order.type === 'run' ? order.options.tokenFile : order.tokenFile;
  const hasInput = order.type === 'run' && order.options.stdin === true;
  const again: AttachOrder = { type: 'attach', cwd, env, runId, tokenFile, stdin: hasInput };
  const isNew = createShown();
  const ended = Promise.withResolvers<LedOutcome>();
  // Whoever only reads the events learns of a failure through their end.
  ended.promise.catch(() => {});
  let link = first;
  let level: 'interrupt' | 'kill' | undefined;
  let isOver = false;
  let losses = 0;

  /** Connects anew and finds the run again. Undefined when it had not begun. */
  const recover = async (): Promise<Accepted | undefined> => {
    const { pid } = link.hello;
    losses += 1;
    const lost = (reason: string, cause?: unknown) =>
      new AwError('AW_LEADER_LOST', { pid, reason, runId }, { cause });
    if (losses > MAX_LOST) throw lost('so did those after it');
    try {
      link = await open();
    } catch (error) {
      throw lost((error as Error).message, error);
    }
    try {
      const accepted = await begin(link, again, asker);
      if (accepted === 'lost') return await recover();
      if (level !== undefined) link.send({ type: 'cancel', how: level });
      return accepted;
    } catch (error) {
      if (error instanceof AwError && error.code === 'AW_RUN_NOT_FOUND') return undefined;
      throw error;
    }
  };

  let accepted = await begin(link, order, asker);
  while (accepted === 'lost') {
    // What has no record has begun nowhere, so it may be ordered again.
    const found = await recover();
    if (found !== undefined) accepted = found;
    else {
      link = await open();
      accepted = await begin(link, order, asker);
    }
  }
  if (accepted === undefined) return undefined;
  const feed = hasInput
    ? (await import('./feed.ts')).createFeed(open, runId, () => asker.stdin(0))
    : undefined;
  feed?.begin();

  const finish = (outcome: LedOutcome) => {
    isOver = true;
    feed?.stop();
    link.close();
    ended.resolve(outcome);
  };
  const fail = (error: unknown) => {
    isOver = true;
    feed?.stop();
    link.close();
    ended.reject(error);
    return error;
  };
  const goOn = async (): Promise<Event | undefined> => {
    feed?.stop();
    const { pid } = link.hello;
    if (order.type === 'run' && order.options.detach === true) {
      throw new AwError('AW_LEADER_LOST', { pid, reason: 'not all hosts may have started', runId });
    }
    if ((await recover()) === undefined) {
      throw new AwError('AW_LEADER_LOST', { pid, reason: 'the run is not on record', runId });
    }
    if (isOver) {
      link.close();
      return undefined;
    }
    feed?.begin();
    const message = `the resident leader (process ${pid}) is gone; process ${link.hello.pid} goes on with this run`;
    return { type: 'note', ts: new Date().toISOString(), origin: 'leader', runId, message };
  };

  const events: AsyncIterator<Event> = {
    async next() {
      try {
        while (!isOver) {
          const said = await link.next();
          if (isOver) break;
          if (said === undefined) {
            const note = await goOn();
            if (note !== undefined) return { done: false, value: note };
          } else if (isEvent(said)) {
            if (isNew(said)) return { done: false, value: said };
          } else if (said.leader === 'outcome') {
            finish(said);
          } else if (said.leader === 'failed') {
            throw fromFailure(said.error);
          } else {
            await attend(link, said, asker);
          }
        }
      } catch (error) {
        throw fail(error);
      }
      return { done: true, value: undefined };
    },
    async return() {
      if (!isOver) {
        link.send({ type: 'leave' });
        finish({ exitCode: EXIT_CANCELLED, hosts: {} });
      }
      return { done: true, value: undefined };
    },
  };

  return {
    runId,
    hosts: accepted.hosts.map(name => ({ name })),
    command: accepted.command,
    events: { [Symbol.asyncIterator]: () => events },
    cancel(how) {
      if (level === 'kill') return;
      level = how;
      link.send({ type: 'cancel', how });
    },
    outcome: ended.promise,
  };
}

/** Undefined when there is nothing to run again. */
async function begin(
  link: Link,
  order: RunOrder | AttachOrder,
  asker: Asker,
): Promise<Accepted | 'lost' | undefined> {
  link.send(order);
  for (;;) {
    const said = await link.next();
    if (said === undefined) return 'lost';
    if (isEvent(said)) continue;
    if (said.leader === 'accepted') return said;
    if (said.leader !== 'nothing' && said.leader !== 'failed') {
      await attend(link, said, asker);
      continue;
    }
    link.close();
    if (said.leader === 'nothing') return undefined;
    throw fromFailure(said.error);
  }
}

/** What the leader wants of the person. */
export async function attend(link: Link, said: Said, asker: Pick<Asker, 'ask' | 'say'>): Promise<void> {
  if (said.leader === 'say') return asker.say(said.line);
  if (said.leader !== 'question') return;
  const text = await asker.ask(said.text);
  await link.send({ type: 'answer', id: said.id, ...(text === undefined ? {} : { text }) });
}
