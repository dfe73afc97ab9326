/** A command and a resident leader over a real socket; the run behind them is made here. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AwError } from '../../contract/errors.ts';
import type { Event } from '../../contract/events.ts';
import type { RunOrder } from '../../contract/leader-api.ts';
import { PROTOCOL, VERSION } from '../../contract/version.ts';
import { encodeLine } from '../../tunnel/ndjson.ts';
import type { Asker, LedOutcome, LedRun } from '../orders/types.ts';
import { createMerge } from '../run-everywhere/merge.ts';
import { lead } from './lead.ts';
import { openLink } from './link.ts';
import { giveOrder } from './order.ts';
import { createPeer } from './peer.ts';
import { leaderDirectory, leaderSocket } from './place.ts';
import { createState, type State } from './state.ts';

type Start = (asker: Omit<Asker, 'stdin'>) => Promise<LedRun | undefined>;

let stateDir: string;
let server: net.Server;
let state: State;
beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'aw-lead-'));
  mkdirSync(leaderDirectory(stateDir), { mode: 0o700 });
  state = createState(undefined);
});
afterEach(async () => {
  await new Promise(fulfil => server.close(fulfil));
  rmSync(stateDir, { recursive: true });
});

/** Leads every order like this. */
async function leading(start: Start, onLeaderLoss: 'continue' | 'cancel' = 'continue'): Promise<void> {
  server = net.createServer(async socket => {
    const hello = { leader: 'hello', version: VERSION, protocol: PROTOCOL, pid: 1, runId: 'r-1' };
    socket.write(encodeLine(hello));
    const peer = createPeer(socket);
    await peer.request();
    await lead(peer, state, onLeaderLoss, start);
  });
  await new Promise<void>(fulfil => server.listen(leaderSocket(stateDir), fulfil));
}

function madeRun() {
  const outcome = Promise.withResolvers<LedOutcome>();
  const cancelled: string[] = [];
  let isLetGo = false;
  const merge = createMerge<Event>(1000, () => {
    isLetGo = true;
    outcome.resolve({ exitCode: 4, hosts: {} });
  });
  const lane = merge.lane();
  const run: LedRun = {
    runId: 'r-1',
    hosts: [{ name: 'a' }],
    command: 'make',
    events: merge.items,
    cancel: how => cancelled.push(how),
    outcome: outcome.promise,
  };
  const note = (message: string) =>
    lane.push({ type: 'note', ts: '2026-11-22T10:00:00.000Z', message }, message.length);
  const end = (exitCode: number) => {
    merge.end();
    outcome.resolve({ exitCode, hosts: {} });
  };
  return { run, note, end, cancelled, isLetGo: () => isLetGo };
}

const order: RunOrder = {
  type: 'run',
  cwd: '/',
  env: {},
  runId: 'r-1',
  name: 'aw',
  words: [],
  options: { grace: 1, onLeaderLoss: 'continue' },
};
async function give(asker: Partial<Asker> = {}): Promise<LedRun | undefined> {
  const open = () => openLink(stateDir);
  const nobody = { ask: async () => undefined, say() {}, stdin: () => process.stdin };
  return giveOrder(await open(), order, { ...nobody, ...asker }, open);
}
const messages = async (run: LedRun) => {
  const seen: unknown[] = [];
  for await (const event of run.events) seen.push('message' in event ? event.message : event.type);
  return seen;
};
const until = async (condition: () => boolean) => {
  while (!condition()) await sleep(5);
};

test('events and the outcome arrive, and lines for the person', async () => {
  const { run, note, end } = madeRun();
  const lines: string[] = [];
  await leading(async ({ say }) => {
    say('session s');
    return run;
  });
  const led = await give({ say: line => lines.push(line) });
  expect(led).toMatchObject({ runId: 'r-1', command: 'make', hosts: [{ name: 'a' }] });
  note('one');
  note('two');
  end(3);
  expect(await messages(led!)).toEqual(['one', 'two']);
  expect(await led!.outcome).toMatchObject({ exitCode: 3 });
  expect(lines).toEqual(['session s']);
});

test('a question goes to the person and the answer comes back, also in the middle of a run', async () => {
  const { run, note, end } = madeRun();
  const answers: (string | undefined)[] = [];
  await leading(async ({ ask }) => {
    answers.push(await ask('Passphrase for /k1: '));
    void ask('Passphrase for /k2: ').then(answer => {
      answers.push(answer);
      note('answered');
      end(0);
    });
    return run;
  });
  const asked: string[] = [];
  const led = await give({
    ask: async question => {
      asked.push(question);
      return question.includes('k1') ? 'geheim "ü\n' : undefined;
    },
  });
  expect(await messages(led!)).toEqual(['answered']);
  expect(asked).toEqual(['Passphrase for /k1: ', 'Passphrase for /k2: ']);
  expect(answers).toEqual(['geheim "ü\n', undefined]);
});

test('an error is the same error on this side', async () => {
  await leading(async () => {
    throw new AwError('AW_CATALOG_MISSING', { path: '"/p"' }, { host: 'a' });
  });
  const error = await give().then(undefined, (thrown: AwError) => thrown);
  const same = new AwError('AW_CATALOG_MISSING', { path: '"/p"' }, { host: 'a' });
  expect(error).toMatchObject({
    code: same.code,
    message: same.message,
    remedy: same.remedy,
    host: 'a',
    exitCode: same.exitCode,
  });
});

test('nothing to run is no run', async () => {
  await leading(async () => undefined);
  expect(await give()).toBeUndefined();
});

test('breaking out lets go of the run, and nothing is left of the connection', async () => {
  const { run, note, isLetGo, cancelled } = madeRun();
  await leading(async () => run);
  const led = await give();
  note('one');
  for await (const _ of led!.events) break;
  await until(isLetGo);
  expect(cancelled).toEqual([]);
  await until(() => state.runs().length === 0);
});

test('a cancel arrives also while nobody reads', async () => {
  const { run, note, end, cancelled } = madeRun();
  await leading(async () => run);
  const led = await give();
  for (let index = 0; index < 100; index++) note('x'.repeat(100_000));
  led!.cancel('interrupt');
  led!.cancel('kill');
  await until(() => cancelled.length === 2);
  expect(cancelled).toEqual(['interrupt', 'kill']);
  end(130);
  expect(await messages(led!)).toHaveLength(100);
});

test.each([
  ['continue', []],
  ['cancel', ['interrupt']],
] as const)('a command that is gone without a word: %s', async (policy, expected) => {
  const { run, note, end, cancelled, isLetGo } = madeRun();
  await leading(async () => run, policy);
  const socket = net.connect(leaderSocket(stateDir));
  socket.on('error', () => {});
  socket.write(encodeLine(order));
  await until(() => state.runs().length === 1);
  socket.destroy();
  await until(() => state.runs()[0]?.watched === false);
  // Far more than a lane holds: it is taken, though nobody sees it.
  for (let index = 0; index < 20; index++) await note('x'.repeat(900));
  end(0);
  await until(() => state.runs().length === 0);
  expect(cancelled).toEqual(expected);
  expect(isLetGo()).toBe(false);
});
