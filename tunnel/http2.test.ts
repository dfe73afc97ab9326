import { once } from 'node:events';
import { duplexPair, PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { cutWhenSilent, openHttp2, serveHttp2 } from './http2.ts';

async function bodyOf(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

test('many calls at once over one duplex that is no socket', async () => {
  const [ours, theirs] = duplexPair();
  serveHttp2(theirs, (stream, headers) => {
    stream.respond({ ':status': 200 });
    stream.end(`${headers[':path']} ${'x'.repeat(100_000)}`);
  });
  const session = await openHttp2(ours);
  const bodies = await Promise.all(
    Array.from({ length: 50 }, async (_, index) =>
      (await bodyOf(session.request({ ':path': `/${index}` }))).toString(),
    ),
  );
  expect(bodies.map(body => body.split(' ')[0])).toEqual(bodies.map((_, index) => `/${index}`));
  expect(bodies.every(body => body.endsWith('x'.repeat(100_000)))).toBe(true);
  session.close();
  await once(theirs, 'close');
});

test('a stream that nobody reads stops its sender and no other stream', async () => {
  const [ours, theirs] = duplexPair();
  let sent = 0;
  serveHttp2(theirs, (stream, headers) => {
    stream.respond({ ':status': 200 });
    if (headers[':path'] === '/small') return void stream.end('done');
    const send = () => {
      while (!stream.destroyed && stream.write(Buffer.alloc(65536))) sent += 65536;
    };
    stream.on('drain', send);
    send();
  });
  const session = await openHttp2(ours);
  const stuck = session.request({ ':path': '/endless' });
  stuck.pause();
  await once(stuck, 'response');
  for (let before = -1; before !== sent; ) {
    before = sent;
    for (let turn = 0; turn < 10; turn++) {
      expect((await bodyOf(session.request({ ':path': '/small' }))).toString()).toBe('done');
    }
  }
  expect(sent).toBeLessThan(16 * 1024 * 1024);
  session.destroy();
});

test.each([
  [
    'something else',
    (peer: NodeJS.WritableStream) => peer.write('HTTP/1.1 200 OK\r\n\r\nhello'),
    'AW_PROTOCOL_GARBAGE',
  ],
  ['nothing and goes', (peer: NodeJS.WritableStream) => peer.end(), 'AW_HOST_UNREACHABLE'],
])('a peer that says %s', async (_, act, code) => {
  const [ours, theirs] = duplexPair();
  theirs.resume();
  const opened = openHttp2(ours);
  act(theirs);
  await expect(opened).rejects.toMatchObject({ code });
  expect(ours.destroyed).toBe(true);
});

test('garbage ends only the session it came on', async () => {
  const [ours, theirs] = duplexPair();
  serveHttp2(theirs, () => {});
  ours.resume();
  ours.write('x'.repeat(10_000));
  await once(theirs, 'close');
  expect(theirs.destroyed).toBe(true);
});

test('a peer that falls silent is cut off', async () => {
  // Bytes of the client reach the server until the link dies; then nothing does, and nobody is told.
  const [ours, between] = duplexPair();
  const [far, theirs] = duplexPair();
  between.pipe(new PassThrough()).pipe(far);
  far.pipe(between);
  const server = serveHttp2(theirs, () => {});
  const client = await openHttp2(ours);
  cutWhenSilent(client, 900);
  for (let ping = 0; ping < 5; ping++) await new Promise(fulfil => client.ping(fulfil));
  expect(client.destroyed).toBe(false);
  far.unpipe(between);
  await once(client, 'close');
  server.destroy();
  between.destroy();
  far.destroy();
});
