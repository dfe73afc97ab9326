/**
 * The versions of the agent in a user's home directory. A version has its name only once it is complete and checked, the
 * link `current` is replaced in one step, and so it does not matter who else does the same at the same time, or where
 * one of them is interrupted.
 */
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { InstallAnswer, InstallRequest } from '../../contract/installation.ts';
import { lockHolder, takeLock } from '../../tunnel/lock.ts';
import { stateRoot } from '../state.ts';
import { ensureOwnDirectories, isOwnDirectory, Refused } from './own-directories.ts';
import { BUNDLE, PLACE, PROGRAM } from './place.ts';

/** Names of what is not, or no longer, a version. */
const NEW = '.new-';
const OLD = '.old-';
/** Milliseconds after which nobody works at something any more. */
const ABANDONED = 60 * 60 * 1000;
/** Milliseconds that an agent which was told to end may take for the last of it. */
const LAST_BREATH = 10_000;
/** Versions that stay, the current one included; younger ones than `ABANDONED` stay anyway. */
const KEPT = 2;

/** Never throws: what goes wrong is an answer. */
export function act(request: InstallRequest, home: string = homedir()): InstallAnswer {
  let step = 'looking at the home directory';
  try {
    if (process.platform !== 'linux' && process.platform !== 'darwin') {
      return { answer: 'unsupported', reason: `it is ${process.platform}` };
    }
    const place = join(home, PLACE);
    switch (request.act) {
      case 'look':
        return { answer: 'seen', ...named(currentOf(place)) };
      case 'prepare':
        step = `making ${place}`;
        ensureOwnDirectories(home, PLACE);
        removeAbandoned(place);
        if (isComplete(join(place, request.name), request.digest)) return makeCurrent(place, request.name);
        return { answer: 'wanted', staging: mkdtempSync(join(place, NEW)) };
      case 'publish':
        step = `putting it into ${place}`;
        return publish(place, request);
      case 'explain':
        step = `writing into ${place}`;
        return explain(request.staging, request.bytes);
      case 'remove':
        step = `removing ${place}`;
        return remove(place);
    }
  } catch (error) {
    const { message } = error as Error;
    const reason = error instanceof Refused ? message : ((error as NodeJS.ErrnoException).code ?? message);
    return { answer: 'failed', step, reason };
  }
}

function publish(place: string, request: InstallRequest & { act: 'publish' }): InstallAnswer {
  const { staging, name, digest } = request;
  const file = join(staging, BUNDLE);
  const directory = join(place, name);
  try {
    const actual = digestOf(file);
    if (actual !== digest) return { answer: 'altered', digest: actual };
    // Whether it really runs here.
    execFileSync(process.execPath, [file, 'version'], { stdio: ['ignore', 'ignore', 'pipe'] });
    writeLauncher(staging, directory);
    sync(file);
    sync(staging);
    if (!rename(staging, directory) && !isComplete(directory, digest)) {
      renameSync(directory, join(place, `${OLD}${chance()}`));
      renameSync(staging, directory);
    }
    return makeCurrent(place, name);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

/** False when there is something of that name already. */
function rename(staging: string, directory: string): boolean {
  try {
    renameSync(staging, directory);
    return true;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (!['EEXIST', 'ENOTEMPTY', 'ENOTDIR'].includes(code)) throw error;
    return false;
  }
}

function makeCurrent(place: string, name: string): InstallAnswer {
  const directory = join(place, name);
  const before = currentOf(place);
  // The Node of the last installation may be gone.
  const wasSound = readFileSync(join(directory, PROGRAM), 'utf8') === launcher(directory);
  if (!wasSound) writeLauncher(directory, directory);
  const now = new Date();
  utimesSync(directory, now, now);
  if (before !== name) {
    const link = join(place, `${NEW}${chance()}`);
    symlinkSync(name, link);
    renameSync(link, join(place, 'current'));
    sync(place);
  }
  prune(place, name);
  return {
    answer: 'ready',
    name,
    path: join(directory, PROGRAM),
    node: process.execPath,
    unchanged: before === name && wasSound,
    ...(before === undefined || before === name ? {} : { before }),
  };
}

/** The program that is started: it needs neither a PATH nor a start-up file to find its Node. */
function launcher(directory: string): string {
  const quote = (path: string) => `'${path.replaceAll("'", `'\\''`)}'`;
  return `#!/bin/sh\nexec ${quote(process.execPath)} ${quote(join(directory, BUNDLE))} "$@"\n`;
}

/** `directory`: where it will be started from. */
function writeLauncher(into: string, directory: string): void {
  const draft = join(into, `${NEW}${chance()}`);
  writeFileSync(draft, launcher(directory), { mode: 0o700, flag: 'wx' });
  sync(draft);
  renameSync(draft, join(into, PROGRAM));
}

/** @throws Refused when the place of the version is taken by something else than a directory of this user. */
function isComplete(directory: string, digest: string): boolean {
  if (!isOwnDirectory(directory)) return false;
  try {
    return lstatSync(join(directory, PROGRAM)).isFile() && digestOf(join(directory, BUNDLE)) === digest;
  } catch {
    return false;
  }
}

function digestOf(file: string): string {
  if (!lstatSync(file).isFile()) throw new Refused(`${file} is not a regular file`);
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

/** The name of the version that `current` leads to. */
function currentOf(place: string): string | undefined {
  try {
    return readlinkSync(join(place, 'current'));
  } catch {
    return undefined;
  }
}

function named(name: string | undefined) {
  return name === undefined ? {} : { name };
}

function removeAbandoned(place: string): void {
  for (const name of readdirSync(place)) {
    if (!name.startsWith(NEW) && !name.startsWith(OLD)) continue;
    if (ageOf(join(place, name)) > ABANDONED) rmSync(join(place, name), { recursive: true, force: true });
  }
}

/** An agent that still runs from a version that goes has all of its program in memory. */
function prune(place: string, current: string): void {
  const others = readdirSync(place)
    .filter(name => name !== current && /-[0-9a-f]{12}$/.test(name))
    .map(name => ({ path: join(place, name), age: ageOf(join(place, name)) }))
    .sort((a, b) => a.age - b.age);
  for (const { path, age } of others.slice(KEPT - 1)) {
    if (age > ABANDONED) rmSync(path, { recursive: true, force: true });
  }
}

/** Milliseconds; 0 for what somebody else has just taken away. */
function ageOf(path: string): number {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat === undefined ? 0 : Date.now() - stat.mtimeMs;
}

/** SFTP has one word for a full disk, a quota and a broken one; the system has one each. */
function explain(staging: string, bytes: number): InstallAnswer {
  try {
    const file = openSync(join(staging, `${NEW}${chance()}`), 'wx', 0o600);
    try {
      writeFileSync(file, Buffer.alloc(bytes));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    return { answer: 'failed', step: 'upload', reason: 'SFTP could not write it, though its Node can' };
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

function remove(place: string): InstallAnswer {
  const parent = join(place, '..');
  if (!isOwnDirectory(parent) || !isOwnDirectory(place)) return { answer: 'removed' };
  // First what leads to the rest, so that nothing is started from half of it.
  rmSync(join(place, 'current'), { force: true });
  removeState(join(stateRoot(), 'follower'));
  rmSync(place, { recursive: true, force: true });
  try {
    rmdirSync(parent);
  } catch {
    // Somebody else's things are in it: those of a leader, say.
  }
  return { answer: 'removed', path: place };
}

/** The agent's journals and log. It was told to end, and may be about to. */
function removeState(directory: string): void {
  if (!isOwnDirectory(directory)) return;
  const path = join(directory, 'agent.lock');
  const until = Date.now() + LAST_BREATH;
  while (takeLock(path) === undefined) {
    if (Date.now() > until) throw new Refused(`its agent (process ${lockHolder(path)}) still runs`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
  }
  rmSync(directory, { recursive: true, force: true });
}

function sync(path: string): void {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function chance(): string {
  return randomBytes(8).toString('hex');
}
