/** A place for runs against fake followers: made for each test of a file, and gone after it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import type { Event } from '../../contract/events.ts';
import type { HostEntry } from '../../contract/hosts.ts';
import { type RunOptions, startRun } from '../run-everywhere/start.ts';
import type { Outcome, Run, RunSpec } from '../types.ts';
import { type FakeFollower, type FakeRun, startFakeFollower } from './fake-follower.ts';

export interface Stage {
  root: string;
  /** With a state directory of its own and short waits. */
  options: RunOptions & { stateDir: string };
  follower(name: string, more?: object): Promise<FakeFollower>;
  spec(hosts: HostEntry[], more?: Partial<RunSpec>): RunSpec;
  /** Runs to the end. */
  go(hosts: HostEntry[], more?: Partial<RunSpec>): Promise<Seen>;
  /** To be done after the test, last one first. */
  atEnd(end: () => unknown): void;
}

export interface Seen {
  events: Event[];
  outcome: Outcome;
}

export function useStage(): Stage {
  let endings: (() => unknown)[] = [];
  const stage: Stage = {
    root: '',
    options: { stateDir: '' },
    async follower(name, more) {
      const fake = await startFakeFollower(name, stage.root, more);
      stage.atEnd(() => fake.close());
      return fake;
    },
    spec: (hosts, more = {}) => ({
      hosts,
      project: stage.root,
      cwd: stage.root,
      command: { kind: 'argv', argv: ['true'] },
      env: {},
      onLeaderLoss: 'continue',
      mapOutput: false,
      expandWorkspace: false,
      detach: false,
      ...more,
    }),
    go: async (hosts, more) => collect(await startRun(stage.spec(hosts, more), stage.options)),
    atEnd: end => void endings.push(end),
  };
  beforeEach(() => {
    stage.root = mkdtempSync(join(tmpdir(), 'aw-leader-'));
    const timing = { reconnect: 1500, connect: 2000, killWait: 300, flush: 3000 };
    stage.options = { stateDir: join(stage.root, 'state'), timing };
    endings = [];
  });
  afterEach(async () => {
    for (const end of endings.reverse()) await end();
    rmSync(stage.root, { recursive: true });
  });
  return stage;
}

export async function collect(run: Run): Promise<Seen> {
  const events: Event[] = [];
  for await (const event of run.events) events.push(event);
  return { events, outcome: await run.outcome };
}

/** The types of a host's events. */
export function typesOf(events: readonly Event[], host: string): string[] {
  return events.filter(event => 'host' in event && event.host === host).map(({ type }) => type);
}

export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(fulfil => setTimeout(fulfil, 5));
}

/** The next run of a follower, which starts and then says nothing. */
export function quietRun(fake: FakeFollower): Promise<FakeRun> {
  return new Promise(fulfil => {
    fake.onRun = run => {
      run.start();
      fulfil(run);
    };
  });
}
