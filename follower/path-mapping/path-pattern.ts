/** One rewriting rule as something to look for in bytes. */
import { pathToFileURL } from 'node:url';
import { AwError } from '../../contract/errors.ts';
import type { OutputRule } from '../../contract/follower-api.ts';
import type { Os } from '../../contract/names.ts';
import { type AbsolutePath, parseAbsolute } from './absolute-path.ts';
import { canBeginPath, canEndName, textBefore } from './path-boundary.ts';
import { type Escape, readSeparator, readUncLead, type Separator, UNC_LEADS } from './separators.ts';

export interface Match {
  /** Just after the prefix, before the separator that may follow. */
  end: number;
  /** What stands in its place. */
  text: Buffer;
  /** Set when the rest of the path needs its separators turned. */
  token?: PathToken;
}

/** The rest of a Windows path after its rewritten prefix. */
export interface PathToken {
  escaping: Escape;
  /** The quote the path stands in, which ends it while spaces do not; undefined when it is not quoted. */
  quote: number | undefined;
}

export interface PathPattern {
  /** Every occurrence begins with one of these. */
  anchors: readonly Buffer[];
  /**
   * What to do at `at`; undefined when the pattern is not there; `more` when bytes still to come decide, which are fewer than
   * the prefix in its longest spelling and 8 more.
   */
  match(data: Buffer, at: number, final: boolean): Match | 'more' | undefined;
}

/** @throws AW_INVALID_REQUEST when the rule's `from` is not an absolute path of the OS. */
export function compileRule(rule: OutputRule, os: Os): PathPattern[] {
  const path = parseAbsolute(os, rule.from);
  if (path === undefined) {
    throw new AwError('AW_INVALID_REQUEST', {
      problem: `mapOutput: ${JSON.stringify(rule.from)} is not an absolute ${os} path`,
    });
  }
  const to = replacements(rule.to);
  return os === 'windows' ? windowsPatterns(path, to) : posixPatterns(path, to);
}

interface Replacements {
  plain: Buffer;
  /** As it stands after `file://`. */
  url: Buffer;
}

/** Without a trailing separator: the separator after the match is kept, and `/` itself becomes nothing before it. */
function replacements(to: string): Replacements {
  const plain = to.replace(/\/+$/, '');
  return { plain: Buffer.from(plain), url: Buffer.from(urlPath(plain)) };
}

function urlPath(path: string): string {
  return path === '' ? '' : pathToFileURL(path, { windows: false }).pathname;
}

function posixPatterns(path: AbsolutePath, to: Replacements): PathPattern[] {
  const plain = `/${path.segments.join('/')}`;
  const encoded = urlPath(plain);
  const patterns = [literal(plain, before => (/file:(?:\/\/)?$/i.test(before) ? to.url : to.plain))];
  if (encoded !== plain) {
    patterns.push(literal(encoded, before => (/file:(?:\/\/)?$/i.test(before) ? to.url : undefined)));
  }
  return patterns;
}

function literal(from: string, replace: (before: string) => Buffer | undefined): PathPattern {
  const bytes = Buffer.from(from);
  return {
    anchors: [bytes],
    match(data, at, final) {
      const available = Math.min(bytes.length, data.length - at);
      if (bytes.compare(data, at, at + available, 0, available) !== 0) return undefined;
      if (available < bytes.length && final) return undefined;
      const before = textBefore(data, at);
      const text = canBeginPath(before) ? replace(before) : undefined;
      if (text === undefined) return undefined;
      if (available < bytes.length) return 'more';
      const ends = canEndName(data, at + bytes.length, final);
      return ends === undefined ? 'more' : ends ? { end: at + bytes.length, text } : undefined;
    },
  };
}

function windowsPatterns(path: AbsolutePath, to: Replacements): PathPattern[] {
  const root = path.root.split('\\').filter(Boolean);
  const names = [...root, ...path.segments];
  if (path.root.startsWith('\\\\')) {
    return [windows(names, 'unc', to, false), windows(['?', 'UNC', ...names], 'unc', to, false)];
  }
  const isRoot = path.segments.length === 0;
  const spellings: PathPattern[] = [
    windows(names, 'drive', to, isRoot),
    windows(['?', ...names], 'unc', to, isRoot),
  ];
  const encoded = names.map((name, index) => (index === 0 ? name : urlPath(`/${name}`).slice(1)));
  if (encoded.some((name, index) => name !== names[index])) {
    spellings.push(windows(encoded, 'drive', { plain: to.url, url: to.url }, isRoot));
  }
  // A bare `/s` is too much like an option of a Windows command.
  if (!isRoot) spellings.push(windows([names[0]!.slice(0, 1), ...path.segments], 'msys', to, false));
  return spellings;
}

type Lead = 'drive' | 'unc' | 'msys';

/** @param needsSeparator the names alone are no path: `S:` without a separator. */
function windows(
  names: readonly string[],
  lead: Lead,
  to: Replacements,
  needsSeparator: boolean,
): PathPattern {
  const parts = names.map(name => Buffer.from(asciiLower(name)));
  const drive = names[0]!;
  const anchors = {
    drive: [drive.toUpperCase(), drive.toLowerCase()],
    unc: UNC_LEADS.flatMap(before => [before + drive[0]!.toUpperCase(), before + drive[0]!.toLowerCase()]),
    msys: [`/${drive.toUpperCase()}/`, `/${drive.toLowerCase()}/`],
  }[lead].map(text => Buffer.from(text));
  return {
    anchors,
    match(data, at, final) {
      const found = matchNames(data, at, final, lead, parts);
      if (found === undefined) return undefined;
      const before = textBefore(data, at);
      const text = replaceAfter(before, lead, data[at] === 0x2f, to);
      if (text === undefined) return undefined;
      if (found === 'more') return 'more';
      if (needsSeparator) {
        const next = readSeparator(data, found.end, found.escaping, final);
        if (next === 'more' || next === undefined) return next;
      } else {
        const ends = canEndName(data, found.end, final);
        if (ends !== true) return ends === undefined ? 'more' : undefined;
      }
      return { end: found.end, text, token: { escaping: found.escaping, quote: quoteAt(data, at - 1) } };
    },
  };
}

function matchNames(
  data: Buffer,
  start: number,
  final: boolean,
  lead: Lead,
  names: readonly Buffer[],
): { end: number; escaping: Escape } | 'more' | undefined {
  let at = start;
  let escaping: Escape = 0;
  for (const [index, name] of names.entries()) {
    if (index > 0 || lead !== 'drive') {
      const separator: Separator | 'more' | undefined =
        index === 0 && lead === 'unc'
          ? readUncLead(data, at, final)
          : readSeparator(data, at, escaping, final);
      if (separator === undefined || separator === 'more') return separator;
      escaping = separator.escaping;
      at += separator.length;
    }
    for (let offset = 0; offset < name.length; offset++, at++) {
      const byte = data[at];
      if (byte === undefined) return final ? undefined : 'more';
      if ((byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte) !== name[offset]) return undefined;
    }
  }
  return { end: at, escaping };
}

/** What replaces a match after this text, or undefined when no path can begin there. */
function replaceAfter(before: string, lead: Lead, slash: boolean, to: Replacements): Buffer | undefined {
  if (lead === 'drive' && /file:\/\/$/i.test(before)) return to.url;
  if (lead === 'drive' && /file:\/(?:\/\/)?$/i.test(before)) return to.url.subarray(1);
  // The path of some URL (`/S:/x`), which begins with a slash on the leader too.
  if (lead === 'drive' && before.endsWith('/')) return to.plain.subarray(1);
  if (lead === 'unc' && slash && before.endsWith(':')) {
    return /file:$/i.test(before) ? Buffer.concat([Buffer.from('//'), to.url]) : undefined;
  }
  // `/s/x` after a drive is the rest of that drive's path.
  if (lead === 'msys' && /(?:^|[^A-Za-z0-9])[A-Za-z]:$/.test(before)) return undefined;
  return canBeginPath(before) ? to.plain : undefined;
}

function quoteAt(data: Buffer, at: number): number | undefined {
  const byte = data[at];
  return byte === 0x22 || byte === 0x27 ? byte : undefined;
}

function asciiLower(text: string): string {
  return text.replace(/[A-Z]/g, letter => letter.toLowerCase());
}
