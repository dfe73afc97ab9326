/** The fence of a project: with its own ignore rules, over connections of its own or those of whoever asks. */
import type { HostEntry } from '../../contract/hosts.ts';
import { connectFollower } from '../follower-client.ts';
import type { RunOptions } from '../run-everywhere/start.ts';
import { defaultTiming } from '../run-everywhere/timing.ts';
import { stateRoot } from '../state.ts';
import type { Reach } from '../transports/index.ts';
import { type Fence, type FenceSpec, startFence } from './fence.ts';
import { ignorePatterns } from './ignore-file.ts';

export type { Fence, HostFence, Snapshot } from './fence.ts';

export interface ProjectFenceOptions
  extends RunOptions,
    Pick<
      FenceSpec,
      | 'timeoutMs'
      | 'rehash'
      | 'adopt'
      | 'allowEmpty'
      | 'portability'
      | 'engine'
      | 'heal'
      | 'snapshot'
      | 'onPhase'
      | 'onSnapshot'
    > {
  reach?: Reach;
  signal?: AbortSignal;
}

/** @throws as `startFence`, and AW_USAGE for an ignore file that is none */
export function fenceProject(
  project: string,
  hosts: readonly HostEntry[],
  { stateDir, timing, connect, asker, reach, ...options }: ProjectFenceOptions,
): Promise<Fence> {
  return startFence({
    ...options,
    hosts,
    project,
    patterns: ignorePatterns(project),
    connect: connect ?? connectFollower,
    context: {
      ...reach,
      ...asker,
      stateDir: stateDir ?? stateRoot(),
      timeoutMs: timing?.connect ?? defaultTiming.connect,
      start: true,
    },
  });
}
