/** What a directory holds, by its names. */
import { type Dirent, readdirSync } from 'node:fs';
import type { Exclusion } from '../../contract/trees.ts';

/** Names that are not UTF-8 read as other names than they are: they are told by their bytes, and left out. */
export function entriesOf(directoryPath: string, at: string, problems: Exclusion[]): Dirent[] {
  const entries = readdirSync(directoryPath, { withFileTypes: true });
  if (!entries.some(({ name }) => name.includes('\ufffd'))) return entries;
  const valid = new Set<string>();
  for (const bytes of readdirSync(directoryPath, { encoding: 'buffer' })) {
    const name = bytes.toString();
    if (Buffer.from(name).equals(bytes)) valid.add(name);
    else {
      const detail = `its bytes are ${bytes.toString('hex')}`;
      problems.push({ path: at === '' ? name : `${at}/${name}`, code: 'name-not-utf8', detail });
    }
  }
  return entries.filter(({ name }) => valid.has(name));
}
