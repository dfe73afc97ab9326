/** The resident leader's process. It listens first and loads what it needs to lead while the first command connects. */
import { fstatSync, ftruncateSync, rmSync } from 'node:fs';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { asAwError } from '../../contract/errors.ts';
import { PROTOCOL, VERSION } from '../../contract/version.ts';
import { type Lock, lockHolder, takeLock } from '../../tunnel/lock.ts';
import { encodeLine } from '../../tunnel/ndjson.ts';
import { newRunId } from '../run-everywhere/run-id.ts';
import type { Hello } from './messages.ts';
import { leaderLock } from './place.ts';
import { createState, type State } from './state.ts';

/** Milliseconds an earlier leader that no longer listens may take to end. */
const PREDECESSOR = 5_000;
/** Commands at one time; one beyond that is hung up on and goes on by itself. */
const MAX_COMMANDS = 256;
/** Bytes of a log that is begun anew. */
const MAX_LOG = 1024 * 1024;
/** Milliseconds the runs in progress may take to be let go of. */
const LET_GO = 2_000;

/** Never throws: errors are printed, which is the log. Resolves when the leader has ended. */
export async function main(argv: string[]): Promise<number> {
  try {
    const { values } = parseArgs({
      args: argv,
      options: {
        'state-dir': { type: 'string' },
        socket: { type: 'string' },
        'idle-exit': { type: 'string' },
      },
    });
    await reside(values['state-dir']!, values.socket!, Number(values['idle-exit']) * 1000);
    return 0;
  } catch (error) {
    const { code, message } = asAwError(error);
    log(`${code}: ${message}`);
    return 4;
  }
}

async function reside(stateDir: string, socketPath: string, idleMs: number): Promise<void> {
  if (fstatSync(2).size > MAX_LOG) ftruncateSync(2);
  const lock = await takeOver(leaderLock(stateDir));
  const state = createState(idleMs);
  const server = await listen(socketPath, state, stateDir);
  log(`version ${VERSION}, process ${process.pid}, state in ${stateDir}`);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, state.end);
  await state.ended;
  server.close();
  rmSync(socketPath, { force: true });
  await Promise.race([settled(state), sleep(LET_GO)]);
  lock.release();
  log(`process ${process.pid} ends`);
  process.exit(0);
}

/** Of several leaders of one directory all but the first end here. */
async function takeOver(path: string): Promise<Lock> {
  for (const start = performance.now(); ; await sleep(20)) {
    const lock = takeLock(path);
    if (lock !== undefined) return lock;
    if (performance.now() - start > PREDECESSOR)
      throw new Error(`process ${lockHolder(path)} leads here already`);
  }
}

async function listen(path: string, state: State, stateDir: string): Promise<net.Server> {
  const server = net.createServer();
  server.maxConnections = MAX_COMMANDS;
  // Left by a leader that was killed: whoever holds the lock is the only one here.
  rmSync(path, { force: true });
  const listening = new Promise<void>((fulfil, reject) =>
    server.once('error', reject).once('listening', fulfil),
  );
  // The file is made within this call. Only for that: agents started here inherit the mask, and what runs there does.
  const mask = process.umask(0o177);
  server.listen(path);
  process.umask(mask);
  const leading = listening.then(async () => {
    const { createService } = await import('./serve.ts');
    return createService(state, stateDir);
  });
  server.on('connection', socket => {
    const runId = newRunId();
    const hello: Hello = { leader: 'hello', version: VERSION, protocol: PROTOCOL, pid: process.pid, runId };
    socket.on('error', () => {});
    socket.write(encodeLine(hello));
    void leading.then(service => service(socket));
  });
  await listening;
  return server;
}

/** When no run is led any more. */
async function settled(state: State): Promise<void> {
  while (state.runs().length > 0) await sleep(10);
}

function log(line: string): void {
  process.stderr.write(`${new Date().toISOString()} ${line}\n`);
}
