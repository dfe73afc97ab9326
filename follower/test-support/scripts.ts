/** Runs of shell scripts in a state directory of their own, for tests. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Event, type HostEvent, type HostExited, isKnown, logBytes } from '../../contract/events.ts';
import { RunRequest, type RunRequestInput } from '../../contract/follower-api.ts';
import { decodeLines } from '../../tunnel/ndjson.ts';
import type { Invocation } from '../adapters/types.ts';
import type { Append } from '../runs/journal.ts';
import type { OutputFilter } from '../runs/recorder.ts';
import { type Run, Runs } from '../runs/registry.ts';
import { createStdioSupply } from '../runs/stdio.ts';

export interface TestRuns {
  runs: Runs;
  /** Temporary; removed by `close`. */
  directory: string;
  start(script: string, extra?: Partial<RunRequestInput>): Run;
  close(): Promise<void>;
}

export interface TestRunsOptions {
  append?: Append;
  filter?: () => OutputFilter;
  prepare?: (request: RunRequest) => Promise<Invocation>;
}

export async function openTestRuns(options: TestRunsOptions = {}): Promise<TestRuns> {
  const directory = mkdtempSync(join(tmpdir(), 'aw-runs-'));
  const supply = createStdioSupply(join(directory, 'pipes'));
  const runs = await Runs.open({
    directory: join(directory, 'runs'),
    bootId: 'this-boot',
    supply,
    prepare: options.prepare ?? (async request => shellInvocation(request, directory)),
    filterFor: () => options.filter,
    log: () => {},
    onIdle: () => {},
    ...(options.append === undefined ? {} : { append: options.append }),
  });
  let count = 0;
  return {
    runs,
    directory,
    start: (script, extra = {}) => runs.create(requestFor(`run-${count++}`, script, extra)).run,
    async close() {
      await runs.close();
      await supply.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

export function requestFor(runId: string, script: string, extra: Partial<RunRequestInput> = {}): RunRequest {
  return RunRequest.parse({
    runId,
    host: 'lin-01',
    command: { kind: 'script', script },
    cwd: '/',
    graceMs: 200,
    ...extra,
  });
}

/** `/bin/sh -c SCRIPT` in `cwd`. */
export function shellInvocation(request: RunRequest, cwd: string): Invocation {
  if (request.command.kind !== 'script') throw new Error('tests run scripts');
  return {
    file: '/bin/sh',
    args: ['-c', request.command.script],
    env: {
      PATH: process.env.PATH ?? '/usr/bin:/bin',
      ...request.env,
      AW_RUN_ID: request.runId,
      AW_HOST: request.host,
    },
    cwd,
  };
}

export async function eventsOf(run: Run, from = 0): Promise<HostEvent[]> {
  const events: HostEvent[] = [];
  for await (const line of decodeLines(run.journal.read(from, new AbortController().signal, true))) {
    events.push(Event.parse(JSON.parse(line)) as HostEvent);
  }
  return events;
}

export function outputOf(events: readonly Event[], stream: 'stdout' | 'stderr' = 'stdout'): Buffer {
  return Buffer.concat(
    events.flatMap(event => (isKnown(event, 'hostLog') && event.stream === stream ? logBytes(event) : [])),
  );
}

export function endOf(events: readonly Event[]): HostExited {
  const last = events.at(-1);
  if (last === undefined || !isKnown(last, 'hostExited')) throw new Error('no hostExited at the end');
  return last;
}

/** Resolves when the condition holds. The limit only keeps a broken test from hanging. */
export async function until(condition: () => boolean | Promise<boolean>, limitMs = 20_000): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`still not so after ${limitMs} ms: ${condition}`);
    await sleep(10);
  }
}

/** The text of a file, empty while there is none. */
export function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** Zombies do not live. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  return process.platform !== 'linux' || !/\) Z /.test(textOf(`/proc/${pid}/stat`));
}
