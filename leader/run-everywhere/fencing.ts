/** The fence before a run: what each host may be asked to do once its files are, or are not, those of the leader. */
import { AwError } from '../../contract/errors.ts';
import type { RunRequestInput } from '../../contract/follower-api.ts';
import type { HostEntry } from '../../contract/hosts.ts';
import type { FenceSpec, HostFence } from '../fence/fence.ts';
import type { JournalItem } from '../journal.ts';
import type { FenceOptions } from '../types.ts';
import type { LeaderEvents } from './leader-events.ts';

/** Of paths that there is something to say of, in an event: the first, as long as they are not more than so many characters. */
const EXAMPLES = 20;
const EXAMPLES_LENGTH = 4096;

export interface Fencing {
  /**
   * What the host is asked to do, bound to the files it has now. Where there is no agent nobody can make them equal, and the
   * command runs on what is there.
   * @throws why it is asked nothing
   */
  bind(host: HostEntry, plan: () => RunRequestInput): RunRequestInput;
  /** Hosts that are left out of the run and of its verdict. */
  excluded: ReadonlySet<string>;
  /** What the run works on; undefined when there is none. */
  snapshotId: string | undefined;
}

/** What comes of it goes to the service and to whoever watches; how far it is, only to the latter. */
export interface FenceEvents {
  emit(item: JournalItem): Promise<void>;
  show(item: JournalItem): void;
}

/** @throws what concerns the project itself; no host can be asked anything then */
export async function fenceFirst(
  options: FenceOptions,
  spec: Omit<
    FenceSpec,
    | 'patterns'
    | 'timeoutMs'
    | 'rehash'
    | 'adopt'
    | 'allowEmpty'
    | 'portability'
    | 'snapshot'
    | 'engine'
    | 'heal'
  >,
  leader: LeaderEvents,
  { emit, show }: FenceEvents,
): Promise<Fencing> {
  // Loaded for the first run that has one.
  const [{ startFence }, { ignorePatterns }] = await Promise.all([
    import('../fence/fence.ts'),
    import('../fence/ignore-file.ts'),
  ]);
  const start = performance.now();
  const withAgent = spec.hosts.filter(host => host.agentless !== true);
  const patterns = ignorePatterns(spec.project);
  const fence = await startFence({
    ...spec,
    hosts: withAgent,
    patterns,
    timeoutMs: options.timeoutMs,
    portability: options.portability,
    snapshot: options.snapshot,
    engine: options.engine,
    heal: options.heal,
    rehash: false,
    adopt: false,
    allowEmpty: false,
    onSnapshot: ({ snapshotId }) => emit(leader.make({ type: 'fenceStarted', snapshotId })),
    onPhase: (host, phase) => show(leader.remark({ type: 'fenceProgress', host, phase })),
  });
  const { snapshotId, files } = fence;
  const results = await fence.results;
  // The hosts that turned out to have none.
  for (const [name, { error }] of Object.entries(results)) {
    if (spec.context.agentless === true && error?.code === 'AW_AGENT_MISSING') delete results[name];
  }

  const laggards = Object.keys(results).filter(name => results[name]!.state !== 'consistent');
  const goesOn =
    laggards.length === 0 || (options.onLaggard === 'exclude' && laggards.length < spec.hosts.length);
  const others = spec.hosts.map(({ name }) => name).filter(name => !laggards.includes(name));
  const excluded = new Set(goesOn ? laggards : others);
  const hosts = Object.fromEntries(
    Object.entries(results).map(([name, result]) => [name, inEvent(result, excluded.has(name))]),
  );
  const tookMs = Math.round(performance.now() - start);
  await emit(leader.make({ type: 'fenceResult', snapshotId, files, tookMs, hosts }));
  if (goesOn) await emit(leader.make({ type: 'moment', snapshotId, when: 'before' }));
  return {
    excluded,
    snapshotId: goesOn ? snapshotId : undefined,
    bind: (host, plan) => {
      const { digest, error } = results[host.name] ?? {};
      if (error !== undefined) throw error;
      if (!goesOn)
        throw new AwError('AW_FENCE_ELSEWHERE', { hosts: laggards.join(', ') }, { host: host.name });
      return digest === undefined ? plan() : { ...plan(), tree: { root: host.workspace, digest, patterns } };
    },
  };
}

function inEvent({ state, tookMs, error, excluded: paths, rewritten = [] }: HostFence, isExcluded: boolean) {
  return {
    state,
    tookMs: Math.round(tookMs),
    ...(error === undefined ? {} : { error: error.message, code: error.code }),
    ...(isExcluded ? { excluded: true } : {}),
    ...(paths.length === 0 ? {} : { excludedPaths: examplesOf(paths), excludedCount: paths.length }),
    ...(rewritten.length === 0 ? {} : { rewritten: examplesOf(rewritten) }),
  };
}

function examplesOf<T extends { path: string }>(paths: readonly T[]): T[] {
  let room = EXAMPLES_LENGTH;
  return paths.slice(0, EXAMPLES).filter(each => {
    room -= JSON.stringify(each).length;
    return room >= 0;
  });
}
