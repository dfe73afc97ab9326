import { expect, test } from 'vitest';
import type { HostEntry } from '../../contract/hosts.ts';
import type { FollowerClient } from '../follower-client.ts';
import { connectAhead } from './ahead.ts';

const hosts = ['a', 'b', 'c'].map(name => ({ name }) as HostEntry);

/** Connections as a network makes them: late, or never. */
function network() {
  const asked: string[] = [];
  const closed: string[] = [];
  const arrive = new Map<string, () => void>();
  const ahead = connectAhead(hosts, ({ name }, signal) => {
    asked.push(name);
    return new Promise((fulfil, reject) => {
      arrive.set(name, () => fulfil({ close: () => closed.push(name) } as unknown as FollowerClient));
      signal.addEventListener('abort', () => reject(new Error(`${name} was given up`)));
    });
  });
  return { ahead, asked, closed, arrive };
}
const never = new AbortController().signal;

test('all are asked at once, before anybody wants one, and are whose who takes them', async () => {
  const { ahead, asked, closed, arrive } = network();
  expect(asked).toEqual(['a', 'b', 'c']);
  arrive.get('a')!();
  const client = await ahead.take(hosts[0]!, never);
  ahead.close();
  expect(closed).toEqual([]);
  client.close();
  expect(closed).toEqual(['a']);
});

test('what nobody has taken is closed, or given up', async () => {
  const { ahead, closed, arrive } = network();
  arrive.get('a')!();
  await Promise.resolve();
  ahead.close();
  await new Promise(setImmediate);
  expect(closed).toEqual(['a']);
});

test('who takes one gives it up by its own signal, also one that has come before', async () => {
  const { ahead } = network();
  const late = new AbortController();
  const first = ahead.take(hosts[0]!, late.signal);
  late.abort();
  await expect(first).rejects.toThrow('a was given up');
  await expect(ahead.take(hosts[1]!, late.signal)).rejects.toThrow('b was given up');
});
