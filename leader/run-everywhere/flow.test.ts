/** What flows through a run: output at the pace of who reads it, input to all alike. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { collect, typesOf, until, useStage } from '../test-support/stage.ts';
import { startRun } from './start.ts';

const stage = useStage();

test('who does not pull is not sent on and on: the followers wait, each for itself', async () => {
  const [noisy, calm] = [await stage.follower('noisy'), await stage.follower('calm')];
  const message = 'x'.repeat(64 * 1024);
  const total = 1000;
  let sent = 0;
  noisy.intercept = (stream, headers) => {
    if (!headers[':path']?.includes('/events')) return false;
    const [run] = [...noisy.runs.values()];
    stream.respond({ ':status': 200 });
    const fill = () => {
      while (sent < total && stream.write(`${run!.lines[sent]}\n`)) sent++;
      if (sent === total) stream.end(`${run!.lines.at(-1)}\n`);
    };
    stream.on('drain', () => {
      sent++;
      fill();
    });
    fill();
    return true;
  };
  noisy.onRun = run => {
    run.start();
    for (let n = 1; n < total; n++) run.log(message);
    run.exit();
  };
  const run = await startRun(stage.spec([noisy.host, calm.host]), stage.options);
  await until(() => calm.connections() === 0 && calm.runs.size === 1);
  // Where it stops: the window of the stream (2 MiB) and the lane (64 KiB) are full, and a few buffers between them.
  for (let before = -1; before !== sent; await new Promise(fulfil => setTimeout(fulfil, 100))) before = sent;
  expect(sent * message.length).toBeLessThan(4 * 1024 * 1024);
  const { events, outcome } = await collect(run);
  expect(outcome.exitCode).toBe(0);
  expect(typesOf(events, 'noisy')).toHaveLength(total + 1);
});

test('input reaches every host alike, also those that begin later', async () => {
  const all = await Promise.all(['a', 'b', 'c'].map(name => stage.follower(name)));
  for (const fake of all) {
    fake.onRun = run => {
      run.start();
      run.onInputEnd = () => run.exit();
    };
  }
  const chunks = Array.from({ length: 40 }, (_, n) => Buffer.alloc(50_000, 65 + (n % 26)));
  const { outcome } = await stage.go(
    all.map(({ host }) => host),
    { stdin: Readable.from(chunks), maxParallel: 1 },
  );
  expect(outcome.exitCode).toBe(0);
  for (const fake of all) {
    const [run] = [...fake.runs.values()];
    expect(run!.request.stdin).toBe('stream');
    expect(Buffer.concat(run!.input).equals(Buffer.concat(chunks))).toBe(true);
  }
  expect(
    readdirSync(join(stage.options.stateDir, 'runs')).flatMap(id =>
      readdirSync(join(stage.options.stateDir, 'runs', id)),
    ),
  ).not.toContain('input');
});

test('a host whose input was cut off does not pass', async () => {
  const fake = await stage.follower('a');
  fake.onRun = run => {
    run.start();
    run.onInput = () => {
      run.onInput = () => {};
      fake.dropConnections();
    };
  };
  const endless = Readable.from(
    (async function* () {
      for (;;) {
        yield Buffer.alloc(1000);
        await new Promise(fulfil => setTimeout(fulfil, 5));
      }
    })(),
  );
  const { outcome } = await stage.go([fake.host], { stdin: endless });
  expect(outcome.hosts.a).toMatchObject({ reason: 'lost', error: { code: 'AW_RUN_LOST' } });
  expect([...fake.runs.values()][0]!.signals.at(-1)).toMatchObject({ signal: 'kill', cancel: true });
});
