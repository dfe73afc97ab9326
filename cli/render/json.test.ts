import { expect, test } from 'vitest';
import { Event } from '../../contract/events.ts';
import { createJsonRenderer } from './json.ts';
import { everyVerdict, record } from './recorded-events.ts';

test('stdout is the events and nothing else', () => {
  const { surroundings, written } = record([]);
  const renderer = createJsonRenderer(surroundings);
  const newer = { type: 'somethingNew', ts: '2026-01-02T03:04:05.678Z', extra: { kept: true } };
  const events = [...everyVerdict, newer];
  for (const event of events) renderer.event(event);
  renderer.event({ type: 'note', ts: '2026-01-02T03:04:05.678Z', message: 'the service is away' });
  renderer.say('Cancelling');
  renderer.finish(['3/3 hosts: all processes gone']);
  const lines = written('stdout').trimEnd().split('\n');
  expect(lines.map(line => JSON.parse(line))).toEqual(events);
  for (const line of lines) expect(Event.safeParse(JSON.parse(line)).success).toBe(true);
  expect(written('stderr')).toBe('the service is away\nCancelling\n3/3 hosts: all processes gone\n');
});
