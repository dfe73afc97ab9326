/** `--host` and `--tag`: which of the catalogue's hosts are meant. */
import { createRequire } from 'node:module';
import type Picomatch from 'picomatch';
import { AwError, show } from '../../contract/errors.ts';
import type { HostEntry } from '../../contract/hosts.ts';
import { Os } from '../../contract/names.ts';
import { nearest } from './near.ts';
import { expandRanges } from './ranges.ts';

const require = createRequire(import.meta.url);

export interface Selectors {
  /** Names, globs, ranges, comma lists of them; `!` before one takes its hosts out. Any of them; none means all. */
  host: readonly string[];
  /** `key=value` or `key!=value`; all must hold. `os`, `name` and `transport` are tags of every host. */
  tag: readonly string[];
}

/**
 * In the catalogue's order. Every term must match something, also each number of a range and what is taken out: a typing
 * error must never decide where a command runs.
 * @throws AW_SELECTOR_INVALID, AW_SELECTOR_NO_MATCH naming the near ones.
 */
export function selectHosts(hosts: readonly HostEntry[], selectors: Selectors): HostEntry[] {
  const terms = selectors.host.flatMap(splitList);
  const wanted = terms.filter(term => !term.startsWith('!'));
  const unwanted = terms.filter(term => term.startsWith('!')).map(term => term.slice(1));
  const taken = wanted.length === 0 ? new Set(hosts) : union(wanted, hosts);
  for (const host of union(unwanted, hosts)) taken.delete(host);
  const conditions = selectors.tag.map(parseTag);
  for (const condition of conditions) checkKnown(condition, hosts);
  const selected = hosts.filter(
    host => taken.has(host) && conditions.every(condition => holds(condition, host)),
  );
  if (selected.length === 0) {
    const selector = [
      ...selectors.host.map(text => `--host ${text}`),
      ...selectors.tag.map(text => `--tag ${text}`),
    ].join(' ');
    throw noMatch(
      selector,
      hosts
        .map(host => host.name)
        .slice(0, 10)
        .join(', '),
    );
  }
  return selected;
}

/** At the commas that stand in no brackets or braces. */
function splitList(list: string): string[] {
  const terms = [...list.matchAll(/(?:\[[^\]]*\]|\{[^}]*\}|[^,])+/g)].map(([term]) => term.trim());
  if (terms.length === 0) throw invalid(list, 'it is empty');
  return terms;
}

function union(terms: readonly string[], hosts: readonly HostEntry[]): Set<HostEntry> {
  return new Set(terms.flatMap(term => matches(term, hosts)));
}

/** Host names differ in more than case, so case is not looked at. */
function matches(term: string, hosts: readonly HostEntry[]): HostEntry[] {
  if (!/^[\w.*?[\]{},^!-]+$/.test(term)) {
    throw invalid(term, 'host names have only letters, digits, ".", "_" and "-"');
  }
  return expandRanges(term).flatMap(pattern => {
    const isMatch = /[*?[\]{}]/.test(pattern)
      ? globMatcher(pattern)
      : (name: string) => name.toLowerCase() === pattern.toLowerCase();
    const found = hosts.filter(host => isMatch(host.name));
    if (found.length > 0) return found;
    const names = hosts.map(host => host.name);
    const plain = pattern.replace(/[*?[\]{}]/g, '');
    throw noMatch(pattern === term ? term : `${pattern} (of ${term})`, nearest(plain, names));
  });
}

/** The library is loaded with the first glob: most selections have none. */
function globMatcher(pattern: string): (name: string) => boolean {
  const picomatch: typeof Picomatch = require('picomatch');
  return picomatch(pattern, { nocase: true, dot: true, nonegate: true });
}

interface TagCondition {
  text: string;
  key: string;
  value: string;
  negated: boolean;
}

function parseTag(text: string): TagCondition {
  const match = /^([^=\s!]+)(!?=)(\S*)$/.exec(text);
  if (match === null) throw invalid(text, 'a tag is key=value or key!=value');
  return { text, key: match[1]!, value: match[3]!, negated: match[2] === '!=' };
}

/** All tags of a host, the ones every host has included. */
function tagsOf(host: HostEntry): string[] {
  return [`os=${host.os}`, `name=${host.name}`, `transport=${host.transport}`, ...(host.tags ?? [])];
}

function holds({ key, value, negated }: TagCondition, host: HostEntry): boolean {
  return tagsOf(host).includes(`${key}=${value}`) !== negated;
}

function checkKnown({ text, key, value }: TagCondition, hosts: readonly HostEntry[]): void {
  // An OS that no host has is not a typing error: `os!=windows` also means something where there is none.
  const all = [...new Set([...hosts.flatMap(tagsOf), ...Os.options.map(os => `os=${os}`)])];
  if (all.includes(`${key}=${value}`)) return;
  const ofKey = all.filter(tag => tag.startsWith(`${key}=`));
  const keys = [...new Set(all.map(tag => tag.slice(0, tag.indexOf('='))))];
  throw noMatch(
    `--tag ${text}`,
    ofKey.length > 0 ? nearest(`${key}=${value}`, ofKey) : `tags ${nearest(key, keys)}`,
  );
}

function noMatch(selector: string, known: string) {
  return new AwError('AW_SELECTOR_NO_MATCH', { selector: show(selector, 200), known });
}

function invalid(selector: string, problem: string) {
  return new AwError('AW_SELECTOR_INVALID', { selector: show(selector), problem });
}
