/**
 * Where a leader's directory is on a follower, and what a follower's path means on the leader. Pure: it never looks at
 * a disk. Leader paths are POSIX; follower paths follow the rules of the follower's OS.
 */
export { refuseCaseTwins } from './case-twins.ts';
export { mapToFollower } from './map-to-follower.ts';
export { mapToLeader } from './map-to-leader.ts';
export { outputRules } from './output-rules.ts';
export { createRewriter, type Rewriter } from './rewriter.ts';
export { type PathRules, rulesFor } from './rules.ts';
export { windowsNameProblem } from './windows-names.ts';
export { expandWorkspace } from './workspace.ts';
