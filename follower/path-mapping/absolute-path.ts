/** Absolute paths of every OS, taken apart and put together. */
import type { Os } from '../../contract/names.ts';

export interface AbsolutePath {
  /** `/`, `S:\` or `\\server\share\`: always ends in a separator. */
  readonly root: string;
  /** The names below the root; never `.`, `..` or empty. */
  readonly segments: readonly string[];
}

const DRIVE = /^(?:[\\/]{2}[?.][\\/])?([A-Za-z]):[\\/]/;
const VERBATIM_UNC = /^[\\/]{2}\?[\\/]UNC[\\/]([^\\/]+)[\\/]+([^\\/]+)/i;
const UNC = /^[\\/]{2}([^\\/?.][^\\/]*)[\\/]+([^\\/]+)/;
const MSYS = /^\/([A-Za-z])(?:\/|$)/;

/**
 * Undefined when the text is not an absolute path of that OS. On Windows `S:\x`, `S:/x`, `\\server\share\x`, the
 * verbatim forms `\\?\S:\x` and `\\?\UNC\server\share\x`, and the MSYS spelling `/s/x` are absolute; `S:x`, `S:` and `\x` are not:
 * they depend on a current drive or directory. `..` at the root stays at the root.
 */
export function parseAbsolute(os: Os, text: string): AbsolutePath | undefined {
  if (os !== 'windows') {
    return text.startsWith('/') ? { root: '/', segments: resolve(text.split('/')) } : undefined;
  }
  const drive = DRIVE.exec(text);
  if (drive !== null) return below(`${drive[1]!.toUpperCase()}:\\`, text, drive[0].length);
  const share = VERBATIM_UNC.exec(text) ?? UNC.exec(text);
  if (share !== null) return below(`\\\\${share[1]}\\${share[2]}\\`, text, share[0].length);
  const msys = MSYS.exec(text);
  return msys === null ? undefined : below(`${msys[1]!.toUpperCase()}:\\`, text, msys[0].length);
}

/** In the OS's own spelling. A root keeps its last separator; nothing else has one. */
export function formatAbsolute(os: Os, path: AbsolutePath): string {
  return path.root + path.segments.join(os === 'windows' ? '\\' : '/');
}

/** What two spellings of one name have in common where the OS's usual filesystem takes them for one. */
export function foldName(os: Os, name: string): string {
  if (os === 'linux') return name;
  return os === 'macos' ? name.normalize('NFC').toLowerCase() : name.toLowerCase();
}

/** The names of `path` below `prefix`, or undefined when it is not there. */
export function segmentsBelow(
  os: Os,
  prefix: AbsolutePath,
  path: AbsolutePath,
): readonly string[] | undefined {
  if (foldName(os, prefix.root) !== foldName(os, path.root)) return undefined;
  const { length } = prefix.segments;
  if (path.segments.length < length) return undefined;
  const same = prefix.segments.every(
    (name, index) => foldName(os, name) === foldName(os, path.segments[index]!),
  );
  return same ? path.segments.slice(length) : undefined;
}

function below(root: string, text: string, start: number): AbsolutePath {
  return { root, segments: resolve(text.slice(start).split(/[\\/]/)) };
}

function resolve(names: readonly string[]): string[] {
  const segments: string[] = [];
  for (const name of names) {
    if (name === '..') segments.pop();
    else if (name !== '' && name !== '.') segments.push(name);
  }
  return segments;
}
