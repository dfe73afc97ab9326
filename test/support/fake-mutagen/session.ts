/** A session of the fake: what it is, what it says of itself, and one cycle of it. */
import { connect, type End, parseUrl, type Url } from './ends.ts';
import { take } from './faults.ts';
import type { Entry, Operation, Problem, Rules, Snapshot } from './tree.ts';

export interface Stored {
  identifier: string;
  creationTime: string;
  name?: string;
  labels?: Record<string, string>;
  alpha: Url;
  beta: Url;
  rules: Rules;
  /** Entries at the top when it was last synchronized. */
  top: number;
}

export interface FakeSession {
  readonly stored: Stored;
  /** @throws when it cannot */
  flush(): Promise<void>;
  /** As `{{json .}}` prints it. */
  toJson(): object;
  end(): void;
}

export function newStored(
  alpha: string,
  beta: string,
  rest: Pick<Stored, 'identifier' | 'rules'> & Partial<Stored>,
): Stored {
  return {
    creationTime: new Date().toISOString(),
    alpha: parseUrl(alpha),
    beta: parseUrl(beta),
    top: 0,
    ...rest,
  };
}

export function runSession(
  stored: Stored,
  agent: string,
  save: () => void,
): { session: FakeSession; connected: Promise<void> } {
  let status = 'connecting-beta';
  let lastError = '';
  let cycles = 0;
  let ends: [End, End] | undefined;
  let conflicts: string[] = [];
  let problems: { scan: [Problem[], Problem[]]; transition: Problem[] } = { scan: [[], []], transition: [] };
  let counts: [Snapshot, Snapshot] | undefined;

  const connected = Promise.all([connect(stored.alpha, agent), connect(stored.beta, agent)]).then(
    both => {
      ends = both;
      status = 'watching';
    },
    (error: Error) => {
      status = 'disconnected';
      lastError = error.message;
      throw error;
    },
  );
  connected.catch(() => {});

  const cycle = async ([alpha, beta]: [End, End]) => {
    status = 'scanning';
    const [source, target] = await Promise.all([alpha.scan(stored.rules), beta.scan(stored.rules)]);
    counts = [source, target];
    problems = { scan: [source.problems, target.problems], transition: [] };
    const halt = take('halt');
    const [tops, others] = [source, target].map(({ entries }) => topOf(entries)) as [number, number];
    if (halt !== undefined || (stored.top >= 2 && (tops === 0) !== (others === 0))) {
      status = halt?.status ?? 'halted-on-root-emptied';
      return;
    }
    const conflict = take('conflict');
    const problem = take('problem');
    const spared = (path: string) =>
      [conflict?.path, problem?.path].some(
        each => each !== undefined && (path === each || path.startsWith(`${each}/`)),
      );
    status = 'transitioning';
    const operations = reconcile(source.entries, target.entries).filter(({ path }) => !spared(path));
    const { kept, problems: failed } = await beta.apply(operations);
    conflicts = [...kept, ...(conflict === undefined ? [] : [conflict.path])];
    problems.transition = [
      ...failed,
      ...(problem === undefined ? [] : [{ path: problem.path, error: 'unable to create file: file exists' }]),
    ];
    stored.top = tops;
    status = 'saving';
    save();
    cycles++;
    // It is not at rest yet when whoever flushed it is told.
    setTimeout(() => {
      status = 'watching';
    }, 100);
  };

  const endpoint = (url: Url, index: 0 | 1) => {
    const found = counts === undefined ? [] : Object.values(counts[index].entries);
    const count = (kind: Entry['kind']) => found.filter(entry => entry.kind === kind).length;
    const state = {
      connected: true,
      scanned: counts !== undefined,
      directories: count('directory'),
      files: count('file'),
      symbolicLinks: count('symlink'),
      ...truncated('scanProblems', problems.scan[index]),
      ...truncated('transitionProblems', index === 1 ? problems.transition : []),
    };
    const config = { ignore: {}, symlink: {}, watch: {}, permissions: {}, compression: {} };
    return {
      ...filled({ ...url }),
      ...config,
      connected: false,
      ...(ends === undefined ? {} : filled(state)),
    };
  };

  const session: FakeSession = {
    stored,
    flush: async () => {
      if (ends === undefined || status.startsWith('halted-')) {
        throw new Error('unable to flush session: session is not currently able to synchronize');
      }
      if (take('crash') !== undefined) process.kill(process.pid, 'SIGKILL');
      if (take('hang') !== undefined) await new Promise(() => {});
      if (take('idle') === undefined) await cycle(ends);
    },
    toJson: () => ({
      identifier: stored.identifier,
      version: 1,
      creationTime: stored.creationTime,
      creatingVersion: '0.18.1',
      alpha: endpoint(stored.alpha, 0),
      beta: endpoint(stored.beta, 1),
      mode: 'one-way-replica',
      ignore: stored.rules,
      paused: false,
      status,
      ...filled({
        name: stored.name,
        labels: stored.labels,
        lastError,
        successfulCycles: cycles,
        ...truncated(
          'conflicts',
          conflicts.map(root => ({ root, alphaChanges: [], betaChanges: [] })),
        ),
      }),
    }),
    end: () => {
      connected.then(
        () => {
          for (const end of ends!) end.close();
        },
        () => {},
      );
    },
  };
  return { session, connected };
}

function topOf(entries: Record<string, Entry>): number {
  return Object.keys(entries).filter(path => !path.includes('/')).length;
}

/** Removals deepest first, then what is to be there, parents first. */
function reconcile(source: Record<string, Entry>, target: Record<string, Entry>): Operation[] {
  const gone = Object.keys(target)
    .filter(path => source[path]?.kind !== target[path]!.kind)
    .reverse()
    .map(path => ({ path, remove: true as const }));
  const wanted = Object.entries(source)
    .filter(([path, entry]) => JSON.stringify(target[path]) !== JSON.stringify(entry))
    .map(([path, put]) => ({ path, put }));
  return [...gone, ...wanted];
}

/** Ten are told, and how many more there are. */
function truncated(name: string, values: readonly unknown[]): Record<string, unknown> {
  const excluded = `excluded${name[0]!.toUpperCase()}${name.slice(1)}`;
  return { [name]: values.slice(0, 10), [excluded]: Math.max(0, values.length - 10) };
}

/** Without what is zero or empty, as Go's omitempty has it. */
function filled(value: Record<string, unknown>): Record<string, unknown> {
  const isEmpty = (each: unknown) =>
    each === undefined ||
    each === 0 ||
    each === '' ||
    each === false ||
    (Array.isArray(each) && each.length === 0);
  return Object.fromEntries(Object.entries(value).filter(([, each]) => !isEmpty(each)));
}
