/** Names that every system can have, in place of those that some cannot. Pure. */
import { windowsNameProblem } from '../../follower/path-mapping/windows-names.ts';
import { foldedName } from '../../follower/tree/fold.ts';
import { vcsAliasOf } from '../../follower/tree/protected-names.ts';

/** Bytes in UTF-8; no fewer UTF-16 units fit into them. */
const LONGEST_NAME = 255;

/**
 * The same for the same siblings. It differs from all of them on every file system, and keeps the extension, which says what
 * a file is.
 * @param isTaken whether a sibling has this folded name
 * @param longest bytes
 */
export function freeName(
  name: string,
  isTaken: (folded: string) => boolean,
  longest = LONGEST_NAME,
): string | undefined {
  const { stem, extension } = parts(sound(name));
  for (let count = 1; ; count++) {
    const suffix = count === 1 ? '' : `-${count}`;
    const room = longest - Buffer.byteLength(suffix + extension);
    const candidate = sound(`${cut(stem, room)}${suffix}${extension}`);
    if (room < 1 || Buffer.byteLength(candidate) > longest) return undefined;
    if (!isTaken(foldedName(candidate))) return candidate;
  }
}

/** Without anything that some system refuses, or reads as something else. */
function sound(name: string): string {
  const legal = name
    .replace(/[\u0000-\u001f<>"/\\|?*\ufffd]/g, '_')
    .replace(/:/g, '-')
    .replace(/[. ]+$/, '');
  const named = legal === '' ? '_' : legal;
  const { stem, extension } = parts(named);
  const usable = windowsNameProblem(named) === undefined ? named : `${stem}_${extension}`;
  return vcsAliasOf(usable) !== undefined ? `_${usable}` : usable;
}

/** A leading dot begins no extension; of a device, all from the first dot on is one. */
function parts(name: string): { stem: string; extension: string } {
  const isDevice = windowsNameProblem(name) !== undefined;
  const dot = isDevice ? name.indexOf('.') : name.lastIndexOf('.');
  return dot < 1 || name.length - dot > 20
    ? { stem: name, extension: '' }
    : { stem: name.slice(0, dot).trimEnd(), extension: name.slice(dot) };
}

/** At most so many bytes, and no half of a character. */
function cut(text: string, bytes: number): string {
  let result = text;
  while (Buffer.byteLength(result) > bytes) result = [...result].slice(0, -1).join('');
  return result;
}
