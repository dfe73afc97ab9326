/** What becomes of a run whose leader is gone. */
import type { RunRequest } from '../../contract/follower-api.ts';

/** How long a leader may take from making a run to reading its events. */
const FIRST_ATTACH_MS = 10_000;

export interface LeaderWatch {
  /** A leader's stream begins; the returned function is its end. */
  attach(): () => void;
  close(): void;
}

/** Calls `onLoss` once when the run asked for that and no leader has been there for as long as it said. */
export function watchLeader(
  request: Pick<RunRequest, 'onLeaderLoss' | 'leaderLossMs'>,
  onLoss: (reason: string) => void,
): LeaderWatch {
  if (request.onLeaderLoss === 'continue') return { attach: () => () => {}, close() {} };
  let leaders = 0;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  const wait = (ms: number) => {
    clearTimeout(timer);
    timer = setTimeout(() => onLoss('its leader is gone'), ms);
  };
  wait(Math.max(FIRST_ATTACH_MS, request.leaderLossMs));
  return {
    attach() {
      leaders += 1;
      clearTimeout(timer);
      let ended = false;
      return () => {
        if (ended) return;
        ended = true;
        leaders -= 1;
        if (leaders === 0 && !closed) wait(request.leaderLossMs);
      };
    },
    close() {
      clearTimeout(timer);
      closed = true;
    },
  };
}
