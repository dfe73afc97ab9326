/** Who leads: the resident leader, started by the first command that needs it, or this process. The same code either way. */
import type { AttachOrder, RunOrder } from '../../contract/leader-api.ts';
import { type Link, openLink } from '../../leader/daemon/link.ts';
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
  const stateDir = stateRoot(io.env);
  const given: Given = { cwd: io.cwd, env: { ...io.env } as Record<string, string> };
  const asker = {
    ask: async (question: string) => (await import('../terminal/ask.ts')).askOnTerminal(question),
    say: (line: string) => io.write('stderr', `${line}\n`),
    stdin: () => io.stdin,
  };
  const link =
    choice.daemon === false || io.env.AW_NO_DAEMON ? undefined : await openOrSayWhyNot(stateDir, io);
  if (link !== undefined) {
    const { giveOrder } = await import('../../leader/daemon/order.ts');
    const order =
      wish.type === 'run' ? { ...wish, ...given, runId: link.hello.runId } : { ...wish, ...given };
    return giveOrder(link, order, asker, () => openLink(stateDir, { start: io.env, isNeeded: true }));
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

/** Before the schemas are loaded: each parses a few values here, compiling its parser would take longer. */
async function beBrief(): Promise<void> {
  const { z } = await import('zod');
  z.config({ jitless: true });
}

/** A disk that takes no leader's files takes no run's record either, and that is told then. */
async function openOrSayWhyNot(stateDir: string, io: Io): Promise<Link | undefined> {
  try {
    return await openLink(stateDir, { start: io.env });
  } catch (error) {
    const { message, cause } = error as Error;
    const isDisk = (cause as { code?: string } | undefined)?.code === 'AW_DISK';
    if (!isDisk || io.env.AW_DEBUG) io.write('stderr', `note: ${message}; going on without it\n`);
    return undefined;
  }
}
