/** What of a tree some followers cannot have, by the rules of the fence itself, with a name that all can have. Pure. */
import type { PortabilityProblem } from '../../contract/portability.ts';
import type { Exclusion, ExclusionCode } from '../../contract/trees.ts';
import { foldedName } from '../../follower/tree/fold.ts';
import { type DirectoryNode, nodeAt, walk } from '../../follower/tree/node.ts';
import { project } from '../../follower/tree/project.ts';
import { compareUtf8 } from '../../follower/tree/utf8-order.ts';
import { longPaths } from './long-paths.ts';
import type { Profile } from './profiles.ts';
import { freeName } from './rename.ts';

/** What is wrong with something else than the name. */
const NOT_THE_NAME: ReadonlySet<string> = new Set<ExclusionCode>([
  'symlink-unsupported',
  'symlink-target-unportable',
  'special-file',
  'unreadable',
]);

/** Of one path, before it is known where. */
export interface Finding extends Pick<PortabilityProblem, 'path' | 'code' | 'level' | 'detail'> {
  /** At most so many bytes may the name have that would mend it. */
  longest?: number;
}

/**
 * In canonical order of the paths.
 * @param unreadable what a scan could not tell: no follower can have that
 */
export function lint(
  tree: DirectoryNode,
  unreadable: readonly Exclusion[],
  profiles: readonly Profile[],
): PortabilityProblem[] {
  const all = profiles.map(({ host }) => host);
  const found = new Map<string, { finding: Finding; hosts: Set<string> }>();
  const add = (finding: Finding, hosts: readonly string[]) => {
    const key = JSON.stringify([finding.path, finding.code, finding.detail]);
    const known = found.get(key) ?? { finding, hosts: new Set() };
    found.set(key, known);
    for (const host of hosts) known.hosts.add(host);
  };

  for (const exclusion of unreadable) add(asFinding(exclusion), all);
  for (const { hosts, profile } of kinds(profiles, ({ capabilities, same }) => [capabilities, same])) {
    for (const exclusion of exclusions(tree, profile)) add(asFinding(exclusion), hosts);
    if (!profile.capabilities.executable) for (const finding of programs(tree)) add(finding, hosts);
  }
  for (const { hosts, profile } of kinds(profiles, ({ os, workspace }) => [os, workspace])) {
    for (const finding of longPaths(tree, profile)) add(finding, hosts);
  }

  const renames = createRenames(tree);
  return [...found.values()]
    .sort((one, other) => compareUtf8(one.finding.path, other.finding.path))
    .map(({ finding: { longest, ...finding }, hosts }) => {
      const rename = canRename(finding.code, longest) ? renames(finding, longest) : undefined;
      const where = all.filter(host => hosts.has(host));
      return { type: 'problem', ...finding, ...(rename === undefined ? {} : { rename }), hosts: where };
    });
}

/** Hosts that are alike in this are looked at once. */
function kinds(
  profiles: readonly Profile[],
  inThis: (profile: Profile) => unknown,
): { hosts: string[]; profile: Profile }[] {
  const alike = Map.groupBy(profiles, profile => JSON.stringify(inThis(profile)));
  return [...alike.values()].map(group => ({ hosts: group.map(({ host }) => host), profile: group[0]! }));
}

/** Also what lies below what is left out: it would be the next to be found. */
function* exclusions(tree: DirectoryNode, profile: Profile, at = ''): Generator<Exclusion> {
  const pairs = profile.same === undefined ? undefined : new Set(profile.same.map(pairKey));
  const areSame = (one: string, other: string) => pairs === undefined || pairs.has(pairKey([one, other]));
  for (const { path, ...rest } of project(tree, profile.capabilities, areSame).excluded) {
    yield { ...rest, path: at + path };
    const node = nodeAt(tree, path);
    if (node?.kind === 'directory') yield* exclusions(node, profile, `${at}${path}/`);
  }
}

function pairKey(pair: readonly [string, string]): string {
  return JSON.stringify([...pair].sort());
}

function asFinding({ path, code, detail }: Exclusion): Finding {
  return { path, code, level: 'error', detail: detail ?? code };
}

function* programs(tree: DirectoryNode): Generator<Finding> {
  for (const [path, node] of walk(tree)) {
    if (node.kind !== 'file' || !node.executable) continue;
    yield {
      path,
      code: 'executable-unsupported',
      level: 'note',
      detail: 'files are not marked executable there',
    };
  }
}

function canRename(code: Finding['code'], longest: number | undefined): boolean {
  if (code === 'path-too-long') return longest !== undefined;
  return code !== 'executable-unsupported' && !NOT_THE_NAME.has(code);
}

/** One name for a path, whatever is wrong with it, and no name twice. Names that are no text may look like one. */
function createRenames(tree: DirectoryNode) {
  const taken = new Map<string, Set<string>>();
  const chosen = new Map<string, string | undefined>();
  return ({ path, code, detail }: Finding, longest?: number): string | undefined => {
    const key = code === 'name-not-utf8' ? `${path}\0${detail}` : path;
    if (chosen.has(key)) return chosen.get(key);
    const end = path.lastIndexOf('/');
    const directory = path.slice(0, Math.max(0, end));
    let names = taken.get(directory);
    if (names === undefined) {
      const node = nodeAt(tree, directory);
      names = new Set(node?.kind === 'directory' ? [...node.children.keys()].map(foldedName) : []);
      taken.set(directory, names);
    }
    const own = names;
    const name = path.slice(end + 1);
    const free = freeName(name, folded => own.has(folded), longest);
    if (free !== undefined) own.add(foldedName(free));
    chosen.set(key, free);
    return free;
  };
}
