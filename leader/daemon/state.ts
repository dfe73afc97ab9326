/** What the resident leader knows of itself: its work, the input it waits for, and when to end. */
import type { RunInProgress } from './messages.ts';
import type { Peer } from './peer.ts';

export interface State {
  readonly startedAt: Date;
  /** Resolves when it is time to end. */
  readonly ended: Promise<void>;
  readonly isEnding: boolean;
  /** Something is being done; the function returned says that it is done. */
  work(): () => void;
  /** A run begins: also counts as work. `letGo` stops leading it. */
  begin(describe: () => Omit<RunInProgress, 'startedAt'>, letGo: () => void): () => void;
  runs(): RunInProgress[];
  /** The connection that brings the input of a run, as soon as there is one; `gone` gives up waiting. */
  awaitInput(runId: string, gone: AbortSignal): Promise<Peer>;
  /** False when no run waits for that. */
  giveInput(runId: string, peer: Peer): boolean;
  /** Milliseconds without work after which it ends; undefined: never. */
  setIdle(idleMs: number | undefined): void;
  /** Lets go of all runs. */
  end(): void;
}

export function createState(firstIdleMs: number | undefined): State {
  const startedAt = new Date();
  const ended = Promise.withResolvers<void>();
  const runs = new Map<() => Omit<RunInProgress, 'startedAt'>, { startedAt: string; letGo: () => void }>();
  const inputs = new Map<string, (peer: Peer) => void>();
  let idleMs = firstIdleMs;
  let isEnding = false;
  let atWork = 0;
  let timer: NodeJS.Timeout | undefined;

  const end = () => {
    isEnding = true;
    clearTimeout(timer);
    for (const { letGo } of runs.values()) letGo();
    ended.resolve();
  };
  const arm = () => {
    clearTimeout(timer);
    if (atWork === 0 && idleMs !== undefined && !isEnding) timer = setTimeout(end, idleMs);
  };
  const work = () => {
    atWork += 1;
    clearTimeout(timer);
    let isDone = false;
    return () => {
      if (isDone) return;
      isDone = true;
      atWork -= 1;
      arm();
    };
  };
  arm();

  return {
    startedAt,
    ended: ended.promise,
    get isEnding() {
      return isEnding;
    },
    work,
    begin(describe, letGo) {
      const done = work();
      runs.set(describe, { startedAt: new Date().toISOString(), letGo });
      if (isEnding) letGo();
      return () => {
        runs.delete(describe);
        done();
      };
    },
    runs: () => [...runs].map(([describe, { startedAt: began }]) => ({ ...describe(), startedAt: began })),
    async awaitInput(runId, gone) {
      const { promise, resolve, reject } = Promise.withResolvers<Peer>();
      const giveUp = () => reject(new Error('the command that has the input is gone'));
      gone.addEventListener('abort', giveUp, { once: true });
      if (gone.aborted) giveUp();
      inputs.set(runId, resolve);
      try {
        return await promise;
      } finally {
        inputs.delete(runId);
        gone.removeEventListener('abort', giveUp);
      }
    },
    giveInput(runId, peer) {
      const take = inputs.get(runId);
      take?.(peer);
      return take !== undefined;
    },
    setIdle(next) {
      idleMs = next;
      arm();
    },
    end,
  };
}
