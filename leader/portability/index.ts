/** Says of a project what its followers could not have, before any of them is touched. */
import { AwError, show } from '../../contract/errors.ts';
import type { HostEntry } from '../../contract/hosts.ts';
import type { PortabilityHost, PortabilityProblem } from '../../contract/portability.ts';
import { startThread } from '../../follower/tree/thread.ts';
import { ignorePatterns } from '../fence/ignore-file.ts';
import { connectFollower } from '../follower-client.ts';
import { defaultTiming } from '../run-everywhere/timing.ts';
import { stateRoot } from '../state.ts';
import type { Reach } from '../transports/index.ts';
import { lineEndings } from './line-endings.ts';
import { ask, assumed, type Profile } from './profiles.ts';
import type { CheckMethods } from './worker.ts';

export interface CheckOptions {
  /** Asks no follower. */
  offline: boolean;
  reach?: Reach;
}

export interface Check {
  files: number;
  directories: number;
  hosts: PortabilityHost[];
  /** In canonical order of the paths, those of line endings last. */
  problems: PortabilityProblem[];
  /** Git was there to say what they should be. */
  hasLineEndings: boolean;
}

/** To know one follower's file system, its agent's start included. Milliseconds. */
const ASKING = 30_000;

/** @throws AW_TREE_ROOT, AW_IGNORE_PATTERN, AW_USAGE: what concerns the project itself */
export async function checkProject(
  project: string,
  hosts: readonly HostEntry[],
  { offline, reach }: CheckOptions,
): Promise<Check> {
  const patterns = ignorePatterns(project);
  const thread = startThread<CheckMethods>(new URL('./worker.ts', import.meta.url));
  try {
    const scanned = thread.call('scan', project, patterns).catch(error => {
      if (error instanceof AwError) throw error;
      const { code, message } = error as NodeJS.ErrnoException;
      throw new AwError('AW_TREE_ROOT', { path: show(project), reason: code ?? message }, { cause: error });
    });
    const doubtful = scanned.then(found => found.doubtful);
    const context = { ...reach, stateDir: stateRoot(), timeoutMs: defaultTiming.connect, start: true };
    const asking = { context, connect: connectFollower, timeoutMs: ASKING, project };
    const [{ files, directories }, endings, profiles] = await Promise.all([
      scanned,
      lineEndings(project),
      Promise.all(hosts.map(host => (offline ? assumed(host) : ask(host, doubtful, asking)))),
    ]);
    const names = profiles.map(({ host }) => host);
    const ofText = await thread.call('within', endings ?? []);
    return {
      files,
      directories,
      hosts: profiles.map(inRecord),
      problems: [
        ...(await thread.call('lint', profiles.map(withoutError))),
        ...ofText.map((finding): PortabilityProblem => ({ type: 'problem', ...finding, hosts: names })),
      ],
      hasLineEndings: endings !== undefined,
    };
  } finally {
    await thread.close();
  }
}

/** Errors do not travel to a thread, and none is of interest there. */
function withoutError({ error: _, ...profile }: Profile): Profile {
  return profile;
}

function inRecord({ host, capabilities, same, error }: Profile): PortabilityHost {
  const basis = same === undefined ? 'assumed' : 'probed';
  return {
    type: 'host',
    host,
    basis,
    capabilities,
    ...(error === undefined ? {} : { error: error.toWire() as PortabilityHost['error'] & {} }),
  };
}
