/** The demo's world in one temporary directory: a project, three hosts with copies of it, a catalogue, state. */

import { accessSync, constants } from 'node:fs';
import { appendFile, cp, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { HostEntry } from '../../contract/hosts.ts';
import type { Os, ShellName } from '../../contract/names.ts';

export interface Stage {
  root: string;
  project: string;
  /** The file that lists the hosts. */
  catalogue: string;
  /** To be `AW_STATE_DIR` of everything the demo starts. */
  state: string;
  hosts: (HostEntry & { shell: ShellName })[];
  /** The host whose copy of `changedFile` has CRLF line endings. */
  oddHost: string;
  changedFile: string;
}

const PROJECT = fileURLToPath(new URL('../../fixtures/projects/orders', import.meta.url));
const NAMES = ['alpha', 'beta', 'gamma'] as const;
const CHANGED_FILE = 'data/orders.csv';

/** @throws when a file cannot be written; nothing is left then. */
export async function setStage(env: NodeJS.ProcessEnv): Promise<Stage> {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'aw-demo-')));
  try {
    const project = join(root, 'project');
    const shells = chooseShells(env);
    const hosts = NAMES.map((name, index) => ({
      name,
      os: osName(),
      transport: 'local',
      shell: shells[index]!,
      workspace: join(root, name),
      env: { PATH: searchPath(env) },
    }));
    await cp(PROJECT, project, { recursive: true });
    for (const { workspace } of hosts) await cp(PROJECT, workspace, { recursive: true });
    await mkdir(join(project, '.agents'));
    const catalogue = join(project, '.agents', 'hosts.json');
    await writeFile(catalogue, `${JSON.stringify({ hosts }, undefined, 2)}\n`);
    const odd = hosts.at(-1)!;
    await convertToCrlf(join(odd.workspace, CHANGED_FILE));
    const state = join(root, 'state');
    return { root, project, catalogue, state, hosts, oddHost: odd.name, changedFile: CHANGED_FILE };
  } catch (error) {
    await strike(root);
    throw error;
  }
}

/** Removes everything. A file that is still held open on Windows gets a moment. */
export async function strike(root: string): Promise<void> {
  await rm(root, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
}

/** What a person does between two runs. */
export async function editProject({ project, changedFile }: Stage): Promise<void> {
  await appendFile(join(project, changedFile), '6,Grace,0.00,a free sample\n');
}

/** Hosts whose copy of the file is the project's, byte for byte. */
export async function equalHosts({ project, hosts, changedFile }: Stage): Promise<string[]> {
  const wanted = await readFile(join(project, changedFile));
  const copies = await Promise.all(hosts.map(({ workspace }) => readFile(join(workspace, changedFile))));
  return hosts.filter((_, index) => copies[index]!.equals(wanted)).map(({ name }) => name);
}

async function convertToCrlf(path: string): Promise<void> {
  const text = await readFile(path, 'latin1');
  await writeFile(path, text.replace(/\r?\n/g, '\r\n'), 'latin1');
}

function osName(): Os {
  return process.platform === 'win32' ? 'windows' : process.platform === 'darwin' ? 'macos' : 'linux';
}

/** A host has its own environment; the tests need the `node` that runs here, whatever else it has. */
function searchPath(env: NodeJS.ProcessEnv): string {
  return [dirname(process.execPath), env.PATH].filter(Boolean).join(delimiter);
}

/** Three shells as different as this machine has them. */
export function chooseShells(env: NodeJS.ProcessEnv, isPresent = isOnPath): ShellName[] {
  const wanted: ShellName[][] =
    process.platform === 'win32'
      ? [['cmd'], ['powershell'], ['pwsh', 'powershell']]
      : [
          ['bash', 'sh'],
          ['zsh', 'sh'],
          ['pwsh', 'fish', 'mksh', 'dash', 'bash', 'sh'],
        ];
  return wanted.map(choices => choices.find(name => isPresent(name, env)) ?? choices.at(-1)!);
}

function isOnPath(name: string, env: NodeJS.ProcessEnv): boolean {
  const file = process.platform === 'win32' ? `${name}.exe` : name;
  return (env.PATH ?? '').split(delimiter).some(directory => {
    try {
      accessSync(join(directory, file), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
