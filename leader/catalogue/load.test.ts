import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { AwError } from '../../contract/errors.ts';
import { findSyntaxProblem } from './json-syntax.ts';
import { loadCatalogue } from './load.ts';
import { findProject } from './project.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'aw-catalogue-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const minimal = { name: 'a', os: 'linux', workspace: '/w' };
const write = (content: unknown, directory = root): string => {
  mkdirSync(join(directory, '.agents'), { recursive: true });
  const path = join(directory, '.agents', 'hosts.json');
  writeFileSync(
    path,
    typeof content === 'string' || Buffer.isBuffer(content) ? content : JSON.stringify(content),
  );
  return path;
};
const load = (options: object = {}) => loadCatalogue({ project: root, env: {}, ...options });
const failure = async (options: object = {}): Promise<AwError> =>
  load(options).then(
    () => Promise.reject(new Error('it loaded')),
    error => error,
  );

test('the project has the catalogue, AW_HOSTS is before it, --hosts before both', async () => {
  const path = write({ hosts: [minimal] });
  expect(await load()).toEqual({ path, hosts: [{ ...minimal, transport: 'local' }] });
  const other = join(root, 'other.json');
  writeFileSync(other, JSON.stringify({ hosts: [{ ...minimal, name: 'b' }] }));
  expect((await load({ env: { AW_HOSTS: other } })).hosts[0]!.name).toBe('b');
  expect((await load({ file: path, env: { AW_HOSTS: other } })).hosts[0]!.name).toBe('a');
});

test('paths of an agent that runs are made absolute', async () => {
  write({
    hosts: [
      { ...minimal, name: 'a', socket: 'x.sock', tokenFile: '~/t' },
      { ...minimal, name: 'b', socket: 'tcp://127.0.0.1:7', tokenFile: '/t' },
      { ...minimal, name: 'c', socket: '\\\\.\\pipe\\p' },
    ],
  });
  expect((await load()).hosts.map(({ socket, tokenFile }) => [socket, tokenFile])).toEqual([
    [join(root, '.agents', 'x.sock'), join(homedir(), 't')],
    ['tcp://127.0.0.1:7', '/t'],
    ['\\\\.\\pipe\\p', undefined],
  ]);
});

test('jump hosts: texts, fields, and other entries with their own way', async () => {
  const over = { ...minimal, transport: 'ssh' };
  write({
    hosts: [
      { ...over, name: 'a', address: 'a.example', jump: 'ops@gate.example:2222, [::1]' },
      { ...over, name: 'inner', address: 'i.example', port: 7, identityFile: 'k', jump: ['outer'] },
      { ...over, name: 'c', address: 'c.example', jump: [{ address: 'Inner', sshUser: 'me' }] },
    ],
  });
  expect((await load()).hosts.map(({ jump }) => jump)).toEqual([
    [{ address: 'gate.example', port: 2222, sshUser: 'ops' }, { address: '::1' }],
    [{ address: 'outer' }],
    [
      { address: 'outer' },
      { address: 'i.example', port: 7, sshUser: 'me', identityFile: join(root, '.agents', 'k') },
    ],
  ]);
});

test('a byte order mark is no error', async () => {
  write(`\ufeff${JSON.stringify({ hosts: [minimal] })}`);
  expect((await load()).hosts).toHaveLength(1);
});

test('missing', async () => {
  const error = await failure();
  expect(error.code).toBe('AW_CATALOG_MISSING');
  expect(error.message).toContain(join(root, '.agents', 'hosts.json'));
});

test.each<[string, unknown, string]>([
  ['a comma too many', '{\n  "hosts": [\n    {"name": "a"},\n  ]\n}', 'line 4, column 3: expected a value'],
  ['cut off', '{"hosts": [', 'line 1, column 12: expected a value'],
  ['empty', '', 'line 1, column 1: expected a value'],
  ['single quotes', "{'hosts': 1}", 'line 1, column 2: expected a field name in double quotes'],
  ['no comma', '{"a": 1\n"b": 2}', 'line 2, column 1: expected "," or "}"'],
  ['a comment', '{"a": 1} // x', 'line 1, column 10: expected the end of the file'],
  ['not text', Buffer.from([0x7b, 0xff, 0x7d]), 'not UTF-8'],
  ['no hosts', { hosts: [] }, 'hosts: there are no hosts'],
  ['another thing', [], '(the whole file)'],
  ['a wrong field', { hosts: [minimal, { ...minimal, name: 'b', os: 'amiga' }] }, 'hosts[1].os: '],
  ['a missing field', { hosts: [{ name: 'a', os: 'linux' }] }, 'hosts[0].workspace: '],
  [
    'a relative workspace',
    { hosts: [{ ...minimal, workspace: 'w' }] },
    'hosts[0].workspace: "w" is not an absolute linux path',
  ],
  [
    'a tag without value',
    { hosts: [{ ...minimal, tags: ['ok=1', 'gpu'] }] },
    'hosts[0].tags[1]: a tag is key=value',
  ],
  [
    'a jump host that a shell could act on',
    { hosts: [{ ...minimal, jump: 'gate,a;b' }] },
    'hosts[0].jump[1].address: an address is',
  ],
  [
    'a way in a circle',
    {
      hosts: [
        { ...minimal, address: 'x', jump: 'b' },
        { ...minimal, name: 'b', address: 'y', jump: 'a' },
      ],
    },
    'hosts[0].jump: the way leads to a again',
  ],
  [
    'two of one name',
    { hosts: [minimal, { ...minimal, name: 'A' }] },
    'hosts[1].name: "A" is also the name of host 0',
  ],
])('not valid: %s', async (_, content, expected) => {
  write(content);
  const error = await failure();
  expect(error.code).toBe('AW_CATALOG_INVALID');
  expect(error.message).toContain(expected);
});

test('a directory in its place', async () => {
  mkdirSync(join(root, '.agents', 'hosts.json'), { recursive: true });
  expect((await failure()).message).toContain('EISDIR');
});

test('the project is the nearest ancestor with .agents or .git', () => {
  const deep = join(root, 'a', 'b', 'c');
  mkdirSync(deep, { recursive: true });
  mkdirSync(join(root, '.agents'));
  expect(findProject(deep)).toBe(root);
  writeFileSync(join(root, 'a', '.git'), 'gitdir: elsewhere');
  expect(findProject(deep)).toBe(join(root, 'a'));
  writeFileSync(join(root, 'a', 'b', '.agents'), 'a file is no mark');
  expect(findProject(deep)).toBe(join(root, 'a'));
});

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

test('a syntax problem is found exactly where JSON.parse refuses', () => {
  const broken = fc
    .tuple(
      fc.json(),
      fc.nat(),
      fc.constantFrom('', ',', '"', '}', ']', '\\', 'x', '\n', ' ', '0', '-', '{', ':', '\u0001'),
      fc.nat(3),
    )
    .map(([text, at, insert, remove]) => {
      const position = at % (text.length + 1);
      return text.slice(0, position) + insert + text.slice(position + remove);
    });
  fc.assert(
    fc.property(fc.oneof(fc.json(), broken, fc.string()), text => {
      expect(findSyntaxProblem(text) === undefined).toBe(isJson(text));
    }),
    { numRuns: 2000 },
  );
});

test('nesting without end is no reason to crash', () => {
  expect(findSyntaxProblem('['.repeat(1_000_000))).toMatchObject({ line: 1, column: 1_000_001 });
});
