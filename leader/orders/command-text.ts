/** A command as a person would write it, for lists and reports. */
import { show } from '../../contract/errors.ts';
import type { Command } from '../../contract/follower-api.ts';

/** One line; words that a POSIX shell would take apart are quoted. */
export function commandText(command: Command): string {
  if (command.kind === 'argv') return command.argv.map(quote).join(' ');
  const script = quote(command.script);
  return ['-c', script, ...(command.args?.length ? ['--', ...command.args.map(quote)] : [])].join(' ');
}

function quote(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  // Control characters as JSON escapes: a list must stay a list.
  if (/[\x00-\x1f\x7f-\x9f\u2028\u2029]/.test(word)) return show(word, 400);
  return `'${word.replaceAll("'", "'\\''")}'`;
}
