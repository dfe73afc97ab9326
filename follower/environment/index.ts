/**
 * The environment of a run: what a login on this machine would have, plus what the request sets, in the form the OS
 * needs; and what this machine has to offer: shells and toolchains.
 */

export { findShells } from './find-shells.ts';
export { type LoginEnvironment, type LoginOptions, loginEnvironment } from './login-environment.ts';
export { isNeverForwarded, namesLostBy } from './names.ts';
export { normalizeEnvironment } from './normalize.ts';
export { discoverToolchains } from './toolchains.ts';
export { currentUser, type LoginUser, userLoginShell } from './user.ts';
