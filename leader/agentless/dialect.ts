/** How a host without an agent is spoken to. There are two ways: `posix.ts` and `windows.ts`. */
import type { RunRequestInput } from '../../contract/follower-api.ts';

/** In the order in which they are taken. A host may know of one only. */
export type Step = 'INT' | 'TERM' | 'KILL';

export interface Dialect {
  /** Said by what `signal` starts when it has found the processes. */
  readonly hello: string;
  /** What the program says of itself stands behind it. */
  readonly frame: string;
  /** For the login shell. */
  readonly line: string;
  /** The first on standard input. */
  readonly opening: string | Buffer;
  /** What is then heard on standard output, byte for byte: a run may be asked for. */
  readonly greeting: string;
  /** Why that may not be heard, for a person. */
  readonly noGreeting: string;
  /** What a run there lacks, for a person. */
  readonly lacks: string;
  /**
   * Asks for the run. What then happens the program says.
   * @param send throws when the run was given up meanwhile; `isLast`: the command gets no input of its own
   * @param answer the next answer of the program
   * @throws why it cannot be run there as it was meant; AW_HOST_UNREACHABLE when no answer comes
   */
  begin(
    request: RunRequestInput,
    send: (input: string | Buffer, isLast: boolean) => void,
    answer: () => Promise<string>,
  ): Promise<void>;
  /** What sends a signal over another login. `process` as `started` said it. */
  signal(process: readonly string[], step: Step): { line: string; input: string | Buffer };
}
