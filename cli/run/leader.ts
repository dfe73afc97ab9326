/** Who leads: the resident leader, started by the first command that needs it, or this process. The same code either way. */
import type { AttachOrder, FenceOrder, RunOrder } from '../../contract/leader-api.ts';
import { type Link, openLink } from '../../leader/daemon/link.ts';
import { leaderLog } from '../../leader/daemon/place.ts';
import type { FenceAnswer } from '../../leader/orders/fence.ts';
import type { LedRun } from '../../leader/orders/types.ts';
import { stateRoot } from '../../leader/state.ts';
import type { LeaderChoice } from '../options/leader.ts';
import type { Io } from '../terminal/io.ts';

type Given = { cwd: string; env: Record<string, string> };
/** An order without what its leader adds. */
export type Wish = Omit<RunOrder, 'runId' | keyof Given> | Omit<AttachOrder, keyof Given>;

/**
 * Has an order carried out; undefined when there is nothing to run again.
 * @throws what is wrong with the order
 */
export async function lead(wish: Wish, choice: LeaderChoice, io: Io): Promise<LedRun | undefined> {
  const { stateDir, given, asker, open } = askerOf(io);
  const link = await openOrSayWhyNot(choice, stateDir, io);
  if (link !== undefined) {
    const { giveOrder } = await import('../../leader/daemon/order.ts');
    const order =
      wish.type === 'run' ? { ...wish, ...given, runId: link.hello.runId } : { ...wish, ...given };
    return giveOrder(link, order, asker, open);
  }
  await beBrief();
  if (wish.type === 'run') {
    const [{ leadRun }, { newRunId }] = await Promise.all([
      import('../../leader/orders/run.ts'),
      import('../../leader/run-everywhere/run-id.ts'),
    ]);
    return leadRun({ ...wish, ...given, runId: newRunId() }, asker, { stateDir });
  }
  const { leadAttached } = await import('../../leader/orders/attach.ts');
  return leadAttached({ ...wish, ...given }, asker, { stateDir });
}

/** Has followers' files made equal to the project's. @throws what concerns the project itself: no follower was touched then */
export async function leadFence(
  options: FenceOrder['options'],
  choice: LeaderChoice,
  io: Io,
  onPhase: (host: string, phase: string) => void = () => {},
): Promise<FenceAnswer> {
  const { stateDir, given, asker, open } = askerOf(io);
  const order: FenceOrder = { type: 'fence', ...given, options };
  const watcher = { ...asker, onPhase };
  const link = await openOrSayWhyNot(choice, stateDir, io);
  if (link !== undefined) {
    const { giveTask } = await import('../../leader/daemon/task.ts');
    return giveTask(link, order, watcher, open, leaderLog(stateDir));
  }
  await beBrief();
  const orders = await import('../../leader/orders/fence.ts');
  return orders.leadFence(order, watcher, { stateDir });
}

function askerOf(io: Io) {
  const stateDir = stateRoot(io.env);
  const given: Given = { cwd: io.cwd, env: { ...io.env } as Record<string, string> };
  const asker = {
    ask: io.questions.ask,
    say: (line: string) => io.write('stderr', `${line}\n`),
    stdin: () => io.stdin,
  };
  const open = () => openLink(stateDir, { start: io.env, isNeeded: true });
  return { stateDir, given, asker, open };
}

/** Before the schemas are loaded: each parses a few values here, compiling its parser would take longer. */
async function beBrief(): Promise<void> {
  const { z } = await import('zod');
  z.config({ jitless: true });
}

/**
 * Undefined when this process is to lead. A disk that takes no leader's files takes no run's record either, and that is told
 * then.
 */
async function openOrSayWhyNot(choice: LeaderChoice, stateDir: string, io: Io): Promise<Link | undefined> {
  if (choice.daemon === false || io.env.AW_NO_DAEMON) return undefined;
  try {
    return await openLink(stateDir, { start: io.env });
  } catch (error) {
    const { message, cause } = error as Error;
    const isDisk = (cause as { code?: string } | undefined)?.code === 'AW_DISK';
    if (!isDisk || io.env.AW_DEBUG) io.write('stderr', `note: ${message}; going on without it\n`);
    return undefined;
  }
}
