import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AwError } from '../../contract/errors.ts';
import { isKnown } from '../../contract/events.ts';
import { READER_WINDOW } from '../../contract/limits.ts';
import { requires, which } from '../../test/support/require.ts';
import {
  endOf,
  eventsOf,
  isRunning,
  openTestRuns,
  outputOf,
  requestFor,
  type TestRuns,
  textOf,
  until,
} from '../test-support/scripts.ts';
import { MAX_LIVE_RUNS } from './registry.ts';

describe.skipIf(process.platform === 'win32')('runs of real processes', () => {
  let it: TestRuns;
  beforeAll(async () => {
    it = await openTestRuns();
  });
  afterAll(() => it.close());
  const file = (name: string) => join(it.directory, name);

  test.each([0, 1, 2, 42, 126, 127, 128, 137, 143, 255])('exit code %i', async code => {
    const end = endOf(await eventsOf(it.start(`exit ${code}`)));
    expect(end).toMatchObject({ code, reason: 'exited', survivors: [], bytes: { stdout: 0, stderr: 0 } });
    expect(end).not.toHaveProperty('signal');
  });

  test.each(['INT', 'TERM', 'KILL', 'SEGV', 'PIPE'])('death by SIG%s', async name => {
    const end = endOf(await eventsOf(it.start(`kill -${name} $$; sleep 20`)));
    expect(end).toMatchObject({ code: null, signal: `SIG${name}`, reason: 'signaled' });
  });

  test('the events of a run: one grammar, one numbering, the order of arrival', async () => {
    const run = it.start('printf one; printf two >&2; sleep 0.1; printf three');
    const events = await eventsOf(run);
    expect(events.map(event => event.seq)).toEqual(events.map((_, index) => index));
    expect(
      new Set(events.map(({ epoch, runId, host, origin }) => `${epoch} ${runId} ${host} ${origin}`)),
    ).toEqual(new Set([`${run.record.epoch} ${run.record.runId} lin-01 follower`]));
    expect(events[0]).toMatchObject({ type: 'hostStarted', pid: run.record.pid });
    const logs = events.filter(event => isKnown(event, 'hostLog'));
    expect(logs.map(log => `${log.stream} ${log.offset} ${log.message}`).sort()).toEqual([
      'stderr 0 two',
      'stdout 0 one',
      'stdout 3 three',
    ]);
    expect(logs.at(-1)?.message).toBe('three');
    expect(endOf(events).bytes).toEqual({ stdout: 8, stderr: 3 });
    expect(run.state()).toMatchObject({ state: 'ended', reason: 'exited', code: 0, nextSeq: events.length });
  });

  test('standard streams are pipes that can be opened again', async () => {
    const events = await eventsOf(
      it.start('echo x >/dev/stderr; echo y | tee /dev/stderr; echo z >/dev/stdout'),
    );
    expect(outputOf(events, 'stderr').toString()).toBe('x\ny\n');
    expect(outputOf(events).toString()).toBe('y\nz\n');
    expect(endOf(events).code).toBe(0);
  });

  test('64 MiB of random bytes, byte for byte', async () => {
    const script = `head -c ${64 * 1024 * 1024} /dev/urandom | tee '${file('random')}'`;
    const output = outputOf(await eventsOf(it.start(script)));
    const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
    expect(output.length).toBe(64 * 1024 * 1024);
    expect(digest(output)).toBe(digest(readFileSync(file('random'))));
  });

  test('text that is cut anywhere stays text', async () => {
    const events = await eventsOf(
      it.start(
        String.raw`printf '\342\202'; sleep 0.05; printf '\254\360\237'; sleep 0.05; printf '\230\200\n'`,
      ),
    );
    expect(events.some(event => 'encoding' in event)).toBe(false);
    expect(outputOf(events).toString()).toBe('€😀\n');
  });

  test('many small writes share disk writes', async () => {
    let appends = 0;
    const counted = await openTestRuns({
      append: async (handle, bytes) => {
        appends += 1;
        await sleep(2);
        await handle.write(bytes);
      },
    });
    const writer =
      'const { writeSync } = require("node:fs"); for (let i = 0; i < 20000; i++) writeSync(1, "x\\n")';
    const events = await eventsOf(counted.start(`'${process.execPath}' -e '${writer}'`));
    expect(outputOf(events).length).toBe(40_000);
    expect(appends).toBeLessThan(10_000);
    await counted.close();
  });

  test('a filter changes the bytes before anybody sees them', async () => {
    const filtered = await openTestRuns({
      filter: () => {
        let held = Buffer.alloc(0);
        return {
          push(chunk) {
            const all = Buffer.concat([held, chunk]);
            held = all.subarray(-1);
            return Buffer.from(all.subarray(0, -1).toString().toUpperCase());
          },
          end: () => Buffer.from(held.toString().toUpperCase()),
        };
      },
    });
    const events = await eventsOf(filtered.start('printf abc; printf d >&2'));
    expect([outputOf(events).toString(), outputOf(events, 'stderr').toString()]).toEqual(['ABC', 'D']);
    expect(endOf(events).bytes).toEqual({ stdout: 3, stderr: 1 });
    await filtered.close();
  });

  describe('input', () => {
    test('none is an end of file at once', async () => {
      expect(outputOf(await eventsOf(it.start('cat; echo end'))).toString()).toBe('end\n');
    });

    test('a stream reaches the command exactly, and its end too', async () => {
      const run = it.start('cat', { stdin: 'stream' });
      const source = new PassThrough();
      const taken = run.live!.input!.take(source);
      const bytes = Buffer.from(Array.from({ length: 3_000_000 }, (_, index) => (index * 7919) % 256));
      source.end(bytes);
      const events = await eventsOf(run);
      expect(await taken).toBe(true);
      expect(outputOf(events).equals(bytes)).toBe(true);
    });

    test('a source that is cut off does not end the input; another one goes on', async () => {
      const run = it.start('cat', { stdin: 'stream' });
      const { input } = run.live!;
      const first = new PassThrough();
      const cut = input!.take(first);
      first.write('half ');
      await until(() => input!.bytes === 5);
      first.destroy();
      expect(await cut).toBe(false);
      expect(run.state()).toMatchObject({ state: 'running', stdinBytes: 5 });
      const second = new PassThrough();
      const rest = input!.take(second);
      second.end('and half');
      expect(await rest).toBe(true);
      expect(outputOf(await eventsOf(run)).toString()).toBe('half and half');
    });

    test('a command that does not read its input is no error', async () => {
      const run = it.start('exec <&-; exit 3', { stdin: 'stream' });
      const source = new PassThrough();
      const taken = run.live!.input!.take(source);
      source.write(Buffer.alloc(1024 * 1024));
      expect(endOf(await eventsOf(run)).code).toBe(3);
      expect(await taken).toBe(true);
      source.destroy();
    });
  });

  describe('ending', () => {
    test('timeout: the verdict, and nothing left', async () => {
      const run = it.start(`sleep 1000 & echo $! >'${file('child')}'; wait`, { timeoutMs: 300 });
      const end = endOf(await eventsOf(run));
      expect(end).toMatchObject({ reason: 'timeout', survivors: [], error: { code: 'AW_RUN_TIMEOUT' } });
      expect(isRunning(Number(textOf(file('child'))))).toBe(false);
    });

    test('cancel is polite first: a command that cleans up on INT does so', async () => {
      const run = it.start('trap "echo cleaned; exit 9" INT; echo ready; while :; do sleep 0.02; done');
      await until(() => textOf(run.journal.path).includes('ready'));
      run.live!.cancel('SIGINT', 'test');
      const events = await eventsOf(run);
      expect(outputOf(events).toString()).toBe('ready\ncleaned\n');
      expect(endOf(events)).toMatchObject({
        reason: 'cancelled',
        code: 9,
        error: { code: 'AW_RUN_CANCELLED' },
      });
    });

    const hasSetsid = requires('setsid', which('setsid') !== undefined);
    test.skipIf(!hasSetsid)(
      'cancel: daemons that ignore INT and TERM in sessions of their own are ended too',
      async () => {
        const stubborn = `trap "" INT TERM; echo $$ >>'${file('pids')}'; while :; do sleep 0.05; done`;
        writeFileSync(file('stubborn.sh'), stubborn);
        const script = `(setsid sh '${file('stubborn.sh')}' </dev/null >/dev/null 2>&1 &) ; (setsid sh '${file('stubborn.sh')}' & ) & sh '${file('stubborn.sh')}'`;
        const run = it.start(script);
        await until(() => textOf(file('pids')).split('\n').length === 4);
        run.live!.cancel('SIGINT', 'test');
        const end = endOf(await eventsOf(run));
        expect(end).toMatchObject({ reason: 'cancelled', survivors: [] });
        const pids = textOf(file('pids')).trim().split('\n').map(Number);
        expect(pids.filter(isRunning)).toEqual([]);
      },
    );

    test('a second, stronger cancel does not wait for the grace of the first', async () => {
      const run = it.start('trap "" INT TERM; echo ready; while :; do sleep 0.05; done', {
        graceMs: 600_000,
      });
      await until(() => textOf(run.journal.path).includes('ready'));
      run.live!.cancel('SIGINT', 'test');
      expect(run.state().state).toBe('ending');
      run.live!.cancel('SIGKILL', 'test');
      expect(endOf(await eventsOf(run))).toMatchObject({ reason: 'cancelled', signal: 'SIGKILL' });
    });

    test('a signal alone is no cancellation', async () => {
      const run = it.start('trap "exit 7" TERM; echo ready; while :; do sleep 0.02; done');
      await until(() => textOf(run.journal.path).includes('ready'));
      await run.live!.signal('SIGTERM');
      expect(endOf(await eventsOf(run))).toMatchObject({ reason: 'exited', code: 7 });
    });

    test('a run cancelled before it starts never starts', async () => {
      const gate = Promise.withResolvers<void>();
      const gated = await openTestRuns({
        prepare: async () => {
          await gate.promise;
          return { file: '/bin/sh', args: ['-c', `touch '${file('ran')}'`], env: {}, cwd: '/' };
        },
      });
      const run = gated.start('');
      run.live!.cancel('SIGINT', 'test');
      gate.resolve();
      const events = await eventsOf(run);
      expect(events.map(event => event.type)).toEqual(['hostStarted', 'hostExited']);
      expect(events[0]).not.toHaveProperty('pid');
      expect(endOf(events)).toMatchObject({ reason: 'cancelled', code: null });
      expect(existsSync(file('ran'))).toBe(false);
      await gated.close();
    });

    test('what a command leaves behind is left alone and told', async () => {
      const run = it.start(`sleep 1000 & echo $! >'${file('left')}'`);
      const events = await eventsOf(run);
      const pid = Number(textOf(file('left')));
      try {
        expect(endOf(events)).toMatchObject({
          reason: 'exited',
          code: 0,
          survivors: [{ pid, command: 'sleep 1000' }],
        });
        expect(isRunning(pid)).toBe(true);
      } finally {
        process.kill(pid, 'SIGKILL');
      }
    });
  });

  describe('readers', () => {
    test('a reader that stops stops the command; when it is gone the command goes on', async () => {
      const script = `i=0; while [ $i -lt 30 ]; do head -c 1048576 /dev/zero; i=$((i+1)); echo $i >'${file('progress')}'; done`;
      const run = it.start(script);
      const reader = run.journal.read(0, new AbortController().signal, true);
      await reader.next();
      await until(() => run.journal.lag > READER_WINDOW);
      // What the pipe holds and what is on its way to the disk may still pass.
      const progress = () => Number(textOf(file('progress')));
      let before = -1;
      await until(async () => {
        const now = progress();
        const still = now === before;
        before = now;
        await new Promise(fulfil => setTimeout(fulfil, 300));
        return still && progress() === now;
      });
      expect(progress()).toBeLessThan(20);
      await reader.return(undefined);
      const events = await eventsOf(run);
      expect(outputOf(events).length).toBe(30 * 1048576);
      expect(progress()).toBe(30);
    });

    test('every reader gets the same bytes from every point on', async () => {
      const run = it.start('for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.01; done');
      const [whole, second] = await Promise.all([eventsOf(run), eventsOf(run)]);
      expect(second).toEqual(whole);
      for (let from = 0; from <= whole.length; from++)
        expect(await eventsOf(run, from)).toEqual(whole.slice(from));
    });
  });

  describe('what cannot be', () => {
    const failing = (error: AwError) => openTestRuns({ prepare: () => Promise.reject(error) });

    test.each([
      [new AwError('AW_CMD_NOT_FOUND', { command: 'x', searched: 'y' }), 127],
      [new AwError('AW_CMD_NOT_EXECUTABLE', { command: 'x', file: 'y', reason: 'z' }), 126],
      [new AwError('AW_CWD_MISSING', { cwd: '/x', reason: 'gone' }), null],
    ])('%s', async (error, code) => {
      const broken = await failing(error);
      const events = await eventsOf(broken.start(''));
      expect(events.map(event => event.type)).toEqual(['hostStarted', 'hostExited']);
      expect(endOf(events)).toMatchObject({ reason: 'spawn-failed', code, error: { code: error.code } });
      await broken.close();
    });

    test('a script whose interpreter is missing', async () => {
      const path = file('bad-interpreter');
      writeFileSync(path, '#!/no/such/interpreter\n', { mode: 0o755 });
      const broken = await openTestRuns({
        prepare: async () => ({ file: path, args: [], env: {}, cwd: '/' }),
      });
      const end = endOf(await eventsOf(broken.start('')));
      expect(end).toMatchObject({
        reason: 'spawn-failed',
        code: 126,
        error: { code: 'AW_CMD_NOT_EXECUTABLE' },
      });
      await broken.close();
    });

    test('arguments that are too long', async () => {
      const args = Array.from({ length: 40 }, () => 'x'.repeat(100_000));
      const broken = await openTestRuns({
        prepare: async () => ({ file: '/bin/echo', args, env: {}, cwd: '/' }),
      });
      const end = endOf(await eventsOf(broken.start('')));
      expect(end).toMatchObject({ reason: 'spawn-failed', code: null, error: { code: 'AW_ARG_TOO_LONG' } });
      await broken.close();
    });

    test('a full disk ends the run and says so', async () => {
      let room = 1_000_000;
      const full = await openTestRuns({
        append: async (handle, bytes) => {
          room -= bytes.length;
          if (room < 0) throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
          await handle.write(bytes);
        },
      });
      const run = full.start('while :; do head -c 65536 /dev/zero; done');
      const events = await eventsOf(run);
      expect(events.map(event => event.seq)).toEqual(events.map((_, index) => index));
      expect(endOf(events)).toMatchObject({ reason: 'lost', code: null, survivors: [] });
      expect(endOf(events).error).toMatchObject({
        code: 'AW_DISK',
        message: expect.stringContaining('ENOSPC'),
      });
      expect(run.state()).toMatchObject({ state: 'ended', reason: 'lost' });
      await full.close();
    });

    test('a disk that refuses the very first event', async () => {
      const full = await openTestRuns({
        append: () => Promise.reject(Object.assign(new Error('no space left'), { code: 'ENOSPC' })),
      });
      const events = await eventsOf(full.start('sleep 1000'));
      expect(events.map(event => `${event.seq} ${event.type}`)).toEqual(['0 hostStarted', '1 hostExited']);
      expect(endOf(events)).toMatchObject({ reason: 'lost', error: { code: 'AW_DISK' } });
      await full.close();
    });

    test('a log that grows beyond its limit ends the run', async () => {
      const run = it.start('while :; do echo some output; done', { logLimit: 300_000 });
      const end = endOf(await eventsOf(run));
      expect(end).toMatchObject({
        reason: 'lost',
        code: null,
        survivors: [],
        error: { code: 'AW_LOG_LIMIT' },
      });
      expect(run.journal.committed).toBeLessThan(3_000_000);
    });
  });

  describe('a leader that is gone', () => {
    const script = 'echo up; sleep 0.6; echo done';
    const loss = { leaderLossMs: 50 } as const;

    test('cancel', async () => {
      const run = it.start('echo up; sleep 1000', { ...loss, onLeaderLoss: 'cancel' });
      const [detach, detachOther] = [run.attachLeader(), run.attachLeader()];
      detach();
      detach();
      expect(run.state().state).toBe('running');
      detachOther();
      const end = endOf(await eventsOf(run));
      expect(end).toMatchObject({ reason: 'cancelled', survivors: [] });
      expect(end.error?.message).toContain('leader');
    });

    test('cancel, but it comes back in time', async () => {
      const run = it.start(script, { onLeaderLoss: 'cancel', leaderLossMs: 60_000 });
      run.attachLeader()();
      const detach = run.attachLeader();
      expect(endOf(await eventsOf(run))).toMatchObject({ reason: 'exited', code: 0 });
      detach();
    });

    test('continue', async () => {
      const run = it.start(script, { ...loss, onLeaderLoss: 'continue' });
      run.attachLeader()();
      expect(outputOf(await eventsOf(run)).toString()).toBe('up\ndone\n');
    });
  });

  test('a request made twice is one run; another one of the same name is refused', async () => {
    const request = requestFor('twice', `echo x >>'${file('count')}'`, { env: { B: '2', A: '1' } });
    const same = { ...request, env: { A: '1', B: '2' } };
    const first = it.runs.create(request);
    expect(first.created).toBe(true);
    expect(it.runs.create(same)).toMatchObject({ created: false });
    const events = await eventsOf(first.run);
    expect(it.runs.create(request).run).toBe(first.run);
    expect(await eventsOf(it.runs.get('twice'))).toEqual(events);
    expect(textOf(file('count'))).toBe('x\n');
    expect(() => it.runs.create({ ...request, cwd: '/tmp' })).toThrow(
      expect.objectContaining({ code: 'AW_RUN_CONFLICT' }),
    );
  });

  test('nothing secret is on disk beside the journal, and no scratch file stays', async () => {
    const files = [{ name: 'script', content: Buffer.from('echo from scratch') }];
    const scratchy = await openTestRuns({
      prepare: async request => ({
        file: '/bin/sh',
        args: [join(scratchy.directory, 'runs', request.runId, 'scratch', 'script')],
        env: { ...request.env },
        cwd: '/',
        files,
      }),
    });
    const report = { url: 'http://127.0.0.1:9/', token: 'secret-token' };
    const run = scratchy.start('', { env: { PASSWORD: 'secret-value' }, report });
    expect(outputOf(await eventsOf(run)).toString()).toBe('from scratch\n');
    await until(() => run.state().state === 'ended');
    const directory = join(scratchy.directory, 'runs', run.record.runId);
    expect(readdirSync(directory).sort()).toEqual(['journal.ndjson', 'run.json']);
    expect(readFileSync(join(directory, 'run.json'), 'utf8')).not.toContain('secret');
    await scratchy.close();
  });

  test('only so many runs at a time', async () => {
    const gate = Promise.withResolvers<never>();
    const crowd = await openTestRuns({ prepare: () => gate.promise });
    for (let count = 0; count < MAX_LIVE_RUNS; count++) crowd.start('');
    expect(() => crowd.start('')).toThrow(expect.objectContaining({ code: 'AW_TOO_MANY_RUNS' }));
    gate.reject(new AwError('AW_INTERNAL', { reason: 'test' }));
    await until(() => crowd.runs.liveCount === 0);
    await crowd.close();
  });
});
