/** How a session is set up. Mutagen cannot change one, so what it was set up with is on its label. */
import { createHash } from 'node:crypto';
import type { HostEntry } from '../../contract/hosts.ts';
import type { Capabilities, Exclusion } from '../../contract/trees.ts';
import { mutagenIgnores } from './ignores.ts';

export const CONFIG_LABEL = 'aw-config';

export interface SessionConfig {
  name: string;
  /** Absolute, on the leader. */
  alpha: string;
  /** A path of this machine, or `NAME:PATH` for Mutagen's ssh. */
  beta: string;
  /** The configuration file. */
  yaml: string;
  /** Equal for sessions that are set up alike. */
  digest: string;
}

/** A name that Mutagen takes for a session, and ssh for a host. */
export function sessionName({ name }: HostEntry): string {
  return `h-${name.toLowerCase().replace(/[^a-z0-9]/g, '-')}`;
}

export function sessionConfig(
  host: HostEntry,
  ends: { alpha: string; beta: string },
  capabilities: Capabilities,
  patterns: readonly string[],
  excluded: readonly Exclusion[],
): SessionConfig {
  // Nothing is synchronized but by a flush: between fences the tree of a follower stays as a run may rely on it.
  const defaults = {
    mode: 'one-way-replica',
    hash: 'sha256',
    watch: { mode: 'no-watch' },
    symlink: { mode: linkMode(capabilities) },
    permissions: { mode: 'portable' },
    ignore: { vcs: false, paths: mutagenIgnores(patterns, excluded) },
  };
  const yaml = `sync:\n  defaults: ${yamlFlow(defaults)}\n`;
  const digest = createHash('sha256')
    .update(JSON.stringify([ends, yaml]))
    .digest('hex')
    .slice(0, 16);
  return { name: sessionName(host), ...ends, yaml, digest };
}

function linkMode({ symlinks, windowsNames }: Capabilities): string {
  if (!symlinks) return 'ignore';
  return windowsNames ? 'portable' : 'posix-raw';
}

/** JSON is YAML, but for characters that end a line in YAML alone: nothing but ASCII is written as itself. */
function yamlFlow(value: unknown): string {
  return JSON.stringify(value).replace(/[^ -~]/gu, character => {
    const hex = character.codePointAt(0)!.toString(16);
    return hex.length > 4 ? `\\U${hex.padStart(8, '0')}` : `\\u${hex.padStart(4, '0')}`;
  });
}

/** The words behind `mutagen` that make the session. */
export function createArguments(config: SessionConfig, file: string): string[] {
  return [
    ...['sync', 'create', '--name', config.name, '--label', `${CONFIG_LABEL}=${config.digest}`],
    // Else ~/.mutagen.yml is merged in.
    ...['--no-global-configuration', '--configuration-file', file],
    ...['--mode', 'one-way-replica'],
    ...[config.alpha, config.beta],
  ];
}
