/** One word for a shell's parser. Always quoted: no list of "safe" characters holds for every shell and every option. */

/** For sh, bash, dash, zsh, mksh and ash. */
export function quotePosix(argument: string): string {
  return `'${argument.replaceAll("'", "'\\''")}'`;
}

/** For fish, where a backslash escapes within single quotes. */
export function quoteFish(argument: string): string {
  return `'${argument.replace(/['\\]/g, '\\$&')}'`;
}
