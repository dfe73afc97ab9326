/** A command as a line to copy and paste. */
import { quoteBatch } from './batch/quote.ts';
import { quoteFish, quotePosix } from './posix/quote.ts';
import { quoteCrt } from './windows/crt.ts';
import { quoteMsys } from './windows/msys.ts';

/** Who reads the line: a shell, or (`crt`, `msys`) a Windows program its own command line. */
export type RenderStyle = 'posix' | 'fish' | 'cmd' | 'crt' | 'msys';

const quoters: Record<RenderStyle, (argument: string) => string> = {
  posix: quotePosix,
  fish: quoteFish,
  cmd: quoteBatch,
  crt: quoteCrt,
  msys: quoteMsys,
};

/** Words that a shell takes as syntax when they stand first and bare. */
const RESERVED =
  /^(?:if|then|else|elif|fi|do|done|case|esac|while|until|for|in|function|select|time|coproc|repeat|foreach|end|begin|switch|and|or|not|nocorrect|noglob|rem|call|goto)$/i;

/**
 * The line `style` reads back as exactly this argv. Words of letters, digits and `._/-` stay bare to be readable.
 * Each argument must be one that style can carry; `adapt` checks that for a follower.
 */
export function renderCommand(argv: readonly string[], style: RenderStyle): string {
  const quote = quoters[style];
  return argv
    .map((word, index) => {
      const bare = /^[A-Za-z0-9._/-]+$/.test(word) && !(index === 0 && RESERVED.test(word));
      return bare ? word : quote(word);
    })
    .join(' ');
}
