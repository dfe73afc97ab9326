/** Where an agent is put on its host. */

/** Below the home directory: one directory a version, and the link `current` to the one that is started. */
export const PLACE = '.local/share/agents-workflow/agent';
export const PROGRAM = 'aw-follower';
export const BUNDLE = 'aw-follower.mjs';
/** The oldest Node that the agent runs on: a major version. */
export const OLDEST_NODE = 22;
