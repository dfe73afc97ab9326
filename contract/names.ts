/** The small vocabularies that appear everywhere. */
import { z } from 'zod';
import { shellNames } from './shell-names.ts';

/** Letters, digits, `.`, `_`, `-`; starts with a letter or digit: safe in a path, a URL, a glob and a terminal. */
export const HostName = z
  .string()
  .max(64)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'a host name has only letters, digits, ".", "_" and "-"');

/** Chosen by the leader; names a directory on every host, so it is as strict as a host name. */
export const RunId = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]*$/);

export const SessionId = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]*$/);

/** Safe in a path, in the name of a git reference and of a ZFS snapshot. */
export const SnapshotId = z.string().regex(/^snap-\d{8}-\d{6}-[0-9a-f]{6}$/);

/** Given by a person: such a snapshot stays until it is deleted. */
export const SnapshotName = z
  .string()
  .max(64)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'a name has only letters, digits, ".", "_" and "-"');

export const Os = z.enum(['linux', 'macos', 'windows']);
export type Os = z.infer<typeof Os>;

export const ShellName = z.enum(shellNames);
export type ShellName = z.infer<typeof ShellName>;
