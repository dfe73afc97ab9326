/** What a check of a project's portability found, for a person: grouped by what is wrong and where. */
import type { PortabilityHost, PortabilityProblem } from '../../contract/portability.ts';
import { hostsText } from './host-names.ts';
import type { Paint, Style } from './paint.ts';
import { printable } from './printable.ts';

const MEANINGS: Record<PortabilityProblem['code'], string> = {
  'name-collision': 'another name of the same directory is the same name there',
  'reserved-name': 'the name belongs to a device there',
  'illegal-character': 'a character that names cannot have there',
  'trailing-dot-or-space': 'a last dot or space, which is dropped there',
  'name-too-long': 'the name is too long',
  'symlink-unsupported': 'links cannot be made there',
  'symlink-target-unportable': 'a link whose target means something else there',
  'git-alias': 'a name that some file system takes for .git',
  'special-file': 'neither file nor directory nor link: remove it, or ignore it in .agents/mutagen.yml',
  'name-not-utf8': 'a name that is no text',
  unreadable: 'cannot be read here',
  'path-too-long': 'the whole path is too long for most programs: shorten a directory, or the workspace',
  'executable-unsupported': 'marked executable here; files have no such mark there',
  'line-endings': 'line endings are not those of the repository: convert the file, or correct .gitattributes',
  'mixed-line-endings': 'two kinds of line endings in one file',
};
const COLOURS: Record<PortabilityProblem['level'], Style> = { error: 'red', warning: 'yellow', note: 'dim' };
const LEVELS = ['error', 'warning', 'note'] as const;
/** Paths of one group that are shown. */
const EXAMPLES = 20;
/** Of the column of paths. */
const WIDEST = 60;

/** Errors first. Of a group only the first paths, unless all are wanted. */
export function problemLines(
  problems: readonly PortabilityProblem[],
  paint: Paint,
  isAll: boolean,
): string[] {
  const groups = Map.groupBy(problems, ({ level, code, hosts }) =>
    JSON.stringify([LEVELS.indexOf(level), code, hosts]),
  );
  return [...groups.values()]
    .sort(([one], [other]) => LEVELS.indexOf(one!.level) - LEVELS.indexOf(other!.level))
    .flatMap(group => {
      const { level, code, hosts } = group[0]!;
      const shown = isAll ? group : group.slice(0, level === 'note' ? 0 : EXAMPLES);
      const left = group.length - shown.length;
      const more = shown.length === 0 ? `  ${paths(left)}` : `  and ${paths(left)} more`;
      return [
        `${paint(COLOURS[level], level)} ${code} on ${hostsText(hosts)}: ${MEANINGS[code]}`,
        ...pathLines(shown),
        ...(left === 0 ? [] : [more]),
        '',
      ];
    });
}

/** Aligned, as far as the paths are of a length for that. */
function pathLines(problems: readonly PortabilityProblem[]): string[] {
  const names = problems.map(({ path }) => printable(path));
  const width = names.reduce((most, { length }) => (length > WIDEST ? most : Math.max(most, length)), 0);
  return problems.map(({ detail, rename }, index) => {
    const advice = rename === undefined ? detail : `${detail}; rename it to ${rename}`;
    return `  ${names[index]!.padEnd(width)}  ${printable(advice)}`;
  });
}

/** What each host was taken for, those that are alike in one line. */
export function hostLines(hosts: readonly PortabilityHost[]): string[] {
  const groups = Map.groupBy(hosts, ({ basis, capabilities, error }) =>
    JSON.stringify([basis, capabilities, error?.code]),
  );
  return [...groups.values()].map(group => {
    const { basis, capabilities, error } = group[0]!;
    const names = hostsText(group.map(({ host }) => host));
    const why = error === undefined ? 'nobody was asked' : `nobody could be asked, ${printable(error.code)}`;
    const how = basis === 'probed' ? 'as its workspace was found' : `assumed: ${why}`;
    return `${names}: ${traits(capabilities)}; ${how}`;
  });
}

function traits({
  caseSensitive,
  normalizationSensitive,
  executable,
  symlinks,
  windowsNames,
}: PortabilityHost['capabilities']) {
  return [
    caseSensitive ? 'case counts' : 'case does not count',
    ...(normalizationSensitive ? [] : ['nor how accents are composed']),
    ...(windowsNames ? ['names as on Windows'] : []),
    ...(symlinks ? [] : ['no links']),
    ...(executable ? [] : ['no executable marks']),
  ].join(', ');
}

/** `2 paths that some follower cannot have, 1 warning`, or that all is well. */
export function summaryText(problems: readonly PortabilityProblem[], paint: Paint): string {
  const count = (wanted: PortabilityProblem['level']) =>
    new Set(problems.filter(({ level }) => level === wanted).map(({ path }) => path)).size;
  const errors = count('error');
  const warnings = count('warning');
  const verdict =
    errors === 0
      ? paint('green', 'every follower can have all of it')
      : paint('red', `${paths(errors)} that some follower cannot have`);
  return warnings === 0 ? verdict : `${verdict}; warnings of ${paths(warnings)}`;
}

function paths(count: number): string {
  return `${count} path${count === 1 ? '' : 's'}`;
}
