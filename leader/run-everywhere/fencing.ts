/** The fence before a run: what each host may be asked to do once its files are, or are not, those of the leader. */
import { AwError } from '../../contract/errors.ts';
import type { RunRequestInput } from '../../contract/follower-api.ts';
import type { HostEntry } from '../../contract/hosts.ts';
import type { FenceSpec, HostFence } from '../fence/fence.ts';
import type { JournalItem } from '../journal.ts';
import type { FenceOptions } from '../types.ts';
import type { LeaderEvents } from './leader-events.ts';

export interface Fencing {
  /** What the host is asked to do, bound to the files it has now. @throws why it is asked nothing */
  bind(host: HostEntry, plan: () => RunRequestInput): RunRequestInput;
  /** Hosts that are left out of the run and of its verdict. */
  excluded: ReadonlySet<string>;
}

/** @throws what concerns the project itself; no host can be asked anything then */
export async function fenceFirst(
  options: FenceOptions,
  spec: Omit<FenceSpec, 'patterns' | 'timeoutMs' | 'rehash' | 'adopt' | 'allowEmpty' | 'portability'>,
  leader: LeaderEvents,
  emit: (item: JournalItem) => Promise<void>,
): Promise<Fencing> {
  // Loaded for the first run that has one.
  const [{ startFence }, { ignorePatterns }] = await Promise.all([
    import('../fence/fence.ts'),
    import('../fence/ignore-file.ts'),
  ]);
  const patterns = ignorePatterns(spec.project);
  const fence = await startFence({
    ...spec,
    patterns,
    timeoutMs: options.timeoutMs,
    portability: options.portability,
    rehash: false,
    adopt: false,
    allowEmpty: false,
  });
  const { snapshotId } = fence;
  await emit(leader.make({ type: 'fenceStarted', snapshotId }));
  const results = await fence.results;
  const hosts = Object.fromEntries(Object.entries(results).map(([name, result]) => [name, inEvent(result)]));
  await emit(leader.make({ type: 'fenceResult', snapshotId, hosts }));

  const laggards = Object.keys(results).filter(name => results[name]!.state !== 'consistent');
  const goesOn =
    laggards.length === 0 || (options.onLaggard === 'exclude' && laggards.length < spec.hosts.length);
  const others = Object.keys(results).filter(name => !laggards.includes(name));
  return {
    excluded: new Set(goesOn ? laggards : others),
    bind: (host, plan) => {
      const { digest, error } = results[host.name]!;
      if (digest === undefined) throw error!;
      if (!goesOn)
        throw new AwError('AW_FENCE_ELSEWHERE', { hosts: laggards.join(', ') }, { host: host.name });
      return { ...plan(), tree: { root: host.workspace, digest, patterns } };
    },
  };
}

function inEvent({ state, tookMs, error, excluded }: HostFence) {
  return {
    state,
    tookMs: Math.round(tookMs),
    ...(error === undefined ? {} : { error: error.message, code: error.code }),
    ...(excluded.length === 0 ? {} : { excludedPaths: excluded }),
  };
}
