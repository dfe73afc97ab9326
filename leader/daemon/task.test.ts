/** A command that waits for an answer, and a resident leader, over a real socket; the work behind them is made here. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AwError } from '../../contract/errors.ts';
import type { FenceOrder } from '../../contract/leader-api.ts';
import { PROTOCOL, VERSION } from '../../contract/version.ts';
import { encodeLine } from '../../tunnel/ndjson.ts';
import type { FenceAnswer } from '../orders/fence.ts';
import type { Watcher } from '../orders/types.ts';
import { openLink } from './link.ts';
import { createPeer } from './peer.ts';
import { perform } from './perform.ts';
import { leaderDirectory, leaderSocket } from './place.ts';
import { createState, type State } from './state.ts';
import { giveTask } from './task.ts';

const options = { timeout: 1, level: 'stat', portability: 'error', snapshot: 'none' } as const;
const order: FenceOrder = { type: 'fence', cwd: '/', env: {}, options };

let stateDir: string;
let server: net.Server;
let state: State;
let asked: number;
beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'aw-task-'));
  mkdirSync(leaderDirectory(stateDir), { mode: 0o700 });
  state = createState(undefined);
  asked = 0;
});
afterEach(async () => {
  await new Promise(fulfil => server.close(fulfil));
  rmSync(stateDir, { recursive: true });
});

/** Does every order like this. */
async function leading(work: (asker: Watcher, socket: net.Socket) => Promise<object>): Promise<void> {
  server = net.createServer(async socket => {
    const hello = { leader: 'hello', version: VERSION, protocol: PROTOCOL, pid: 1, runId: 'r-1' };
    socket.write(encodeLine(hello));
    const peer = createPeer(socket);
    if ((await peer.request()) === undefined) return;
    asked += 1;
    await perform(peer, state, asker => work(asker, socket));
  });
  await new Promise<void>(fulfil => server.listen(leaderSocket(stateDir), fulfil));
}

async function ask(answer: string | undefined = undefined) {
  const open = () => openLink(stateDir);
  const phases: string[] = [];
  const said: string[] = [];
  const asker = {
    ask: async (question: string) => {
      said.push(question);
      return answer;
    },
    say: (line: string) => void said.push(line),
    onPhase: (host: string, phase: string) => void phases.push(`${host}: ${phase}`),
  };
  const done = await giveTask(await open(), order, asker, open, '/log');
  return { done, phases, said };
}

const answerOf = (text: string): FenceAnswer => ({
  project: text,
  snapshotId: 'tree-1',
  files: 1,
  directories: 1,
  hosts: [],
});

test('what is being done comes as it is done, then the answer', async () => {
  await leading(async ({ onPhase, ask: question }) => {
    onPhase('a', 'scanning');
    return answerOf(`/${await question('passphrase?')}`);
  });
  expect(await ask('secret')).toEqual({
    done: answerOf('/secret'),
    phases: ['a: scanning'],
    said: ['passphrase?'],
  });
});

test('an answer that is longer than any line, whatever its characters', async () => {
  const text = '"\\\n\u{1f600}\ud83d'.repeat(3_000_000);
  await leading(async () => answerOf(text));
  const { done } = await ask();
  expect(done.project === text).toBe(true);
});

test('what is wrong with the order is thrown as it was', async () => {
  await leading(async () => {
    throw new AwError('AW_LEADER_UNSTABLE', { path: 'x' });
  });
  await expect(ask()).rejects.toMatchObject({ code: 'AW_LEADER_UNSTABLE', details: { path: 'x' } });
});

test('a leader that is gone before its last word is asked again; in the end that is told', async () => {
  await leading(async (_, socket) => {
    if (asked < 4) {
      socket.write(encodeLine({ leader: 'part', text: '{"project":' }));
      socket.destroySoon();
    }
    return answerOf('/');
  });
  expect((await ask()).done).toEqual(answerOf('/'));
  expect(asked).toBe(4);
  asked = -1000;
  await expect(ask()).rejects.toMatchObject({ code: 'AW_LEADER_UNUSABLE', details: { log: '/log' } });
  expect(asked).toBe(-1000 + 6);
});

test('what came to an end because the leader ends is no answer', async () => {
  await leading(async () => {
    if (asked > 1) return answerOf('/');
    state.end();
    // Of the next leader.
    state = createState(undefined);
    throw new AwError('AW_HOST_UNREACHABLE', { reason: 'the leader is ending' });
  });
  expect((await ask()).done).toEqual(answerOf('/'));
  expect(asked).toBe(2);
});

test('when the command goes, the work is given up', async () => {
  const gone = Promise.withResolvers<void>();
  await leading(async asker => {
    await new Promise(fulfil => asker.gone!.addEventListener('abort', fulfil));
    // Nobody can answer any more.
    expect(await asker.ask('still there?')).toBeUndefined();
    gone.resolve();
    return {};
  });
  const link = await openLink(stateDir);
  link.send(order);
  while (asked === 0) await new Promise(setImmediate);
  link.close();
  await gone.promise;
});
