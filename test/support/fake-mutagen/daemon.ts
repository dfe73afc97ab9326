/** The daemon of the fake: its sessions are files, its socket is where Mutagen has it. */
import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { take } from './faults.ts';
import { type FakeSession, newStored, runSession, type Stored } from './session.ts';
import type { Rules } from './tree.ts';

export interface Request {
  call: 'create' | 'list' | 'flush' | 'terminate' | 'stop';
  sessions?: string[];
  create?: { alpha: string; beta: string; name?: string; labels?: Record<string, string>; rules: Rules };
}

export function runDaemon(directory: string, agent: string): void {
  const own = join(directory, 'daemon');
  const files = join(directory, 'sessions');
  mkdirSync(own, { recursive: true, mode: 0o700 });
  mkdirSync(files, { recursive: true, mode: 0o700 });
  lock(join(own, 'daemon.lock'));
  const sessions = new Map<string, FakeSession>();
  const start = (stored: Stored) => {
    const save = () => writeFileSync(join(files, stored.identifier), JSON.stringify(stored));
    const { session, connected } = runSession(stored, agent, save);
    return { session, connected, save };
  };
  for (const name of readdirSync(files)) {
    const { session } = start(JSON.parse(readFileSync(join(files, name), 'utf8')));
    sessions.set(session.stored.identifier, session);
  }
  const chosen = (names: readonly string[] = []): FakeSession[] => {
    if (names.length === 0) return [...sessions.values()];
    return names.map(name => {
      const found = [...sessions.values()].find(
        ({ stored }) => stored.identifier === name || stored.name === name,
      );
      if (found === undefined)
        throw new Error(
          `unable to locate requested sessions: specification "${name}" did not match any sessions`,
        );
      return found;
    });
  };

  const answer = async ({ call, sessions: names, create }: Request): Promise<string> => {
    switch (call) {
      case 'create': {
        const { alpha, beta, ...rest } = create!;
        const identifier = `sync_${randomUUID().replaceAll('-', '')}`;
        const { session, connected, save } = start(newStored(alpha, beta, { identifier, ...rest }));
        await connected;
        save();
        sessions.set(identifier, session);
        return `Created session ${identifier}\n`;
      }
      case 'list':
        return `${JSON.stringify(chosen(names).map(session => session.toJson()))}\n`;
      case 'flush':
        for (const session of chosen(names)) await session.flush();
        return '';
      case 'terminate':
        for (const session of chosen(names)) {
          session.end();
          sessions.delete(session.stored.identifier);
          rmSync(join(files, session.stored.identifier));
        }
        return '';
      case 'stop':
        setImmediate(end);
        return '';
    }
  };

  const server = net.createServer(socket => {
    socket.on('error', () => {});
    createInterface({ input: socket }).on('line', async line => {
      try {
        if (take('mismatch') !== undefined)
          throw new Error('client/daemon version mismatch (daemon restart recommended)');
        const stdout = await answer(JSON.parse(line));
        socket.end(`${JSON.stringify({ stdout })}\n`);
      } catch (error) {
        socket.end(`${JSON.stringify({ error: (error as Error).message })}\n`);
      }
    });
  });
  const socket = join(own, 'daemon.sock');
  rmSync(socket, { force: true });
  server.listen(socket);
  const end = () => {
    for (const session of sessions.values()) session.end();
    rmSync(socket, { force: true });
    process.exit(0);
  };
  process.on('SIGTERM', end);
}

function lock(file: string): void {
  try {
    process.kill(Number(readFileSync(file, 'utf8')), 0);
  } catch {
    writeFileSync(file, String(process.pid));
    return;
  }
  process.stderr.write('Error: unable to acquire daemon lock: resource temporarily unavailable\n');
  process.exit(1);
}
