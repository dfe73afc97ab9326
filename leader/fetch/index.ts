/** Brings files back from followers: build artefacts, reports. Each host's into a directory of its name. */
import { join } from 'node:path';
import { AwError, asAwError, show } from '../../contract/errors.ts';
import type { FilesRequest } from '../../contract/files.ts';
import type { HostEntry } from '../../contract/hosts.ts';
import { compileGlob } from '../../follower/files/globs.ts';
import { ignorePatterns } from '../fence/ignore-file.ts';
import { connectFollower } from '../follower-client.ts';
import { chunksOf, garbage } from '../follower-http.ts';
import type { RunOptions } from '../run-everywhere/start.ts';
import { defaultTiming } from '../run-everywhere/timing.ts';
import { stateRoot } from '../state.ts';
import type { Reach } from '../transports/index.ts';
import { hostDirectory, openDestination } from './destination.ts';
import { type Received, receiveFiles } from './receive.ts';

export interface FetchOptions extends RunOptions, Pick<FilesRequest, 'globs' | 'maxFiles' | 'maxBytes'> {
  dest: string;
  /** For each host. */
  timeoutMs: number;
  reach?: Reach;
}

export interface HostFetch extends Partial<Received> {
  host: string;
  /** Where its files are. */
  directory: string;
  error?: AwError;
}

const EXAMPLES = 3;

/**
 * Resolves when the last host is done, in the order of `hosts`; what concerns one host is in its result.
 * @throws AW_FETCH_DEST, AW_USAGE: nothing was asked of anybody then
 */
export function fetchFiles(
  project: string,
  hosts: readonly HostEntry[],
  options: FetchOptions,
): Promise<HostFetch[]> {
  for (const glob of options.globs) compileGlob(glob);
  const dest = openDestination(options.dest, project, ignorePatterns(project));
  return Promise.all(
    hosts.map(async (host): Promise<HostFetch> => {
      const directory = join(dest, host.name);
      try {
        const received = await fetchHost(host, directory, options);
        const error = problemOf(received, options);
        return { host: host.name, directory, ...received, ...(error === undefined ? {} : { error }) };
      } catch (error) {
        return { host: host.name, directory, error: asAwError(error, host.name) };
      }
    }),
  );
}

async function fetchHost(host: HostEntry, directory: string, options: FetchOptions): Promise<Received> {
  const { globs, maxFiles, maxBytes, timeoutMs, stateDir, timing, connect, asker, reach } = options;
  const request = { root: host.workspace, globs, maxFiles, maxBytes };
  const signal = AbortSignal.timeout(timeoutMs);
  const client = await (connect ?? connectFollower)(host, {
    ...reach,
    ...asker,
    stateDir: stateDir ?? stateRoot(),
    timeoutMs: timing?.connect ?? defaultTiming.connect,
    start: true,
    signal,
  });
  try {
    const { requester } = client;
    const stream = await requester.stream({
      method: 'POST',
      path: '/v1/files',
      json: request,
      timeoutMs,
      signal,
    });
    const giveUp = () => stream.destroy(new Error(`not done within ${timeoutMs / 1000} s`));
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      return await receiveFiles(chunksOf(stream), request, hostDirectory(directory));
    } catch (error) {
      if (error instanceof AwError) throw error;
      // What it said was no message of this protocol, or the connection broke in the middle.
      throw stream.errored === null && !stream.aborted
        ? garbage((error as Error).message, error)
        : requester.broken('the files were cut off', error);
    } finally {
      signal.removeEventListener('abort', giveUp);
      stream.destroy();
    }
  } finally {
    client.close();
  }
}

function problemOf({ files, problems, more }: Received, { globs }: FetchOptions): AwError | undefined {
  if (files.length === 0 && problems.length === 0 && !more) {
    return new AwError('AW_FETCH_NOTHING', { globs: globs.map(glob => show(glob)).join(', ') });
  }
  if (problems.length === 0 && !more) return undefined;
  const examples = problems.slice(0, EXAMPLES).map(({ path, reason }) => `${show(path)} (${reason})`);
  const rest = more ? ['and more than may be fetched at one time'] : [];
  return new AwError('AW_FETCH_INCOMPLETE', {
    count: problems.length,
    examples: [...examples, ...rest].join(', '),
  });
}
