import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import type { HostLog } from '../contract/events.ts';
import { logs, numbers } from './test-support/events.ts';
import { client, type TestService, temporaryDirectory } from './test-support/service.ts';
import { openStream, readAll } from './test-support/sse.ts';

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

async function start(db: string): Promise<{ service: TestService; child: ChildProcess }> {
  const serve = join(import.meta.dirname, 'test-support/serve.ts');
  const child = spawn(process.execPath, [serve, db], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => kill(child));
  const [url] = (await once(createInterface(child.stdout), 'line')) as [string];
  return { service: client(url, null, () => kill(child)), child };
}

test('a server that is killed while it ingests has lost nothing it accepted and doubles nothing', async () => {
  const db = join(temporaryDirectory(), 'events.db');
  let acknowledged = 0;
  let lastEventId = 0;
  for (let delay = 0; delay < 6; delay++) {
    const { service, child } = await start(db);
    if (delay === 0) await service.createSession('s');
    expect((await readAll(service, 's')).ids().length).toBeGreaterThanOrEqual(lastEventId);
    // A stream is open, too, so that the server dies in the midst of all it does.
    const stream = await openStream(service, '/sessions/s/events');
    const followed = stream.until(() => false).catch(() => 'cut');
    let timer: NodeJS.Timeout | undefined;
    const ingesting = async () => {
      for (let requests = 0; ; requests++) {
        if (requests === 5) timer = setTimeout(() => child.kill('SIGKILL'), delay);
        // As a spool does: all that was not acknowledged, again.
        ({ lastEventId } = await service.ingest('s', logs(acknowledged, 50)));
        acknowledged += 50;
      }
    };
    // The answer to the last request is unknown.
    await expect(ingesting()).rejects.toThrow();
    clearTimeout(timer);
    await kill(child);
    expect(await followed).toBe('cut');
  }

  const { service } = await start(db);
  await service.ingest('s', logs(acknowledged, 50));
  const total = acknowledged + 50;
  const { messages, ids } = await readAll(service, 's');
  expect(ids()).toEqual(numbers(1, total));
  const stored = messages.filter(({ event }) => event === undefined);
  const seqs = stored.map(({ data }) => (JSON.parse(data) as HostLog).seq);
  expect(seqs).toEqual(numbers(0, total - 1));
});
