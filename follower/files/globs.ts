/** Which files are meant. */
import picomatch from 'picomatch';
import { AwError, show } from '../../contract/errors.ts';

export interface Glob {
  /** The directory below which all that matches lies; '' for the root. */
  base: string;
  matches(path: string): boolean;
}

/**
 * `*` within a name, `**` across directories, `{a,b}`, `[a-z]`; a plain path is itself, and of a directory all below it. Always
 * case-sensitive.
 * @throws AW_USAGE for a pattern that leads out of the root
 */
export function compileGlob(text: string): Glob {
  const glob = text.replace(/^(?:\.\/)+/, '').replace(/\/+$/, '');
  const names = glob.split('/');
  const refuse = (problem: string) =>
    new AwError('AW_USAGE', { problem: `${show(text)} ${problem}`, command: 'aw agent followers fetch' });
  if (glob === '' || glob.startsWith('/') || /^[a-z]:/i.test(glob)) {
    throw refuse('is no path below the workspace');
  }
  if (glob.includes('\0') || names.includes('..')) throw refuse('leads out of the workspace');
  const { base, isGlob } = picomatch.scan(glob);
  const matches = picomatch(isGlob ? glob : [escapeGlob(glob), `${escapeGlob(glob)}/**`], { dot: true });
  return { base: isGlob ? base : glob, matches };
}

function escapeGlob(text: string): string {
  return text.replace(/[\\*?[\]{}()!+@|]/g, '\\$&');
}
