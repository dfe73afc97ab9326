/** The golden messages keep parsing, and come out of the schemas as they went in. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { Event, eventIdentity, isKnown, knownEventTypes, logBytes } from './events.ts';
import * as files from './files.ts';
import * as followerApi from './follower-api.ts';
import { HostCatalogue } from './hosts.ts';
import * as installation from './installation.ts';
import * as leaderApi from './leader-api.ts';
import * as portability from './portability.ts';
import { Problem } from './problem.ts';
import * as serviceApi from './service-api.ts';
import * as snapshots from './snapshots.ts';
import * as trees from './trees.ts';

const lines = (file: string): unknown[] =>
  readFileSync(`fixtures/wire/${file}`, 'utf8')
    .trim()
    .split('\n')
    .map(line => JSON.parse(line));

test.each(lines('events.ndjson').map(event => [JSON.stringify(event).slice(0, 100), event]))(
  'event %s',
  (_, event) => {
    expect(Event.parse(event)).toEqual(event);
  },
);

test('every host event of the contract has a golden message', () => {
  const types = new Set(lines('events.ndjson').map(event => Event.parse(event).type));
  for (const type of [
    'hostStarted',
    'hostLog',
    'hostExited',
    'summary',
    'fenceStarted',
    'fenceProgress',
    'fenceResult',
    'moment',
    'note',
  ])
    expect(types).toContain(type);
  expect([...types].filter(type => !knownEventTypes.has(type))).toEqual(['hostTelemetry']);
});

test.each(lines('run-requests.ndjson').map(request => [JSON.stringify(request).slice(0, 60), request]))(
  'run request %s',
  (_, request) => {
    expect(followerApi.RunRequest.parse(request)).toMatchObject(request as object);
  },
);

const messages = JSON.parse(readFileSync('fixtures/wire/messages.json', 'utf8')) as Record<string, object[]>;
const schemas: Record<string, unknown> = {
  ...followerApi,
  ...leaderApi,
  ...files,
  ...serviceApi,
  ...installation,
  ...portability,
  ...snapshots,
  ...trees,
  Problem,
};
/** Parts of messages, and what has a file of its own. */
const elsewhere = [
  'OutputRule',
  'Command',
  'RunRequest',
  'Finding',
  'SessionStatus',
  'RunOptions',
  'FenceOptions',
  'Capabilities',
  'ExclusionCode',
  'ListedChild',
];

test('every message of the follower and of the service has a golden one', () => {
  const names = Object.keys(schemas).filter(name => schemas[name] instanceof z.ZodType);
  expect(Object.keys(messages).sort()).toEqual(names.filter(name => !elsewhere.includes(name)).sort());
});

test.each(Object.entries(messages))('%s', (name, samples) => {
  for (const sample of samples) expect((schemas[name] as z.ZodType).parse(sample)).toEqual(sample);
});

test('catalogue', () => {
  const catalogue = JSON.parse(readFileSync('fixtures/wire/hosts.json', 'utf8'));
  expect(HostCatalogue.parse(catalogue)).toMatchObject(catalogue);
});

test.each<[string, unknown]>([
  ['no type', { ts: '2026-11-22T10:00:00.000Z' }],
  ['no ts', { type: 'note', message: 'x' }],
  [
    'a known type with a wrong field',
    { type: 'hostExited', ts: '2026-11-22T10:00:00.000Z', host: 'a', code: '0' },
  ],
  ['a host name that is a path', { type: 'hostStarted', ts: '2026-11-22T10:00:00.000Z', host: '../a' }],
  ['a negative seq', { type: 'note', ts: '2026-11-22T10:00:00.000Z', message: 'x', seq: -1 }],
])('refused: %s', (_, event) => {
  expect(Event.safeParse(event).success).toBe(false);
});

test('log bytes and identity', () => {
  const events = lines('events.ndjson').map(event => Event.parse(event));
  const logs = events.filter(event => isKnown(event, 'hostLog'));
  expect(logs.map(event => logBytes(event).toString('hex'))).toEqual([
    '6e61c3af766520e298830a',
    'ff80fe',
    Buffer.from('the short form').toString('hex'),
  ]);
  expect(logs.map(event => eventIdentity(event)?.producer)).toEqual([
    'follower/lin-01',
    'follower/lin-01',
    undefined,
  ]);
});

test.each<[string, unknown, RegExp]>([
  ['the same name twice', [{ name: 'a' }, { name: 'A' }], /also the name of host 0/],
  ['a relative workspace', [{ name: 'a', workspace: 'x' }], /not an absolute linux path/],
  [
    'a POSIX workspace on Windows',
    [{ name: 'a', os: 'windows', workspace: '/srv/x' }],
    /not an absolute windows path/,
  ],
  ['a tag without value', [{ name: 'a', tags: ['fast'] }], /key=value/],
  ['no hosts', [], /no hosts/],
])('catalogue refused: %s', (_, hosts, message) => {
  const complete = (hosts as object[]).map(host => ({ os: 'linux', workspace: '/w', ...host }));
  const result = HostCatalogue.safeParse({ hosts: complete });
  expect(result.error?.issues.map(issue => issue.message).join('; ')).toMatch(message);
});
