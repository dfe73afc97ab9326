/** Which SSH reaches a host. What only some fleets need is loaded when it is. */
import { homeOf } from '../environment.ts';
import type { OpenSsh } from './types.ts';

export type { RemoteExit, RemoteProcess, SshConnection } from './types.ts';

/** The system's ssh. */
const openssh: OpenSsh = async (...to) => (await import('./openssh.ts')).openOpenssh(...to);

/** The built-in one. */
const ssh: OpenSsh = async (...to) => (await import('./ssh2.ts')).openSsh2(...to);

/** The one of the two that reaches this host best: see docs/adr/0006. */
const auto: OpenSsh = async (host, context, limit) => {
  const { needsOpenssh } = await import('./config.ts');
  const onTheWay = [host, ...(host.jump ?? [])];
  const needs = await Promise.all(onTheWay.map(target => needsOpenssh(target, homeOf(context))));
  return needs.includes(true) ? openssh(host, context, limit) : ssh(host, context, limit);
};

/** By the `transport` of a catalogue entry. */
export const openSsh = { openssh, ssh, auto } satisfies Record<string, OpenSsh>;
export type SshWay = keyof typeof openSsh;
