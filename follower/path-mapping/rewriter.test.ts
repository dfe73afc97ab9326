import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { OutputRule } from '../../contract/follower-api.ts';
import { HostEntry } from '../../contract/hosts.ts';
import type { Os } from '../../contract/names.ts';
import { createRewriter, outputRules, rulesFor } from './index.ts';

const S = String.raw;
const ESC = '\u001b';

function rewrite(
  rules: OutputRule[],
  os: Os,
  input: string | Uint8Array,
  chunks?: (size: number) => number[],
): Buffer {
  const bytes = Buffer.from(input as string);
  const rewriter = createRewriter(rules, os);
  const out: Uint8Array[] = [];
  let start = 0;
  for (const end of [...(chunks?.(bytes.length) ?? []), bytes.length]) {
    out.push(Uint8Array.from(rewriter.push(bytes.subarray(start, end))));
    start = end;
  }
  out.push(rewriter.end());
  return Buffer.concat(out);
}

const posix = (input: string) => rewrite([{ from: '/srv/ws', to: '/proj' }], 'linux', input).toString();
const drive = (input: string) => rewrite([{ from: S`S:\w`, to: '/proj' }], 'windows', input).toString();
const root = (input: string) => rewrite([{ from: 'S:\\', to: '/proj' }], 'windows', input).toString();
const share = (input: string) => rewrite([{ from: S`\\Srv\ws`, to: '/proj' }], 'windows', input).toString();

describe('POSIX followers', () => {
  test.each([
    ['/srv/ws', '/proj'],
    ['/srv/ws/', '/proj/'],
    ['/srv/ws/src/a.c:3:4: error', '/proj/src/a.c:3:4: error'],
    ['in /srv/ws.\n', 'in /proj.\n'],
    ['scanning /srv/ws...', 'scanning /proj...'],
    ['at f (/srv/ws/a.js:1:2)', 'at f (/proj/a.js:1:2)'],
    ['"/srv/ws/a","/srv/ws"', '"/proj/a","/proj"'],
    ['PATH=/bin:/srv/ws/bin:/usr/bin', 'PATH=/bin:/proj/bin:/usr/bin'],
    ['gcc -I/srv/ws/inc -L/srv/ws', 'gcc -I/proj/inc -L/proj'],
    [
      `${ESC}[36m/srv/ws/a.ts${ESC}[0m:${ESC}[33m1${ESC}[0m`,
      `${ESC}[36m/proj/a.ts${ESC}[0m:${ESC}[33m1${ESC}[0m`,
    ],
    [`${ESC}]8;;file:///srv/ws/a${ESC}\\/srv/ws/a`, `${ESC}]8;;file:///proj/a${ESC}\\/proj/a`],
    [
      S`{"m":"x\n/srv/ws/a\t/srv/ws\n","c":"\u001b[1m/srv/ws"}`,
      S`{"m":"x\n/proj/a\t/proj\n","c":"\u001b[1m/proj"}`,
    ],
    ['rm: ‘/srv/ws/x’ and ‘/srv/ws’', 'rm: ‘/proj/x’ and ‘/proj’'],
    ['+/srv/ws/a\n-/srv/ws/b', '+/proj/a\n-/proj/b'],
    ['file:///srv/ws/a file:/srv/ws/b', 'file:///proj/a file:/proj/b'],
    ['→/srv/ws', '→/proj'],
    ['✅ /srv/ws 📄/srv/ws', '✅ /proj 📄/proj'],
  ])('%j becomes %j', (input, output) => expect(posix(input)).toBe(output));

  test.each([
    '/srv/wsx', '/srv/ws-old/a', '/srv/ws.bak', '/srv/ws..old', '/srv/ws@2/a', '/srv/ws~', '/srv/ws%20x', '/srv/wsé', '/srv/ws日', '/srv/ws....',
    '/mnt/srv/ws', './srv/ws', '../srv/ws', '~/srv/ws', 'a/srv/ws', '日/srv/ws', '//srv/ws', 'https://srv/ws', '${ROOT}/srv/ws', '**/srv/ws', '$(PWD)/srv/ws',
    '/SRV/ws', '/srv/w', '/srv/', '/srv\\ws', 'YES /s', 'x-/srv/ws',
  ])('%j stays', input => expect(posix(input)).toBe(input)); // biome-ignore format: one list

  test('URLs are encoded as URLs', () => {
    const rules = [{ from: '/srv/a b', to: '/my proj' }];
    expect(
      rewrite(rules, 'macos', 'file:///srv/a%20b/x /srv/a b/x file:///srv/a b/x /srv/a%20b/x').toString(),
    ).toBe('file:///my%20proj/x /my proj/x file:///my%20proj/x /srv/a%20b/x');
  });
  test('a longer rule wins, also when it maps to itself', () => {
    const rules = [
      { from: '/srv', to: '/x' },
      { from: '/srv/ws', to: '/srv/ws' },
    ];
    expect(rewrite(rules, 'linux', '/srv/ws/a /srv/b /srv/wsx').toString()).toBe('/srv/ws/a /x/b /x/wsx');
  });
  test('the root of the leader', () => {
    expect(rewrite([{ from: '/srv/ws', to: '/' }], 'linux', '/srv/ws /srv/ws/a /srv/ws').toString()).toBe(
      '/ /a /',
    );
  });
});

describe('Windows followers', () => {
  test.each([
    [S`S:\w`, '/proj'],
    [S`S:\w\src\a.cs(3,4): error CS1`, '/proj/src/a.cs(3,4): error CS1'],
    [S`s:\W\Src\A.c:3`, '/proj/Src/A.c:3'],
    ['S:/w/src/a.c', '/proj/src/a.c'],
    [S`S:\w/src\a.c`, '/proj/src/a.c'],
    [S`"S:\w\a b\c.c" S:\w\d.c`, '"/proj/a b/c.c" /proj/d.c'],
    [S`'S:\w\a b\c' \d`, S`'/proj/a b/c' \d`],
    [S`S:\w\a;S:\w\b;C:\x\y`, S`/proj/a;/proj/b;C:\x\y`],
    [S`{"f":"S:\\w\\src\\a.c\n","g":"C:\\x"}`, S`{"f":"/proj/src/a.c\n","g":"C:\\x"}`],
    [S`"{\"f\":\"S:\\\\w\\\\a\\\\b\"}"`, S`"{\"f\":\"/proj/a/b\"}"`],
    ['file:///S:/w/a%20b/c.js:1:2', 'file:///proj/a%20b/c.js:1:2'],
    ['file:/S:/w/c file://S:/w/c', 'file:/proj/c file:///proj/c'],
    ['http://localhost:1/@fs/S:/w/a.js', 'http://localhost:1/@fs/proj/a.js'],
    [S`\\?\S:\w\a \\?\s:\w`, '/proj/a /proj'],
    [S`"\\\\?\\S:\\w\\a"`, '"/proj/a"'],
    ['/s/w/a /S/w', '/proj/a /proj'],
    [S`cl /IS:\w\inc -IS:\w\inc`, S`cl /IS:\w\inc -I/proj/inc`],
    ['S:\\w\\a\r\nb\\c', '/proj/a\r\nb\\c'],
    [`${ESC}[1m${S`S:\w\a`}${ESC}[0m\\x`, `${ESC}[1m/proj/a${ESC}[0m\\x`],
  ])('%j becomes %j', (input, output) => expect(drive(input)).toBe(output));

  test.each([
    S`S:\wx\a`, S`S:\w-x`, S`XS:\w\a`, 'S:', S`S:w\a`, S`T:\w\a`, 'C:/s/w/a', 'x/s/w', S`a\S:\w`, 'S:\\\\\\w', 's/w', 'http://s/w',
  ])('%j stays', input => expect(drive(input)).toBe(input)); // biome-ignore format: one list

  test.each([
    [S`S:\src\a.c(1)`, '/proj/src/a.c(1)'],
    ['S:\\', '/proj/'],
    ['S:/a', '/proj/a'],
    [S`"S:\\a\\b"`, '"/proj/a/b"'],
    ['file:///S:/a', 'file:///proj/a'],
    ['/s/q /s/a', '/s/q /s/a'],
    ['S: is mounted', 'S: is mounted'],
  ])('drive root: %j becomes %j', (input, output) => expect(root(input)).toBe(output));

  test.each([
    [S`\\srv\WS\a\b.c`, '/proj/a/b.c'],
    ['//srv/ws/a', '/proj/a'],
    [S`"\\\\srv\\ws\\a\\b\n"`, S`"/proj/a/b\n"`],
    [S`\\?\UNC\srv\ws\a`, '/proj/a'],
    ['file://srv/ws/a', 'file:///proj/a'],
    ['http://srv/ws/a', 'http://srv/ws/a'],
    [S`\\srv\ws2\a`, S`\\srv\ws2\a`],
    [S`\\\srv\ws\a`, S`\\\srv\ws\a`],
  ])('share: %j becomes %j', (input, output) => expect(share(input)).toBe(output));

  test('URL forms of names that URLs encode', () => {
    const rules = [{ from: S`S:\my ws`, to: '/a b' }];
    expect(rewrite(rules, 'windows', S`file:///S:/my%20ws/x S:\my ws\x`).toString()).toBe(
      'file:///a%20b/x /a b/x',
    );
  });
});

describe('streams', () => {
  const fragments = [
    '/srv/ws', '/srv', '/srv/ws/sub', '/srv/ws-old', 'S:\\', 's:/', 'S:\\w', 'S:\\\\w\\\\', '\\\\srv\\ws', '\\\\\\\\srv\\\\ws\\\\', '//srv/ws', '\\\\?\\S:\\w', '/s/w', 'file:///', 'file://', 'file:',
    '\\', '\\\\', '/', '"', "'", ' ', '\n', '.', ';', ':', 'a', 'w', 'S', '日', '\u2018', `${ESC}[31m`, '\\n', '-I',
  ]; // biome-ignore format: one list
  const piece = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...fragments).map(text => Buffer.from(text)) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 3 }).map(bytes => Buffer.from(bytes)) },
  );
  const output = fc.array(piece, { maxLength: 24 }).map(pieces => Buffer.concat(pieces));
  const ruleSets: [Os, OutputRule[]][] = [
    ['linux', [{ from: '/srv/ws', to: '/proj' }, { from: '/srv/ws/sub', to: '/x' }, { from: '/srv', to: '/' }]],
    ['windows', [{ from: 'S:\\', to: '/p' }, { from: S`S:\w`, to: '/proj' }, { from: S`\\srv\ws`, to: '/net/w s' }]],
    ['windows', [{ from: S`\\srv\ws`, to: '/' }, { from: S`S:\w`, to: '/q' }]],
  ]; // biome-ignore format: one list

  test('chunk borders make no difference', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...ruleSets),
        output,
        fc.array(fc.nat(), { maxLength: 12 }),
        ([os, rules], bytes, cuts) => {
          const borders = (size: number) => cuts.map(cut => cut % (size + 1)).sort((a, b) => a - b);
          expect(rewrite(rules, os, bytes, borders).toString('latin1')).toBe(
            rewrite(rules, os, bytes).toString('latin1'),
          );
        },
      ),
      { numRuns: 3000 },
    );
  });

  test('byte by byte is the same as at once', () => {
    fc.assert(
      fc.property(fc.constantFrom(...ruleSets), output, ([os, rules], bytes) => {
        const each = (size: number) => Array.from({ length: size }, (_, index) => index);
        expect(rewrite(rules, os, bytes, each).toString('latin1')).toBe(
          rewrite(rules, os, bytes).toString('latin1'),
        );
      }),
      { numRuns: 1000 },
    );
  });

  test('without a match the output is the input, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), fc.array(fc.nat(), { maxLength: 5 }), (bytes, cuts) => {
        const borders = (size: number) => cuts.map(cut => cut % (size + 1)).sort((a, b) => a - b);
        const rules = [{ from: '/no/such/prefix', to: '/x' }];
        expect(rewrite(rules, 'linux', bytes, borders).equals(bytes)).toBe(true);
        expect(rewrite([{ from: S`Q:\no\such`, to: '/x' }], 'windows', bytes, borders).equals(bytes)).toBe(
          true,
        );
      }),
    );
  });

  test('no more is held back than the promise says', () => {
    fc.assert(
      fc.property(fc.constantFrom(...ruleSets), output, ([os, rules], bytes) => {
        const longest = Math.max(...rules.map(rule => rule.from.length));
        for (let size = 0; size <= bytes.length; size++) {
          const rewriter = createRewriter(rules, os);
          rewriter.push(bytes.subarray(0, size));
          expect(rewriter.end().length).toBeLessThan(4 * longest + 16);
        }
      }),
      { numRuns: 200 },
    );
  });

  test('text that cannot begin a path is not held back', () => {
    const rewriter = createRewriter([{ from: S`S:\w`, to: '/p' }], 'windows');
    expect(Buffer.from(rewriter.push(Buffer.from('Continue? YES'))).toString()).toBe('Continue? YES');
    expect(Buffer.from(rewriter.push(Buffer.from(' S'))).toString()).toBe(' ');
    expect(Buffer.from(rewriter.end()).toString()).toBe('S');
  });

  test('a prefix that is not absolute is refused', () => {
    expect(() => createRewriter([{ from: 'x', to: '/p' }], 'linux')).toThrow('not an absolute linux path');
  });
});

describe('output rules', () => {
  const of = (os: Os, workspace: string, paths: { leader: string; follower: string }[] = []) =>
    outputRules(rulesFor(HostEntry.parse({ name: 'h', os, workspace, paths }), '/proj'));
  test('longest follower prefix first', () => {
    expect(of('windows', 'S:/', [{ leader: 'v', follower: 's:\\v\\' }])).toEqual([
      { from: S`S:\v`, to: '/proj/v' },
      { from: 'S:\\', to: '/proj' },
    ]);
  });
  test('none where both sides spell alike, none for a POSIX root', () => {
    expect(of('linux', '/proj')).toEqual([]);
    expect(of('linux', '/')).toEqual([]);
    expect(of('linux', '/proj', [{ leader: '/c', follower: '/proj/d' }])).toEqual([
      { from: '/proj/d', to: '/c' },
      { from: '/proj', to: '/proj' },
    ]);
  });
  test('macOS also prints physical directories and decomposed names', () => {
    expect(of('macos', '/tmp/\u00e9').map(rule => rule.from)).toEqual(
      expect.arrayContaining(['/tmp/\u00e9', '/tmp/e\u0301', '/private/tmp/\u00e9', '/private/tmp/e\u0301']),
    );
  });
});
