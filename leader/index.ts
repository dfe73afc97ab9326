/**
 * The leader: which followers there are, one command on all of them, and what became of it.
 *
 * | part | what |
 * |---|---|
 * | `catalogue/` | `.agents/hosts.json` and the selectors of `--host` and `--tag` |
 * | `transports/` | how a follower is reached: each gives a byte stream |
 * | `follower-client.ts` | the follower API over that stream |
 * | `connections/` | those that are kept for the next run |
 * | `run-everywhere/` | plan, one state machine per host, merge, cancel, outcome |
 * | `agentless/` | a run on a host that has no agent, with the face of a client of one |
 * | `fence/` | makes the followers' files equal to the project's, and proves it |
 * | `fetch/` | brings files back from followers |
 * | `records/` | what this machine knows of its runs, so that they can be listed and attached to |
 * | `ingest/` | the spool on disk and the pusher that brings it to the service |
 * | `orders/` | what commands ask of a leader, as plain data, and carrying it out |
 * | `daemon/` | the resident leader: its process, and the commands' end of the line to it |
 * | `connections/` | connections to followers that outlive the runs they were made for |
 * | `service-client.ts` | the service API |
 * | `followers/` | list, doctor, stop |
 * | `portability/` | what of a project the followers could not have |
 * | `snapshots/` | a project's tree, frozen: for a fence to read from, or to be kept |
 * | `install/` | brings the agent to hosts over SSH, and takes it away |
 */
export { type Catalogue, loadCatalogue } from './catalogue/load.ts';
export { findProject } from './catalogue/project.ts';
export { selectHosts } from './catalogue/select.ts';
export { createPool, type Pool, type PoolEntry } from './connections/pool.ts';
export { followersDoctor } from './followers/doctor.ts';
export { type FollowerState, followersList } from './followers/list.ts';
export { stopFollower } from './followers/stop.ts';
export { lastRun, listRuns } from './records/read.ts';
export { attachRun } from './run-everywhere/attach.ts';
export { type CancelReport, cancelRun } from './run-everywhere/cancel.ts';
export { startRun } from './run-everywhere/start.ts';
export { type ServiceClient, serviceClient } from './service-client.ts';
export type { HostOutcome, Outcome, Run, RunRecord, RunSpec, ServiceTarget } from './types.ts';
