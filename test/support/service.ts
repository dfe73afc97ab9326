/** A real service in a process of its own, on loopback, that a test may kill and start again. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { Event } from '../../contract/events.ts';

const repository = resolve(import.meta.dirname, '../..');

export interface Service {
  url: string;
  process: ChildProcess;
  kill(signal?: NodeJS.Signals): Promise<void>;
}

/** Starts `aw serve` and waits until it says where it listens. */
export async function startService(options: {
  dir: string;
  port?: number;
  env: Record<string, string>;
}): Promise<Service> {
  const args = ['serve', '--port', String(options.port ?? 0), '--db', join(options.dir, 'service.db')];
  const child = spawn(process.execPath, [join(repository, 'bin/aw.js'), ...args], {
    cwd: options.dir,
    env: options.env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0];
    if (url === undefined) continue;
    child.stdout.resume();
    return {
      url,
      process: child,
      kill: async (signal = 'SIGTERM') => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        child.kill(signal);
        await once(child, 'exit');
      },
    };
  }
  throw new Error('the service ended before it listened');
}

export async function createSession(url: string): Promise<string> {
  const response = await fetch(`${url}/api/v1/sessions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ title: 'a test' }),
  });
  const { id } = (await response.json()) as { id: string };
  return id;
}

/** Everything the service holds of a session, in order. */
export async function storedEvents(url: string, session: string): Promise<Event[]> {
  const response = await fetch(`${url}/api/v1/sessions/${session}/events?follow=0`, {
    headers: { accept: 'application/x-ndjson' },
  });
  const text = await response.text();
  return text
    .split('\n')
    .filter(Boolean)
    .map(line => Event.parse(JSON.parse(line)));
}
