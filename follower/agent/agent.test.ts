import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { appendFileSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { constants } from 'node:http2';
import net from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DoctorReport, Info, RunState } from '../../contract/follower-api.ts';
import { MAX_RUN_REQUEST } from '../../contract/limits.ts';
import { Problem } from '../../contract/problem.ts';
import { requires, which } from '../../test/support/require.ts';
import { connectEndpoint } from '../../tunnel/endpoint.ts';
import { openHttp2 } from '../../tunnel/http2.ts';
import { answerOf, startTestAgent, type TestAgent } from '../test-support/agent.ts';
import { endOf, isRunning, outputOf, textOf, until } from '../test-support/scripts.ts';

describe.skipIf(process.platform === 'win32')('the agent', () => {
  let agent: TestAgent;
  beforeAll(async () => {
    agent = await startTestAgent();
  });
  afterAll(() => agent.close());

  test('its files and its socket are for its user only', () => {
    expect(statSync(agent.stateDir).mode & 0o777).toBe(0o700);
    expect(statSync(join(agent.stateDir, 'runs')).mode & 0o777).toBe(0o700);
    if (agent.endpoint.kind !== 'socket') throw new Error('not a socket');
    expect(statSync(agent.endpoint.path).mode & 0o777).toBe(0o600);
  });

  test('info', async () => {
    const { status, body } = await agent.call('GET', '/v1/info');
    expect(status).toBe(200);
    expect(Info.parse(body)).toMatchObject({
      protocol: 1,
      pid: agent.child.pid,
      shells: { sh: expect.any(String) },
    });
  });

  test('a run: its arguments, environment, directory, output and exit code', async () => {
    const script = 'printf "%s|" "$@"; echo "$GREETING $AW_RUN_ID $AW_HOST $PWD"; exit 5';
    const made = await agent.run('whole', script, {
      command: { kind: 'script', script, args: ['a b', "it's", '$x', '', '日本'] },
      env: { GREETING: 'hello there' },
    });
    expect(made.status).toBe(201);
    expect(RunState.parse(made.body)).toMatchObject({ runId: 'whole', state: 'running' });
    const events = await agent.events('whole');
    expect(outputOf(events).toString()).toBe(
      `a b|it's|$x||日本|hello there whole lin-01 ${agent.stateDir}\n`,
    );
    expect(endOf(events)).toMatchObject({ code: 5, reason: 'exited' });
    const { body } = await agent.call('GET', '/v1/runs');
    expect(body.runs.map((run: RunState) => run.runId)).toContain('whole');
    expect((await agent.call('GET', '/v1/runs/whole')).body).toMatchObject({ state: 'ended', code: 5 });
    expect(await agent.events('whole', 1)).toEqual(events.slice(1));
  });

  test('argv is passed on without a shell', async () => {
    const argv = [
      process.execPath,
      '-e',
      'console.log(JSON.stringify(process.argv.slice(1)))',
      '*',
      '$HOME',
      '"',
      '\n',
    ];
    await agent.run('argv', '', { command: { kind: 'argv', argv } });
    expect(JSON.parse(outputOf(await agent.events('argv')).toString())).toEqual(['*', '$HOME', '"', '\n']);
  });

  test('what cannot be started is told by events', async () => {
    await agent.run('not-found', '', { command: { kind: 'argv', argv: ['no-such-command'] } });
    expect(endOf(await agent.events('not-found'))).toMatchObject({
      code: 127,
      error: { code: 'AW_CMD_NOT_FOUND' },
    });
    expect((await agent.run('no-cwd', 'true', { cwd: '/no/such/place' })).status).toBe(201);
    expect(endOf(await agent.events('no-cwd'))).toMatchObject({ error: { code: 'AW_CWD_MISSING' } });
    await agent.run('no-shell', 'true', { loginShell: 'powershell' });
    expect(endOf(await agent.events('no-shell'))).toMatchObject({ error: { code: 'AW_SHELL_UNSUPPORTED' } });
    await agent.run('reserved', 'true', { env: { AW_RUN_ID: 'other' } });
    expect(endOf(await agent.events('reserved'))).toMatchObject({ error: { code: 'AW_ENV_RESERVED' } });
  });

  test('output is mapped before it is recorded', async () => {
    const mapOutput = [{ from: '/remote/tree', to: '/home/me/tree' }];
    await agent.run('mapped', 'echo /remote/tree/src/a.c:1: error', { mapOutput });
    expect(outputOf(await agent.events('mapped')).toString()).toBe('/home/me/tree/src/a.c:1: error\n');
  });

  test('the same request again is the same run', async () => {
    const first = await agent.run('again', 'echo once');
    await agent.events('again');
    const second = await agent.run('again', 'echo once');
    expect([first.status, second.status]).toEqual([201, 200]);
    expect(second.body.epoch).toBe(first.body.epoch);
    const third = await agent.run('again', 'echo another');
    expect([third.status, third.body.code]).toEqual([409, 'AW_RUN_CONFLICT']);
  });

  test('its events as the answer to the request, for whoever asks for them', async () => {
    const request = {
      runId: 'at-once',
      host: 'lin-01',
      command: { kind: 'script', script: 'echo hi' },
      loginShell: 'sh',
      cwd: agent.stateDir,
    };
    const ask = async () => {
      const headers = { ':method': 'POST', ':path': '/v1/runs', accept: 'application/x-ndjson' };
      const stream = agent.session.request(headers);
      stream.end(JSON.stringify(request));
      const [head] = await once(stream, 'response');
      const text = (await stream.toArray()).join('');
      return { status: head[':status'], type: head['content-type'], lines: text.trimEnd().split('\n') };
    };
    const made = await ask();
    expect(made).toMatchObject({ status: 201, type: 'application/x-ndjson' });
    expect(made.lines.map(line => JSON.parse(line).type)).toEqual(['hostStarted', 'hostLog', 'hostExited']);
    expect(await ask()).toEqual({ ...made, status: 200 });
    expect((await agent.run('at-once', 'another')).status).toBe(409);
  });

  test('input over the wire, byte for byte', async () => {
    await agent.run('input', 'cat', { stdin: 'stream' });
    const bytes = randomBytes(2_000_000);
    const stream = agent.session.request({ ':method': 'POST', ':path': '/v1/runs/input/stdin' });
    const answered = answerOf(stream);
    stream.end(bytes);
    const events = await agent.events('input');
    expect((await answered).status).toBe(204);
    const digest = (data: Buffer) => createHash('sha256').update(data).digest('hex');
    expect(digest(outputOf(events))).toBe(digest(bytes));
    expect((await agent.call('POST', '/v1/runs/argv/stdin', 'late')).status).toBe(204);
  });

  test('input that is cut off is not the end of the input', async () => {
    const state = async () => (await agent.call('GET', '/v1/runs/cut')).body;
    await agent.run('cut', 'cat', { stdin: 'stream' });
    const stream = agent.session.request({ ':method': 'POST', ':path': '/v1/runs/cut/stdin' });
    stream.write('half');
    await until(async () => (await state()).stdinBytes === 4);
    expect((await state()).stdin).toBe('taken');
    stream.destroy();
    await once(stream, 'close');
    await until(async () => (await state()).stdin === 'open');
    expect((await agent.call('POST', '/v1/runs/cut/stdin?offset=0', 'x')).body.errors.offset).toBeDefined();
    expect((await state()).state).toBe('running');
    expect((await agent.call('POST', '/v1/runs/cut/stdin?offset=4', ' whole')).status).toBe(204);
    expect(outputOf(await agent.events('cut')).toString()).toBe('half whole');
  });

  test('input that is all there, or that the command does not want, has ended', async () => {
    const stdin = async (runId: string) => (await agent.call('GET', `/v1/runs/${runId}`)).body.stdin;
    await agent.run('had-all', 'cat; sleep 1000', { stdin: 'stream' });
    await agent.run('wants-none', 'exec <&-; sleep 1000', { stdin: 'stream' });
    expect((await agent.call('POST', '/v1/runs/had-all/stdin', 'all of it')).status).toBe(204);
    const endless = agent.session.request({ ':method': 'POST', ':path': '/v1/runs/wants-none/stdin' });
    endless.on('error', () => {});
    await until(async () => {
      endless.write('more');
      return (await stdin('wants-none')) === 'ended';
    });
    expect(await stdin('had-all')).toBe('ended');
    for (const runId of ['had-all', 'wants-none']) {
      await agent.call('POST', `/v1/runs/${runId}/signal`, { signal: 'kill', cancel: true });
      await agent.events(runId);
    }
  });

  test('no input for a run that was made without', async () => {
    await agent.run('inputless', 'sleep 1000');
    const answer = await agent.call('POST', '/v1/runs/inputless/stdin', 'x');
    expect([answer.status, answer.body.code]).toEqual([400, 'AW_INVALID_REQUEST']);
    await agent.call('POST', '/v1/runs/inputless/signal', { signal: 'kill', cancel: true });
    expect(endOf(await agent.events('inputless'))).toMatchObject({ reason: 'cancelled', survivors: [] });
  });

  test('signals and cancellation', async () => {
    await agent.run('signalled', 'trap "echo got it" TERM; echo up; while :; do sleep 0.02; done');
    await until(() => textOf(join(agent.stateDir, 'runs/signalled/journal.ndjson')).includes('up'));
    expect((await agent.call('POST', '/v1/runs/signalled/signal', { signal: 'terminate' })).status).toBe(202);
    await until(() => textOf(join(agent.stateDir, 'runs/signalled/journal.ndjson')).includes('got it'));
    const cancelled = await agent.call('POST', '/v1/runs/signalled/signal', {
      signal: 'interrupt',
      cancel: true,
    });
    expect(cancelled.body.state).toBe('ending');
    expect(endOf(await agent.events('signalled'))).toMatchObject({ reason: 'cancelled' });
    expect((await agent.call('POST', '/v1/runs/signalled/signal', { signal: 'kill' })).status).toBe(202);
  });

  test('a leader whose connection is gone', async () => {
    await agent.run('led', `echo $$ >'${agent.stateDir}/led'; sleep 1000`, {
      onLeaderLoss: 'cancel',
      leaderLossMs: 50,
    });
    const leader = await agent.connect();
    const stream = leader.request({ ':path': '/v1/runs/led/events?lead=1' });
    await once(stream, 'data');
    await until(() => textOf(`${agent.stateDir}/led`) !== '');
    stream.on('error', () => {});
    leader.destroy();
    expect(endOf(await agent.events('led'))).toMatchObject({ reason: 'cancelled', survivors: [] });
    expect(isRunning(Number(textOf(`${agent.stateDir}/led`)))).toBe(false);
  });

  test('a reader that does not read stops the command, and only that one', async () => {
    const progress = join(agent.stateDir, 'progress');
    await agent.run(
      'slow',
      `i=0; while :; do head -c 1048576 /dev/zero; i=$((i+1)); echo $i >'${progress}'; done`,
    );
    const stream = agent.open('/v1/runs/slow/events');
    stream.pause();
    let before = '';
    await until(async () => {
      const same = textOf(progress) === before && before !== '';
      before = textOf(progress);
      await new Promise(fulfil => setTimeout(fulfil, 500));
      return same && textOf(progress) === before;
    }, 60_000);
    expect(Number(before)).toBeLessThan(64);
    await agent.run('beside', 'echo fine');
    expect(outputOf(await agent.events('beside')).toString()).toBe('fine\n');
    stream.close(constants.NGHTTP2_CANCEL);
    await until(() => Number(textOf(progress)) > Number(before) + 20);
    await agent.call('POST', '/v1/runs/slow/signal', { signal: 'kill', cancel: true });
    await until(async () => (await agent.call('GET', '/v1/runs/slow')).body.state === 'ended');
  });

  test.each([
    ['POST', '/v1/runs', 'not json', 400, 'AW_INVALID_REQUEST'],
    ['POST', '/v1/runs', '[]', 400, 'AW_INVALID_REQUEST'],
    [
      'POST',
      '/v1/runs',
      '{"runId":"../x","host":"h","command":{"kind":"argv","argv":[]},"cwd":""}',
      400,
      'AW_INVALID_REQUEST',
    ],
    ['POST', '/v1/runs/argv/signal', '{"signal":"hup"}', 400, 'AW_INVALID_REQUEST'],
    ['GET', '/v1/runs/nobody', undefined, 404, 'AW_RUN_NOT_FOUND'],
    ['GET', '/v1/runs/nobody/events', undefined, 404, 'AW_RUN_NOT_FOUND'],
    ['GET', '/v1/runs/argv/events?from=-1', undefined, 400, 'AW_INVALID_REQUEST'],
    ['GET', '/v1/runs/argv/events?from=99999', undefined, 400, 'AW_INVALID_REQUEST'],
    ['GET', '/v1/else', undefined, 404, 'AW_NOT_FOUND'],
    ['DELETE', '/v1/runs', undefined, 404, 'AW_NOT_FOUND'],
    ['GET', '/v1/runs/%2e%2e', undefined, 404, 'AW_RUN_NOT_FOUND'],
  ])('%s %s %s is a Problem', async (method, path, body, status, code) => {
    const answer = await agent.call(method, path, body);
    expect([answer.status, answer.type, Problem.parse(answer.body).code]).toEqual([
      status,
      'application/problem+json',
      code,
    ]);
  });

  test('a field that is wrong is named', async () => {
    const { body } = await agent.run('bad field', 'true', { cwd: '' });
    expect(Object.keys(body.errors).sort()).toEqual(['cwd', 'runId']);
  });

  test('a body that is too large is refused before it is all there', async () => {
    const stream = agent.session.request({ ':method': 'POST', ':path': '/v1/runs' });
    const answered = answerOf(stream);
    stream.on('error', () => {});
    const chunk = Buffer.alloc(1024 * 1024, 0x20);
    let sent = 0;
    const send = () => {
      while (!stream.destroyed && sent < 4 * MAX_RUN_REQUEST) {
        sent += chunk.length;
        if (!stream.write(chunk)) return void stream.once('drain', send);
      }
    };
    send();
    const { status, body } = await answered;
    expect([status, body.code]).toEqual([413, 'AW_FRAME_TOO_LARGE']);
    expect(sent).toBeLessThan(3 * MAX_RUN_REQUEST);
    expect((await agent.call('GET', '/v1/info')).status).toBe(200);
  });

  test('garbage on the socket harms nobody else', async () => {
    await agent.run('during', 'sleep 0.3; echo survived');
    for (const garbage of [
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      randomBytes(100_000),
      Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nxxxx'),
    ]) {
      const socket = await connectEndpoint(agent.endpoint, { timeoutMs: 5000 });
      socket.on('error', () => {});
      socket.resume();
      const closed = once(socket, 'close');
      socket.write(garbage);
      socket.end();
      await closed;
    }
    expect(outputOf(await agent.events('during')).toString()).toBe('survived\n');
  });

  test('a second agent is kept away from the state directory', async () => {
    const { path } = agent.endpoint as { path: string };
    await expect(startTestAgent(['--socket', `${path}2`], agent.stateDir)).rejects.toThrow('did not start');
    expect(existsSync(`${path}2`)).toBe(false);
    expect((await agent.call('GET', '/v1/info')).body.pid).toBe(agent.child.pid);
  });

  test('the doctor looks at everything and says what to do', async () => {
    const good = DoctorReport.parse((await agent.call('GET', `/v1/doctor?cwd=${agent.stateDir}`)).body);
    const checks = [
      'agent',
      'clock',
      'shells',
      'login environment',
      'workspace',
      'workspace disk',
      'state directory',
      'named pipes',
      'process trees',
      'runs',
    ];
    expect(good.findings.map(finding => finding.check)).toEqual(expect.arrayContaining(checks));
    const bad = DoctorReport.parse((await agent.call('GET', "/v1/doctor?cwd=/no/it's")).body);
    expect(bad.findings.find(finding => finding.check === 'workspace')).toMatchObject({
      status: 'failed',
      fix: String.raw`mkdir -p '/no/it'\''s'`,
    });
  });
});

describe.skipIf(process.platform === 'win32')('the end of an agent', () => {
  const hasSetsid = requires('setsid', which('setsid') !== undefined);

  test.skipIf(!hasSetsid)(
    'killed in the middle of a run: the next one ends what is left and says so',
    async () => {
      const first = await startTestAgent();
      const pids = join(first.stateDir, 'pids');
      writeFileSync(
        join(first.stateDir, 'stubborn.sh'),
        `trap "" INT TERM HUP PIPE; echo $$ >>'${pids}'; while :; do echo x; sleep 0.05; done`,
      );
      const { body } = await first.run(
        'orphaned',
        'echo begun; setsid sh stubborn.sh >/dev/null 2>&1 & sh stubborn.sh',
      );
      await until(() => textOf(pids).split('\n').length === 3);
      const journal = join(first.stateDir, 'runs/orphaned/journal.ndjson');
      await until(() => textOf(journal).includes('begun'));
      await first.end('SIGKILL');
      const before = readFileSync(journal, 'utf8');
      appendFileSync(journal, '{"type":"hostLog","torn');

      const second = await startTestAgent([], first.stateDir);
      // Ended before the first answer, so there is nothing to wait for.
      expect(textOf(pids).trim().split('\n').map(Number).filter(isRunning)).toEqual([]);
      expect((await second.call('GET', '/v1/runs/orphaned')).body).toMatchObject({
        state: 'ended',
        reason: 'lost',
      });
      const events = await second.events('orphaned');
      expect(events.map(event => event.seq)).toEqual(events.map((_, index) => index));
      expect(new Set(events.map(event => event.epoch))).toEqual(new Set([body.epoch]));
      expect(endOf(events)).toMatchObject({
        reason: 'lost',
        code: null,
        survivors: [],
        error: { code: 'AW_RUN_LOST' },
      });
      expect(readFileSync(journal, 'utf8').startsWith(before)).toBe(true);
      // The very same request is still known.
      expect(
        (await second.run('orphaned', 'echo begun; setsid sh stubborn.sh >/dev/null 2>&1 & sh stubborn.sh'))
          .status,
      ).toBe(200);
      await second.close();
    },
  );

  test('SIGTERM: live runs are cancelled, their readers get the end', async () => {
    const agent = await startTestAgent();
    await agent.run('live', `echo $$ >pid; sleep 1000`);
    const events = agent.events('live');
    await until(() => textOf(join(agent.stateDir, 'pid')) !== '');
    expect(await agent.end('SIGTERM')).toEqual([0, null]);
    expect(endOf(await events)).toMatchObject({ reason: 'cancelled', survivors: [] });
    expect(isRunning(Number(textOf(join(agent.stateDir, 'pid'))))).toBe(false);
    expect(existsSync(join(agent.stateDir, 'agent.sock'))).toBe(false);
    expect(existsSync(join(agent.stateDir, 'agent.lock'))).toBe(false);
    await agent.close();
  });

  test('shutdown waits for live runs; by force it does not', async () => {
    const agent = await startTestAgent();
    await agent.run('last', 'sleep 0.3; echo done');
    expect((await agent.call('POST', '/v1/shutdown')).status).toBe(202);
    expect(outputOf(await agent.events('last')).toString()).toBe('done\n');
    expect(await agent.exited).toEqual([0, null]);
    const again = await startTestAgent([], agent.stateDir);
    await again.run('forced', 'sleep 1000');
    const forced = again.events('forced');
    expect((await again.call('POST', '/v1/shutdown?force=1')).status).toBe(202);
    expect(endOf(await forced)).toMatchObject({ reason: 'cancelled' });
    expect(await again.exited).toEqual([0, null]);
    await again.close();
  });

  test('idle: it ends when nobody needs it, not before', async () => {
    const agent = await startTestAgent(['--idle-exit', '1']);
    await agent.run('work', 'sleep 1.5; echo worked > result');
    agent.session.destroy();
    const exited =
      agent.child.exitCode === null ? await once(agent.child, 'exit') : [agent.child.exitCode, null];
    expect(exited).toEqual([0, null]);
    expect(textOf(join(agent.stateDir, 'result'))).toBe('worked\n');
    await agent.close();
  });
});

describe('over TCP', () => {
  test('nothing without the token', async () => {
    const outside = await startTestAgent();
    const tokenFile = join(outside.stateDir, 'token');
    writeFileSync(tokenFile, 'a-token-that-is-long-enough\n', { mode: 0o600 });
    await outside.end();
    const agent = await startTestAgent(
      ['--listen', '127.0.0.1:0', '--token-file', tokenFile],
      outside.stateDir,
    );
    expect(agent.endpoint).toMatchObject({ kind: 'tcp', host: '127.0.0.1' });
    for (const authorization of [undefined, 'Bearer wrong', 'a-token-that-is-long-enough', 'Bearer ']) {
      const headers = authorization === undefined ? {} : { authorization };
      const answer = await agent.call('GET', '/v1/info', undefined, headers);
      expect([answer.status, answer.body.code]).toEqual([401, 'AW_UNAUTHORIZED']);
    }
    const authorization = 'Bearer a-token-that-is-long-enough';
    expect((await agent.call('GET', '/v1/info', undefined, { authorization })).status).toBe(200);
    await agent.close();
    await outside.close();
  });

  test('a peer that is no agent is told apart', async () => {
    const server = net.createServer(socket => {
      socket.on('error', () => {});
      socket.end('220 smtp.example ESMTP\r\n');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    const socket = await connectEndpoint({ kind: 'tcp', host: '127.0.0.1', port }, { timeoutMs: 5000 });
    await expect(openHttp2(socket)).rejects.toMatchObject({ code: 'AW_PROTOCOL_GARBAGE' });
    server.close();
  });
});
