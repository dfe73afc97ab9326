/** Which names some file system may take for one another. */

/**
 * Equal for two names that a file system which ignores case or Unicode normalisation could take for the same. It unites
 * more than any one file system does (dotless and dotted i, say), so equal keys are a question for that file system, and
 * different ones are the answer. Computed on the leader only: versions of Unicode differ between machines.
 */
export function foldedName(name: string): string {
  return isPlain(name) ? name.toLowerCase() : fold(name);
}

function fold(name: string): string {
  // Upper case last: it is what unites the sharp s with its capital and with two of them.
  return name.normalize('NFD').toLowerCase().toUpperCase().normalize('NFC').toLowerCase();
}

function isPlain(name: string): boolean {
  for (let index = 0; index < name.length; index++) {
    if (name.charCodeAt(index) > 0x7f) return false;
  }
  return true;
}
