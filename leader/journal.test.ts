import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AwError } from '../contract/errors.ts';
import { lineOf } from '../contract/event-parts.ts';
import { type Event, Event as EventSchema } from '../contract/events.ts';
import { createEventCheck, createJournal } from './journal.ts';

const envelope = (seq: number, fields: object) =>
  JSON.stringify({
    ts: '2026-11-22T10:00:00.000Z',
    origin: 'follower',
    epoch: 'e',
    seq,
    runId: 'r',
    host: 'a',
    ...fields,
  });
const started = envelope(0, { type: 'hostStarted', pid: 1 });
const log = (seq: number, fields: object = {}) =>
  envelope(seq, { type: 'hostLog', stream: 'stdout', message: 'x', ...fields });
const exited = (seq: number) => envelope(seq, { type: 'hostExited', code: 0 });
const bytes = (line: string) => Buffer.from(`${line}\n`);

test('a journal is read to its end', () => {
  const journal = createJournal('a', 'r');
  const lines = [started, log(1), log(2, { encoding: 'base64', message: '/w==' }), exited(3)];
  expect(lines.map(line => journal.read(bytes(line)).line)).toEqual(lines);
  expect(journal).toMatchObject({ nextSeq: 4, epoch: 'e', exited: { code: 0 } });
});

test('what is handed on is the bytes that came, unless they are no text', () => {
  const journal = createJournal('a', 'r');
  journal.read(bytes(started));
  const plain = bytes(log(1, { message: 'é\n' }));
  expect(lineOf(journal.read(plain).event)).toBe(plain);
  const broken = Buffer.from(bytes(log(2)).toString().replace('"x"', '"\xff"'), 'latin1');
  const { event } = journal.read(broken);
  expect(event).toMatchObject({ message: '\ufffd' });
  expect(lineOf(event)).toEqual(bytes(log(2, { message: '\ufffd' })));
});

test('events and fields of a newer follower pass', () => {
  const journal = createJournal('a', 'r');
  journal.read(bytes(started));
  const newer = envelope(1, { type: 'hostTelemetry', load: [1, 2] });
  expect(journal.read(bytes(newer)).line).toBe(newer);
  expect(journal.read(bytes(log(2, { colour: 'red' }))).event).toMatchObject({ colour: 'red' });
});

test('of two fields with one name, the one that was checked is handed on', () => {
  const journal = createJournal('a', 'r');
  journal.read(bytes(started));
  const { line } = journal.read(bytes(log(1).replace('{', '{"twice":1,"twice":2,')));
  expect(JSON.parse(line)).toMatchObject({ twice: 2 });
  expect(line.match(/"twice"/g)).toHaveLength(1);
});

const deep = '['.repeat(100) + ']'.repeat(100);
test.each<[string, string[]]>([
  ['not JSON', ['hello']],
  ['no object', ['7']],
  ['null', ['null']],
  ['an array', ['[]']],
  ['no event', ['{}']],
  ['logs before the start', [log(0)]],
  ['an end before the start', [exited(0)]],
  ['two starts', [started, started.replace('"seq":0', '"seq":1')]],
  ['a gap', [started, log(2)]],
  ['going back', [started, log(1), log(1)]],
  ['a seq that is no number', [started, log(1, { seq: '1' })]],
  ['another host', [started, log(1, { host: 'b' })]],
  ['another run', [started, log(1, { runId: 'other' })]],
  ['no run', [started, log(1, { runId: undefined })]],
  ['another epoch', [started, log(1, { epoch: 'f' })]],
  ['no epoch', [envelope(0, { type: 'hostStarted', epoch: undefined })]],
  ['in the name of the leader', [started, log(1, { origin: 'leader' })]],
  ['in nobody’s name', [started, log(1, { origin: undefined })]],
  ['a summary', [started, envelope(1, { type: 'summary', passed: ['a'], failed: [], origin: 'leader' })]],
  ['another stream', [started, log(1, { stream: 'stdin' })]],
  ['a message that is none', [started, log(1, { message: ['x'] })]],
  ['base64 that is none', [started, log(1, { encoding: 'base64', message: '*' })]],
  ['an unknown encoding', [started, log(1, { encoding: 'rot13' })]],
  ['no time', [log(0, { ts: undefined })]],
  ['a time that is none', [started, log(1, { ts: 'yesterday' })]],
  ['a code that is none', [started, envelope(1, { type: 'hostExited', code: '0' })]],
  ['an error that is none', [started, envelope(1, { type: 'hostExited', code: 0, error: 'bad' })]],
  ['nested without end', [started, log(1).replace('{', `{"deep":${deep},`)]],
  [
    'larger as it would be written again',
    [started, log(1).replace('{', `{"n":[${'1e9,'.repeat(500_000)}1],`)],
  ],
  ['after the end', [started, exited(1), log(2)]],
])('refused: %s', (_, lines) => {
  const journal = createJournal('a', 'r');
  for (const line of lines.slice(0, -1)) journal.read(bytes(line));
  const before = journal.nextSeq;
  let thrown: unknown;
  try {
    journal.read(bytes(lines.at(-1)!));
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(AwError);
  expect((thrown as AwError).code).toBe('AW_PROTOCOL_GARBAGE');
  expect(journal.nextSeq).toBe(before);
});

test('the quick check of hostLog lets nothing through that the schema refuses', () => {
  const odd = fc.oneof(
    fc.string(),
    fc.integer(),
    fc.double(),
    fc.constant(null),
    fc.constant(undefined),
    fc.constant([]),
  );
  const field = (good: fc.Arbitrary<unknown>) =>
    fc.oneof({ weight: 6, arbitrary: good }, { weight: 1, arbitrary: odd });
  const event = fc.record({
    type: fc.constant('hostLog'),
    ts: field(
      fc
        .date({ noInvalidDate: true, min: new Date(0), max: new Date('9999-01-01') })
        .map(date => date.toISOString()),
    ),
    host: field(fc.stringMatching(/^[a-z][a-z0-9._-]{0,80}$/)),
    stream: field(fc.constantFrom('stdout', 'stderr')),
    message: field(fc.string()),
    encoding: field(fc.constant(undefined)),
    offset: field(fc.nat()),
    seq: field(fc.nat()),
    epoch: field(fc.string({ minLength: 1, maxLength: 70 })),
    runId: field(fc.stringMatching(/^[a-z][a-z0-9_-]{0,70}$/)),
    origin: field(fc.constantFrom('leader', 'follower', 'server')),
    transport: field(fc.constantFrom('local', undefined)),
  });
  const check = createEventCheck();
  let passed = 0;
  fc.assert(
    fc.property(event, value => {
      const expected = EventSchema.safeParse(value).success;
      // Also as the first event ever, and as one that follows others.
      for (const isEvent of [createEventCheck(), check]) {
        expect(isEvent(value as unknown as Event) === undefined).toBe(expected);
      }
      if (expected) passed++;
    }),
    { numRuns: 3000 },
  );
  expect(passed).toBeGreaterThan(100);
});
