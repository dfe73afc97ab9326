/** Files that a follower's git or editor has given other line endings, and nothing else: a person is told that it was that. */
import { randomUUID } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { isKnown } from '../../contract/events.ts';
import { type Connect, connectFollower } from '../../leader/follower-client.ts';
import { empty, FENCED, fill } from '../support/fence.ts';
import { type Fleet, makeFleet, parseEvents } from '../support/fleet.ts';
import { type Files, type Ground, makeGround, read } from './ground.ts';

const EXAMPLES: Files = {
  lf: 'one\ntwo\n',
  crlf: 'one\r\ntwo\r\n',
  cr: 'one\rtwo\r',
  mixed: 'one\r\ntwo\nthree\r',
  unended: 'one\ntwo',
};
const ended = (end: string, last: string) => (text: string) =>
  text.replace(/(?:\r\n|\r|\n)$/, '').replaceAll(/\r\n|\r|\n/g, end) + last;
const rewrite = (root: string, names: string[], how: (text: string) => string) => {
  for (const name of names)
    writeFileSync(join(root, name), how(readFileSync(join(root, name), 'latin1')), 'latin1');
};

describe('one follower', () => {
  let ground: Ground;
  beforeAll(async () => {
    ground = await makeGround();
  });
  afterAll(() => ground.close());
  beforeEach(() => ground.reset(EXAMPLES));

  test.each([
    ['LF, as git does for a checkout', '\n', '\n', ['crlf', 'cr', 'mixed', 'unended']],
    ['CRLF, as core.autocrlf does', '\r\n', '\r\n', ['lf', 'cr', 'mixed', 'unended']],
    ['CR', '\r', '\r', ['lf', 'crlf', 'mixed', 'unended']],
    ['no end of the last line', '\n', '', ['lf', 'crlf', 'cr', 'mixed']],
  ])('rewritten to %s: made equal again, and told', async (_, end, last, expected) => {
    await ground.sync();
    rewrite(ground.root, Object.keys(EXAMPLES), ended(end, last));
    const { state, changes, rewritten } = await ground.sync();
    expect([state, changes]).toEqual(['consistent', expected.length]);
    expect(rewritten?.toSorted((one, other) => (one.path < other.path ? -1 : 1))).toEqual(
      expected.toSorted().map(path => ({ path, code: 'line-endings' })),
    );
    expect(read(ground.root)).toEqual(EXAMPLES);
    expect((await ground.sync()).rewritten).toBeUndefined();
  });

  test('not what is another text, no text, new or gone', async () => {
    ground.reset({ ...EXAMPLES, binary: 'a\r\n\0', other: 'one\n' });
    await ground.sync();
    rewrite(ground.root, ['binary', 'lf'], ended('\r\n', '\r\n'));
    writeFileSync(join(ground.root, 'binary'), 'a\n\0');
    writeFileSync(join(ground.root, 'other'), 'two\r\n');
    writeFileSync(join(ground.root, 'new'), 'one\r\n');
    rmSync(join(ground.root, 'cr'));
    const { state, rewritten } = await ground.sync();
    expect([state, rewritten]).toEqual(['consistent', [{ path: 'lf', code: 'line-endings' }]]);
  });

  test('of many, some', async () => {
    const many = Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`f${n}`, `${n}\n`]));
    ground.reset(many);
    await ground.sync();
    rewrite(ground.root, Object.keys(many), ended('\r\n', '\r\n'));
    const { state, changes, rewritten } = await ground.sync();
    expect([state, changes, rewritten?.length]).toEqual(['consistent', 200, 16]);
  });

  test('a program that does it again each time: why it does not become equal', async () => {
    await ground.sync();
    writeFileSync(join(ground.project, 'lf'), 'one\ntwo\nthree\n');
    const connect: Connect = async (...to) => {
      const client = await connectFollower(...to);
      const { requester } = client;
      const json: typeof requester.json = async (schema, options) => {
        const answer = await requester.json(schema, options);
        if (options.path.endsWith('/apply')) rewrite(ground.root, ['lf'], ended('\r\n', '\r\n'));
        return answer;
      };
      return { ...client, requester: { ...requester, json } };
    };
    const { state, error } = await ground.sync({ connect });
    expect([state, error?.code]).toEqual(['error', 'AW_TREE_LINE_ENDINGS']);
    expect(error?.message).toContain('"lf"');
    expect(error?.remedy).toContain('core.autocrlf');
  });

  test('the first fence of a workspace that a git has filled', async () => {
    for (const [name, text] of Object.entries(EXAMPLES))
      writeFileSync(join(ground.root, name), ended('\r\n', '\r\n')(text!), 'latin1');
    const { error } = await ground.sync();
    expect(error?.code).toBe('AW_TREE_STRANGE');
    expect(error?.message).toMatch(/ and 3 more, different only in line endings/);
    expect((await ground.sync({ adopt: true })).rewritten).toHaveLength(4);
  });

  const run = (digest: string) =>
    ground.agent.run(randomUUID(), 'true', {
      cwd: ground.root,
      tree: { root: ground.root, digest, patterns: ['ignored', 'node_modules/'] },
    });

  test('between the fence and the start of the command', async () => {
    const { digest } = await ground.sync();
    rewrite(ground.root, ['lf', 'unended'], ended('\r\n', '\r\n'));
    const refused = await run(digest!);
    expect(refused).toMatchObject({ status: 409, body: { code: 'AW_TREE_LINE_ENDINGS' } });
    expect(JSON.stringify(refused.body)).toContain('unended');
    // What is remembered now is not what the fence has left.
    expect(await run(digest!)).toMatchObject({ body: { code: 'AW_TREE_DRIFTED' } });
  });

  test('or something else, which is named', async () => {
    const { digest } = await ground.sync();
    rewrite(ground.root, ['lf'], ended('\r\n', '\r\n'));
    writeFileSync(join(ground.root, 'cr'), 'other');
    const refused = await run(digest!);
    expect(refused).toMatchObject({ status: 409, body: { code: 'AW_TREE_DRIFTED' } });
    expect(JSON.stringify(refused.body)).toMatch(/\\"cr\\", \\"lf\\"/);
  });
});

describe('over the command line', () => {
  let fleet: Fleet;
  beforeAll(() => {
    fleet = makeFleet(['a', 'b'].map(name => ({ name })));
  });
  afterAll(() => fleet.stop());
  beforeEach(async () => {
    fill(fleet.project, { 'src/a.txt': 'one\ntwo\n', 'src/b.txt': 'one\n' });
    empty(fleet, ['a', 'b']);
    expect((await fleet.aw(['agent', 'followers', 'sync-fence'])).code).toBe(0);
    rewrite(fleet.workspace('b'), ['src/a.txt', 'src/b.txt'], ended('\r\n', '\r\n'));
  });
  const text = 'src/a.txt, src/b.txt differed only in line endings';

  test('a fence by itself tells it', async () => {
    const { code, stderr } = await fleet.aw(['agent', 'followers', 'sync-fence']);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(`^b: ${text}.*autocrlf.*\n$`),
    });
  });

  test('a run tells it, and its events have the code', async () => {
    const all = ['agent', 'run-everywhere', '--', 'true'];
    const { code, stderr } = await fleet.aw(all, { env: FENCED });
    expect({ code, stderr }).toMatchObject({
      code: 0,
      stderr: expect.stringContaining(`fence: on b: ${text}`),
    });
    rewrite(fleet.workspace('b'), ['src/a.txt'], ended('\r\n', '\r\n'));
    const json = await fleet.aw(['agent', 'run-everywhere', '--output', 'json', '--', 'true'], {
      env: FENCED,
    });
    const [fenced] = parseEvents(json.stdout).filter(event => isKnown(event, 'fenceResult'));
    expect(fenced!.hosts.b!.rewritten).toEqual([{ path: 'src/a.txt', code: 'line-endings' }]);
    expect(fenced!.hosts.a!.rewritten).toBeUndefined();
  });
});
