/** Host name patterns as OpenSSH has them, in its configuration as in known_hosts. */

/** `*` and `?` match as in file names, `!` takes names out again; upper and lower case are one. */
export function matchesPatterns(patterns: readonly string[], name: string): boolean {
  let isMatch = false;
  for (const pattern of patterns) {
    const isNegated = pattern.startsWith('!');
    if (!matches(isNegated ? pattern.slice(1) : pattern, name)) continue;
    if (isNegated) return false;
    isMatch = true;
  }
  return isMatch;
}

function matches(pattern: string, name: string): boolean {
  const source = pattern
    .replaceAll(/\*+/g, '*')
    .replaceAll(/[^*?\w]/g, character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 'i').test(name);
}
