/** `{workspace}` in arguments and environment values. */
import { mapToFollower } from './map-to-follower.ts';
import type { PathRules } from './rules.ts';

/**
 * The text with every `{workspace}` replaced by the project's root on the follower. A root that ends in a separator
 * (`S:\`, `/`) lends it to a separator that follows: `{workspace}/src` is `S:\src`.
 */
export function expandWorkspace(text: string, rules: PathRules): string {
  if (!text.includes('{workspace}')) return text;
  const workspace = mapToFollower(rules, rules.project);
  const endsInSeparator = /[\\/]$/.test(workspace);
  const separator = rules.os === 'windows' ? '[\\\\/]' : '/';
  return text.replace(new RegExp(`\\{workspace\\}(${separator}?)`, 'g'), (_, next: string) =>
    endsInSeparator ? workspace : workspace + next,
  );
}
