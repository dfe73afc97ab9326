/** Carries out an order to run something. */
import type { RunOrder } from '../../contract/leader-api.ts';
import { startRun } from '../run-everywhere/start.ts';
import { commandText } from './command-text.ts';
import { planRun } from './plan.ts';
import { serviceTarget } from './service-target.ts';
import type { Asker, LedRun, Means } from './types.ts';

/**
 * Starts it; undefined when there is nothing to run again.
 * @throws what `planRun`, `serviceTarget` and `startRun` throw: nothing runs then.
 */
export async function leadRun(order: RunOrder, asker: Asker, means: Means): Promise<LedRun | undefined> {
  const plan = await planRun(order, means.stateDir);
  if (plan === undefined) return undefined;
  const command = commandText(plan.command);
  const service = await serviceTarget(order, command, asker.say);
  const run = await startRun(
    {
      ...plan,
      ...(service === undefined ? {} : { service }),
      ...(order.options.stdin ? { stdin: asker.stdin(0) } : {}),
    },
    { ...means, asker: { env: order.env, ask: asker.ask } },
  );
  return { ...run, command };
}
