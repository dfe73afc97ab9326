/** Texts of several hosts that differ in nothing but the host's own name. */
import { foldNames, hostArgument } from './host-names.ts';
import { printable } from './printable.ts';

export interface Said {
  /** Undefined: said of no host in particular. */
  host: string | undefined;
  texts: readonly string[];
}

export interface SaidByAll {
  hosts: string[];
  /** Each in one row; they name all the hosts where each host's named itself. */
  texts: string[];
}

/** Stands for the name; `printable` leaves none in a text. */
const NAME = '\0';

/** One entry for each distinct list of texts, in the order they came. */
export function joinAlike(said: readonly Said[]): SaidByAll[] {
  const alike = new Map<string, { hosts: Set<string>; templates: string[] }>();
  for (const { host, texts } of said) {
    const shown = texts.map(printable);
    const templates = host === undefined ? shown : shown.map(text => text.replace(wholeName(host), NAME));
    const key = JSON.stringify(templates);
    const group = alike.get(key) ?? { hosts: new Set(), templates };
    if (host !== undefined) group.hosts.add(host);
    alike.set(key, group);
  }
  return [...alike.values()].map(({ hosts, templates }) => {
    const names = [...hosts];
    const fill = (template: string) =>
      template
        .replaceAll(`--host ${NAME}`, () => `--host ${hostArgument(names)}`)
        .replaceAll(NAME, () => foldNames(names));
    return { hosts: names, texts: templates.map(fill) };
  });
}

/** The name where it is not part of another one. */
function wholeName(host: string): RegExp {
  return new RegExp(`(?<![\\w.-])${host.replace(/\W/g, '\\$&')}(?![\\w-]|\\.\\w)`, 'g');
}

/** ` (host a)`, ` (3 hosts: lin-[01-03])`, or nothing. */
export function whereText(hosts: readonly string[]): string {
  if (hosts.length === 0) return '';
  return hosts.length === 1
    ? ` (host ${printable(hosts[0]!)})`
    : ` (${hosts.length} hosts: ${foldNames(hosts)})`;
}
