/** How long the leader waits for what. Milliseconds. */
export interface Timing {
  /** To reach a follower, its agent's start included. */
  connect: number;
  /** Without an answer to a ping, until a connection counts as dead. */
  silence: number;
  /** Without a connection, and without news, until the host counts as lost. */
  reconnect: number;
  /** After a kill, for the follower's word that all is over. */
  killWait: number;
  /** Beyond the run's timeout and its grace periods, which the follower itself keeps. */
  timeoutSlack: number;
  /** At the end of a run, for the service to take what is still in the spool. */
  flush: number;
}

export const defaultTiming: Timing = {
  connect: 15_000,
  silence: 6_000,
  reconnect: 30_000,
  killWait: 5_000,
  timeoutSlack: 10_000,
  flush: 10_000,
};
