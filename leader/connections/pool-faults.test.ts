/** Connections that die and fall silent at moments of chance, under several runs at once: every log is whole, once. */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { isKnown, logBytes } from '../../contract/events.ts';
import { HostEntry } from '../../contract/hosts.ts';
import { startTestAgent } from '../../follower/test-support/agent.ts';
import { formatEndpoint } from '../../tunnel/endpoint.ts';
import { startRun } from '../run-everywhere/start.ts';
import { startLink } from '../test-support/link.ts';
import { collect } from '../test-support/stage.ts';
import { createPool } from './pool.ts';

const LINES = 400;
const RUNS = 4;
const FAULTS = 20;
const script = `i=0; while [ $i -lt ${LINES} ]; do echo "line $i of $1"; i=$((i+1)); [ $((i % 20)) = 0 ] && sleep 0.05; done`;
const lines = (name: string) => Array.from({ length: LINES }, (_, n) => `line ${n} of ${name}\n`).join('');

/** Numbers in [0, 1), the same for the same seed (xorshift). */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

test.each([1, 7, 1234])('seed %i', async seed => {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'aw-faults-')));
  const agents = [await startTestAgent(), await startTestAgent()];
  const links = await Promise.all(
    agents.map(({ endpoint }, n) => startLink(join(root, `${n}.sock`), formatEndpoint(endpoint))),
  );
  const hosts = links.map(({ path }, n) =>
    HostEntry.parse({ name: `h${n}`, os: 'linux', workspace: root, socket: path, shell: 'sh' }),
  );
  const pool = createPool({ silence: 600 });
  try {
    const start = (name: string) =>
      startRun(
        {
          hosts,
          project: root,
          cwd: root,
          command: { kind: 'script', script, args: [name] },
          env: {},
          onLeaderLoss: 'continue',
          mapOutput: false,
          expandWorkspace: false,
          detach: false,
        },
        { stateDir: join(root, 'state'), connect: pool.connect },
      );
    await Promise.all(hosts.map(host => pool.warm(host, { stateDir: root, timeoutMs: 5_000, start: true })));
    const runs = await Promise.all(Array.from({ length: RUNS }, (_, n) => start(`run-${n}`)));
    const next = chance(seed);
    const spoil = async () => {
      for (let fault = 0; fault < FAULTS; fault++) {
        await sleep(20 + next() * 80);
        const link = links[Math.floor(next() * links.length)]!;
        if (next() < 0.8) link.cut();
        else link.freeze();
      }
    };
    const [seen] = await Promise.all([Promise.all(runs.map(collect)), spoil()]);
    for (const [n, { events, outcome }] of seen.entries()) {
      expect(outcome.exitCode).toBe(0);
      for (const { name } of hosts) {
        const own = events.filter(
          event => event.origin === 'follower' && 'host' in event && event.host === name,
        );
        expect(own.map(({ seq }) => seq)).toEqual(own.map((_, index) => index));
        const logs = own.filter(event => isKnown(event, 'hostLog'));
        expect(Buffer.concat(logs.map(logBytes)).toString()).toBe(lines(`run-${n}`));
      }
    }
    expect(links.reduce((sum, { made }) => sum + made, 0)).toBeGreaterThan(4);
    expect(agents.length).toBe(2);
  } finally {
    await pool.close();
    for (const link of links) await link.close();
    for (const agent of agents) await agent.close();
    rmSync(root, { recursive: true });
  }
});
