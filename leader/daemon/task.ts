/** Work that the resident leader does for a command, which waits for the answer: also when that leader dies and another begins it anew. */
import { AwError } from '../../contract/errors.ts';
import type { FenceOrder } from '../../contract/leader-api.ts';
import type { FenceAnswer } from '../orders/fence.ts';
import type { Asker, Watcher } from '../orders/types.ts';
import type { Link } from './link.ts';
import { fromFailure, isEvent } from './messages.ts';
import { attend } from './order.ts';

/** How many leaders may die over it. */
const MAX_LOST = 5;

/**
 * @param open a new connection, for when this one is lost; starts a leader if need be
 * @param log of the leader, for a person
 * @throws what the leader says is wrong with the order; AW_LEADER_UNUSABLE
 */
export async function giveTask(
  first: Link,
  order: FenceOrder,
  asker: Watcher & Pick<Asker, 'say'>,
  open: () => Promise<Link>,
  log: string,
): Promise<FenceAnswer> {
  let link = first;
  for (let lost = 0; ; link = await open()) {
    try {
      const answer = await answerOf(link, order, asker);
      if (answer !== undefined) return answer as FenceAnswer;
    } finally {
      link.close();
    }
    lost += 1;
    if (lost > MAX_LOST)
      throw new AwError('AW_LEADER_UNUSABLE', { reason: 'it ended each time at this', log });
  }
}

/** Undefined when the leader is gone before its last word: what it has done a fence finds, and goes on from there. */
async function answerOf(
  link: Link,
  order: FenceOrder,
  asker: Watcher & Pick<Asker, 'say'>,
): Promise<unknown> {
  link.send(order);
  const parts: string[] = [];
  for (let said = await link.next(); said !== undefined; said = await link.next()) {
    if (isEvent(said)) continue;
    if (said.leader === 'phase') asker.onPhase(said.host, said.phase);
    else if (said.leader === 'part') parts.push(said.text);
    else if (said.leader === 'done') return JSON.parse(parts.join(''));
    else if (said.leader === 'failed') throw fromFailure(said.error);
    else await attend(link, said, asker);
  }
  return undefined;
}
