/** Reads the host catalogue. */
import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { z } from 'zod';
import { AwError, show } from '../../contract/errors.ts';
import { HostCatalogue, type HostEntry, type JumpHost, MAX_JUMPS } from '../../contract/hosts.ts';
import { findSyntaxProblem } from './json-syntax.ts';

/** A thousand hosts with every field filled fit many times over. */
const MAX_BYTES = 16 * 1024 * 1024;

export interface Catalogue {
  /** The file it came from, absolute. */
  path: string;
  hosts: HostEntry[];
}

export interface CatalogueOptions {
  /** `--hosts`. Relative to `cwd`. */
  file?: string;
  /** What `file` and `AW_HOSTS` are relative to. Default: the working directory of this process. */
  cwd?: string;
  /** Where `.agents/hosts.json` is looked for when neither `file` nor `AW_HOSTS` is given. */
  project: string;
  /** Default `process.env`. */
  env?: NodeJS.ProcessEnv;
}

/**
 * The hosts in the file's order. `socket`, `tokenFile` and `identityFile` are absolute afterwards: relative ones are meant
 * from the catalogue's directory, `~/` from the home directory. A jump host that is an entry has that entry's fields.
 * @throws AW_CATALOG_MISSING; AW_CATALOG_INVALID naming line and column, or each wrong field.
 */
export async function loadCatalogue(options: CatalogueOptions): Promise<Catalogue> {
  const env = options.env ?? process.env;
  const named = options.file ?? (env.AW_HOSTS || join(options.project, '.agents', 'hosts.json'));
  const path = resolve(options.cwd ?? '.', named);
  const parsed = HostCatalogue.safeParse(parseJson(path, await readText(path)));
  if (!parsed.success) throw invalid(path, describeIssues(parsed.error));
  const directory = dirname(path);
  return withJumps({ path, hosts: parsed.data.hosts.map(host => withAbsolutePaths(host, directory)) });
}

async function readText(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > MAX_BYTES) throw invalid(path, `it is larger than ${MAX_BYTES} bytes`);
    const bytes = await readFile(path);
    // With `ignoreBOM` left off, a byte order mark, which Windows editors like to write, is dropped.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof AwError) throw error;
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new AwError('AW_CATALOG_MISSING', { path: show(path, 4096) });
    }
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') throw invalid(path, 'it is not UTF-8 text');
    throw invalid(path, `it cannot be read: ${code ?? (error as Error).message}`);
  }
}

/** A jump host that is an entry itself has that entry's fields, and is reached by that entry's own way. */
function withJumps({ path, hosts }: Catalogue): Catalogue {
  const entries = new Map(hosts.map(host => [host.name.toLowerCase(), host]));
  const wayTo = (host: HostEntry, through: readonly HostEntry[]): JumpHost[] => {
    const refuse = (problem: string) =>
      invalid(path, `hosts[${hosts.indexOf(through[0]!)}].jump: ${problem}`);
    const way = host.jump!.flatMap((hop): JumpHost[] => {
      const entry = entries.get(hop.address.toLowerCase());
      if (entry?.address === undefined) return [hop];
      if (through.includes(entry)) throw refuse(`the way leads to ${entry.name} again`);
      const { address, port, sshUser, hostKey, identityFile } = entry;
      const before = entry.jump === undefined ? [] : wayTo(entry, [...through, entry]);
      return [...before, { port, sshUser, hostKey, identityFile, ...hop, address }];
    });
    if (way.length > MAX_JUMPS) throw refuse(`the way leads through more than ${MAX_JUMPS} hosts`);
    return way;
  };
  return {
    path,
    hosts: hosts.map(host => (host.jump === undefined ? host : { ...host, jump: wayTo(host, [host]) })),
  };
}

function parseJson(path: string, text: string): unknown {
  const problem = findSyntaxProblem(text);
  if (problem === undefined) return JSON.parse(text);
  throw invalid(path, `line ${problem.line}, column ${problem.column}: expected ${problem.expected}`);
}

/** `hosts[2].workspace: ...; hosts[3].os: ...` */
function describeIssues(error: z.ZodError): string {
  const shown = error.issues.slice(0, 5).map(issue => `${fieldPath(issue.path)}: ${issue.message}`);
  const more = error.issues.length - shown.length;
  return shown.join('; ') + (more > 0 ? `; and ${more} more` : '');
}

function fieldPath(path: readonly PropertyKey[]): string {
  let text = '';
  for (const part of path) {
    text += typeof part === 'number' ? `[${part}]` : `${text === '' ? '' : '.'}${String(part)}`;
  }
  return text || '(the whole file)';
}

function withAbsolutePaths(host: HostEntry, directory: string): HostEntry {
  return {
    ...host,
    ...(host.socket === undefined || isAddress(host.socket)
      ? {}
      : { socket: absolute(host.socket, directory) }),
    ...(host.tokenFile === undefined ? {} : { tokenFile: absolute(host.tokenFile, directory) }),
    ...withKeyFile(host, directory),
    ...(host.jump === undefined
      ? {}
      : { jump: host.jump.map(hop => ({ ...hop, ...withKeyFile(hop, directory) })) }),
  };
}

function withKeyFile({ identityFile }: Pick<HostEntry, 'identityFile'>, directory: string) {
  return identityFile === undefined ? {} : { identityFile: absolute(identityFile, directory) };
}

function isAddress(socket: string): boolean {
  return socket.startsWith('tcp://') || socket.startsWith('\\\\.\\pipe\\');
}

function absolute(path: string, directory: string): string {
  return path.startsWith('~/') ? join(homedir(), path.slice(2)) : resolve(directory, path);
}

function invalid(path: string, problem: string) {
  return new AwError('AW_CATALOG_INVALID', { path: show(path, 4096), problem });
}
