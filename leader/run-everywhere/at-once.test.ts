/** A run and its events in one request, and what is asked of a follower that cannot do that. */
import { expect, test } from 'vitest';
import { useStage } from '../test-support/stage.ts';

const stage = useStage();

test('a follower that answers with the events is asked once', async () => {
  const fake = await stage.follower('a');
  fake.intercept = (stream, headers) => {
    if (headers[':method'] !== 'POST' || headers.accept !== 'application/x-ndjson') return false;
    let body = '';
    stream.on('data', chunk => {
      body += chunk;
    });
    stream.once('end', () => {
      const { runId } = JSON.parse(body);
      const line = (seq: number, fields: object) =>
        `${JSON.stringify({ ts: new Date().toISOString(), origin: 'follower', epoch: 'e', seq, runId, host: 'a', ...fields })}\n`;
      stream.respond({ ':status': 201, 'content-type': 'application/x-ndjson' });
      stream.write(line(0, { type: 'hostStarted' }));
      stream.end(line(1, { type: 'hostExited', code: 3, reason: 'exited' }));
    });
    return true;
  };
  const { outcome } = await stage.go([fake.host]);
  expect(outcome.hosts.a).toMatchObject({ verdict: 'failed', code: 3 });
  expect(fake.requests.filter(request => request.includes('/v1/runs'))).toEqual(['POST /v1/runs']);
});

test('one that does not is asked for them', async () => {
  const fake = await stage.follower('a');
  fake.onRun = run => {
    run.start();
    run.exit();
  };
  const { outcome } = await stage.go([fake.host]);
  expect(outcome.exitCode).toBe(0);
  expect(fake.requests.map(request => request.split(' ')[0])).toEqual(['GET', 'POST', 'GET']);
});
