import { createHash, randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { log, numbers } from '../test-support/events.ts';
import { type TestService, testService } from '../test-support/service.ts';

async function bytesOf(service: TestService, query = ''): Promise<Buffer> {
  const answer = await service.call(`/sessions/s/logs${query}`);
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/octet-stream']);
  return Buffer.from(await answer.arrayBuffer());
}

async function withSession(): Promise<TestService> {
  const service = await testService();
  await service.createSession('s');
  return service;
}

test('logs are the bytes as they were, text or not', async () => {
  const service = await withSession();
  const parts = [
    Buffer.from('text \0 \x1b[31m é \u{1f600}\r\n'),
    Buffer.from([0xff, 0xfe, 0, 0x80, 0x0a]),
    randomBytes(1000),
    Buffer.from('\ufeffend, without a line break'),
  ];
  const events = parts.map((part, seq) =>
    seq === 1 || seq === 2
      ? log(seq, part.toString('base64'), { encoding: 'base64' })
      : log(seq, part.toString()),
  );
  await service.ingest('s', events);
  expect(await bytesOf(service)).toEqual(Buffer.concat(parts));
});

test('logs are chosen by host, stream and run', async () => {
  const service = await withSession();
  await service.ingest('s', [
    log(0, '1'),
    log(1, '2', { stream: 'stderr' }),
    log(0, '3', { host: 'b', runId: 'r2', epoch: 'e2' }),
    log(1, '4', { host: 'b', runId: 'r2', epoch: 'e2', stream: 'stderr' }),
    { type: 'note', ts: log(0).ts, message: 'not a log' },
    log(2, '5', { runId: 'r2' }),
  ]);
  const chosen = async (query: string) => (await bytesOf(service, query)).toString();
  expect(await chosen('')).toBe('12345');
  expect(await chosen('?host=a')).toBe('125');
  expect(await chosen('?stream=stderr')).toBe('24');
  expect(await chosen('?run=r2')).toBe('345');
  expect(await chosen('?host=b&stream=stdout&run=r2')).toBe('3');
  expect(await chosen('?host=c')).toBe('');
  for (const wrong of ['?host=..', '?stream=stdin', '?run=%20', '?host=a&host=b']) {
    expect((await service.call(`/sessions/s/logs${wrong}`)).status).toBe(400);
  }
});

test('a log of many pages is whole', async () => {
  const service = await withSession();
  const expected = createHash('sha256');
  for (const batch of numbers(0, 24)) {
    const events = numbers(0, 399).map(index => {
      const message = `${batch} ${index} ${'x'.repeat((batch * index) % 3000)}\n`;
      if (index % 2 === 0) expected.update(message);
      return log(batch * 400 + index, message, { host: index % 2 === 0 ? 'a' : 'b' });
    });
    await service.ingest('s', events);
  }
  const hash = createHash('sha256').update(await bytesOf(service, '?host=a'));
  expect(hash.digest('hex')).toBe(expected.digest('hex'));
});
