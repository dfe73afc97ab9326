import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { HostEntry } from '../../contract/hosts.ts';
import type { Os } from '../../contract/names.ts';
import {
  expandWorkspace,
  mapToFollower,
  mapToLeader,
  refuseCaseTwins,
  rulesFor,
  windowsNameProblem,
} from './index.ts';
import { verifyDirectory } from './verify-directory.ts';

const S = String.raw;

function rules(
  os: Os,
  workspace: string,
  paths: { leader: string; follower: string }[] = [],
  project = '/proj',
) {
  return rulesFor(HostEntry.parse({ name: 'h', os, workspace, paths }), project);
}

function codeOf(action: () => unknown): string | undefined {
  try {
    action();
  } catch (error) {
    return (error as { code?: string }).code;
  }
  return undefined;
}

const scratch = mkdtempSync(join(tmpdir(), 'aw-mapping-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe('C1 names with shell metacharacters are mapped exactly', () => {
  const names = [
    'a b',
    "it's",
    '$x',
    '100%',
    'a&b',
    '[x]',
    'a!b',
    '日本',
    '(x)',
    '#x',
    '-x',
    ';x',
    'a,b',
    'é',
    'e\u0301',
  ];
  test.each(names)('%s', name => {
    const path = `/proj/${name}/sub`;
    expect(mapToFollower(rules('windows', 'S:\\'), path)).toBe(`S:\\${name}\\sub`);
    expect(mapToFollower(rules('windows', S`\\srv\ws\p`), path)).toBe(`\\\\srv\\ws\\p\\${name}\\sub`);
    expect(mapToFollower(rules('macos', '/Volumes/aw-overlays/proj'), path)).toBe(
      `/Volumes/aw-overlays/proj/${name}/sub`,
    );
    expect(mapToFollower(rules('linux', '/home/b/proj'), path)).toBe(`/home/b/proj/${name}/sub`);
  });
});

test('C2 a backtick in a name stays', () => {
  expect(mapToFollower(rules('windows', S`S:\w`), '/proj/a`b')).toBe('S:\\w\\a`b');
  expect(mapToFollower(rules('macos', '/Volumes/w'), '/proj/a`b')).toBe('/Volumes/w/a`b');
});

test('C3 names that look like options become absolute paths', () => {
  for (const name of ['-', '--', '-x', 'sub']) {
    expect(mapToFollower(rules('linux', '/w'), `/proj/${name}`)).toBe(`/w/${name}`);
    expect(mapToFollower(rules('windows', 'S:\\'), `/proj/${name}`)).toBe(`S:\\${name}`);
  }
});

test('C4 a directory outside the project is refused', () => {
  const host = rules('linux', '/w');
  for (const cwd of [
    '/',
    '/projx',
    '/pro',
    '/other',
    '/proj/..',
    '/proj/../x',
    '/proj/a/../../projx',
    '/PROJ',
  ]) {
    expect(
      codeOf(() => mapToFollower(host, cwd)),
      cwd,
    ).toBe('AW_CWD_UNMAPPABLE');
  }
  expect(() => mapToFollower(host, '/other/x')).toThrow('"/other/x" is outside the project "/proj"');
});

describe('C5 names Windows cannot have are refused by name', () => {
  const impossible = [
    'a:b', 'a?', 'a*', 'a<b', 'a>b', 'a|b', 'a"b', 'a\\b', 'a\nb', 'a\u0001', 'x.', 'x ', '...', ' ',
    'con', 'CON', 'Con.txt', 'con.tar.gz', 'con .txt', 'prn', 'aux', 'nul', 'NUL.txt', 'COM1', 'com9.log', 'COM¹', 'lpt³.x', 'LPT1', 'CONIN$', 'conout$',
  ]; // biome-ignore format: one list
  test.each(impossible)('%j', name => {
    const map = () => mapToFollower(rules('windows', 'S:\\'), `/proj/ok/${name}/sub`);
    expect(codeOf(map)).toBe('AW_CWD_UNREPRESENTABLE');
    expect(map).toThrow(`${JSON.stringify(name)} is not a possible name there`);
    expect(mapToFollower(rules('linux', '/w'), `/proj/${name}`)).toBe(`/w/${name}`);
  });
  test.each([
    'console',
    'com',
    'com0',
    'com10',
    'auxiliary',
    '.con',
    'x.con',
    'a.b',
    '.git',
    ' x',
    'lpt',
    'CONIN$x',
    'com1x',
  ])('%s is possible', name => {
    expect(windowsNameProblem(name)).toBeUndefined();
    expect(mapToFollower(rules('windows', 'S:\\'), `/proj/${name}`)).toBe(`S:\\${name}`);
  });
  test('NUL is refused everywhere', () => {
    for (const os of ['linux', 'macos'] as const) {
      expect(codeOf(() => mapToFollower(rules(os, '/w'), '/proj/a\0b'))).toBe('AW_CWD_UNREPRESENTABLE');
    }
  });
});

test('C6 siblings that differ only in case are ambiguous on Windows and macOS', () => {
  const tree: Record<string, string[]> = {
    '/proj': ['src', 'Foo', 'foo'],
    '/proj/Foo': ['é', 'e\u0301'],
    '/proj/src': ['a'],
  };
  const asked: string[] = [];
  const siblings = (directory: string) => {
    asked.push(directory);
    return tree[directory] ?? [];
  };
  const check = (os: Os, cwd: string) =>
    codeOf(() => refuseCaseTwins(rules(os, os === 'windows' ? 'S:\\' : '/w'), cwd, siblings));
  expect(check('windows', '/proj/Foo/x')).toBe('AW_CWD_CASE_AMBIGUOUS');
  expect(check('macos', '/proj/foo')).toBe('AW_CWD_CASE_AMBIGUOUS');
  expect(check('macos', '/proj/src/a')).toBeUndefined();
  expect(asked.every(directory => directory.startsWith('/proj'))).toBe(true);
  asked.length = 0;
  expect(check('linux', '/proj/Foo')).toBeUndefined();
  expect(asked).toEqual([]);
  tree['/proj'] = ['Foo'];
  expect(check('macos', '/proj/Foo/é')).toBe('AW_CWD_CASE_AMBIGUOUS');
  expect(check('windows', '/proj/Foo/é')).toBeUndefined();
  tree['/proj'] = ['Foo', 'foo'];
  expect(() => refuseCaseTwins(rules('windows', 'S:\\'), '/proj/Foo', siblings)).toThrow(
    '"Foo" and "foo" differ only in case',
  );
});

test('C7 macOS: NFC and NFD compare equal and pass through as given', () => {
  const host = rules('macos', '/Volumes/caf\u00e9');
  expect(mapToFollower(host, '/proj/e\u0301')).toBe('/Volumes/caf\u00e9/e\u0301');
  expect(mapToLeader(host, '/volumes/CAFE\u0301/e\u0301')).toBe('/proj/e\u0301');
  expect(mapToLeader(host, '/Volumes/caf\u00e9/\u00e9')).toBe('/proj/\u00e9');
  expect(mapToLeader(rules('linux', '/caf\u00e9'), '/cafe\u0301/x')).toBeUndefined();
});

describe('C8 a directory that cannot be entered is said to be missing', () => {
  test('missing, not a directory, below a file, denied', async () => {
    mkdirSync(join(scratch, 'here'));
    writeFileSync(join(scratch, 'file'), '');
    const reasons = await Promise.all(
      ['gone', 'file', 'file/x', 'gone/deeper'].map(name =>
        verifyDirectory(join(scratch, name)).then(
          () => 'entered',
          error => `${error.code}: ${error.message}`,
        ),
      ),
    );
    const at = (name: string) => JSON.stringify(join(scratch, name));
    expect(reasons).toEqual([
      `AW_CWD_MISSING: working directory ${at('gone')} cannot be entered: it does not exist`,
      `AW_CWD_MISSING: working directory ${at('file')} cannot be entered: it is not a directory`,
      `AW_CWD_MISSING: working directory ${at('file/x')} cannot be entered: one of its parents is not a directory`,
      `AW_CWD_MISSING: working directory ${at('gone/deeper')} cannot be entered: ${at('gone')} does not exist`,
    ]);
  });
});

describe('C9 limits of a working directory', () => {
  test('258 characters on Windows', () => {
    const host = rules('windows', 'S:\\');
    const fits = `/proj/${'d'.repeat(100)}/${'d'.repeat(154)}`;
    expect(mapToFollower(host, fits)).toHaveLength(258);
    expect(codeOf(() => mapToFollower(host, `${fits}x`))).toBe('AW_CWD_TOO_LONG');
    expect(() => mapToFollower(host, `${fits}x`)).toThrow('is 259 characters long; windows allows 258');
  });
  test('bytes on POSIX', () => {
    const names = `/proj${'/äääää'.repeat(92)}`;
    expect(codeOf(() => mapToFollower(rules('macos', '/w'), names))).toBeUndefined();
    expect(codeOf(() => mapToFollower(rules('macos', '/w/yyyyyyyyyyy'), names))).toBe('AW_CWD_TOO_LONG');
    expect(
      codeOf(() => mapToFollower(rules('linux', '/w'), `/proj${'/ddddddddd'.repeat(409)}`)),
    ).toBeUndefined();
    expect(codeOf(() => mapToFollower(rules('linux', '/w'), `/proj${'/ddddddddd'.repeat(410)}`))).toBe(
      'AW_CWD_TOO_LONG',
    );
  });
  test.skipIf(process.platform === 'win32')('a link is reported as the directory it leads to', async () => {
    mkdirSync(join(scratch, 'physical'));
    symlinkSync('physical', join(scratch, 'link'));
    const physical = await verifyDirectory(join(scratch, 'physical'));
    expect(await verifyDirectory(join(scratch, 'link'))).toBe(physical);
  });
});

describe('C10 roots and separators', () => {
  test('a drive root keeps its backslash', () => {
    for (const workspace of ['S:\\', 's:/', 'S:\\\\', S`S:\.`, S`S:\a\..`, '/s/', '\\\\?\\S:\\']) {
      for (const cwd of ['/proj', '/proj/', '/proj/.', '/proj//', '/proj/a/..']) {
        expect(mapToFollower(rules('windows', workspace), cwd), `${workspace} ${cwd}`).toBe('S:\\');
      }
      expect(mapToFollower(rules('windows', workspace), '/proj/src/')).toBe(S`S:\src`);
    }
  });
  test('`..` never leaves the root', () => {
    expect(mapToFollower(rules('windows', S`S:\..\..\w`), '/proj/x')).toBe(S`S:\w\x`);
    expect(mapToFollower(rules('windows', S`\\srv\share\..\..\..\w`), '/proj/x')).toBe(S`\\srv\share\w\x`);
    expect(mapToFollower(rules('linux', '/../../w'), '/../proj/x')).toBe('/w/x');
    expect(mapToLeader(rules('windows', S`S:\w`), S`S:\..\..\w\x`)).toBe('/proj/x');
  });
  test('trailing separators and other spellings of a workspace', () => {
    for (const workspace of ['S:\\w\\', 'S:/w/', '/s/w', '/S/w/', S`\\?\S:\w`]) {
      expect(mapToFollower(rules('windows', workspace), '/proj/x'), workspace).toBe(S`S:\w\x`);
    }
    for (const workspace of [S`\\srv\share`, '\\\\srv\\share\\', S`\\?\UNC\srv\share`, '\\\\srv/share/']) {
      expect(mapToFollower(rules('windows', workspace), '/proj'), workspace).toBe('\\\\srv\\share\\');
      expect(mapToFollower(rules('windows', workspace), '/proj/x'), workspace).toBe(S`\\srv\share\x`);
    }
    expect(mapToFollower(rules('linux', '/'), '/proj')).toBe('/');
    expect(mapToFollower(rules('linux', '/'), '/proj/x')).toBe('/x');
    expect(mapToFollower(rules('linux', '/w//'), '/proj')).toBe('/w');
  });
});

describe('rules', () => {
  test('the longest leader prefix wins, relative ones are below the project', () => {
    const host = rules('windows', 'S:\\', [
      { leader: '/', follower: 'R:\\' },
      { leader: 'vendor', follower: S`T:\v` },
      { leader: '/home/u', follower: S`\\srv\home\u` },
      { leader: '/proj/vendor/deep', follower: '/u/deep' },
    ]);
    expect(mapToFollower(host, '/proj/x')).toBe(S`S:\x`);
    expect(mapToFollower(host, '/proj/vendor/x')).toBe(S`T:\v\x`);
    expect(mapToFollower(host, '/proj/vendor/deep/x')).toBe(S`U:\deep\x`);
    expect(mapToFollower(host, '/home/u/x')).toBe(S`\\srv\home\u\x`);
    expect(mapToFollower(host, '/etc')).toBe(S`R:\etc`);
    expect(mapToLeader(host, S`t:/V/x/../y`)).toBe('/proj/vendor/y');
    expect(mapToLeader(host, S`U:\DEEP`)).toBe('/proj/vendor/deep');
    expect(mapToLeader(host, S`r:\etc\Hosts`)).toBe('/etc/Hosts');
    expect(mapToLeader(host, S`\\SRV\Home\U\x y`)).toBe('/home/u/x y');
    expect(mapToLeader(host, '/s/src')).toBe('/proj/src');
    for (const none of [S`Q:\x`, 'S:', 'S:x', S`\x`, 'x', '', S`\\srv`])
      expect(mapToLeader(host, none), none).toBeUndefined();
  });
  test('a rule of the catalogue for the project itself wins over the workspace', () => {
    expect(mapToFollower(rules('linux', '/w', [{ leader: '/proj', follower: '/other' }]), '/proj/x')).toBe(
      '/other/x',
    );
  });
  test('the longest follower prefix wins on the way back', () => {
    const host = rules('linux', '/w', [{ leader: '/cache', follower: '/w/cache' }]);
    expect(mapToLeader(host, '/w/cache/x')).toBe('/cache/x');
    expect(mapToLeader(host, '/w/cachex')).toBe('/proj/cachex');
    expect(mapToLeader(host, '/W/x')).toBeUndefined();
  });
  test('a follower prefix that is not absolute is a mistake in the catalogue', () => {
    expect(HostEntry.safeParse({ name: 'h', os: 'windows', workspace: 'S:' }).success).toBe(false);
    expect(
      HostEntry.safeParse({
        name: 'h',
        os: 'linux',
        workspace: '/w',
        paths: [{ leader: '/x', follower: 'y' }],
      }).success,
    ).toBe(false);
    const host = { ...HostEntry.parse({ name: 'h', os: 'linux', workspace: '/w' }), workspace: 'w' };
    expect(codeOf(() => rulesFor(host, '/proj'))).toBe('AW_CATALOG_INVALID');
  });
  const name = fc
    .stringMatching(/^[a-zA-Z0-9 _$%&'()+,;=@^`{}~é日-]{1,8}$/)
    .filter(text => windowsNameProblem(text) === undefined);
  test('what maps there maps back', () => {
    const workspaces: [Os, string][] = [
      ['windows', 'S:\\'],
      ['windows', S`S:\w s\x`],
      ['windows', S`\\srv\share`],
      ['macos', '/Volumes/W'],
      ['linux', '/home/x'],
    ];
    fc.assert(
      fc.property(
        fc.constantFrom(...workspaces),
        fc.array(name, { maxLength: 6 }),
        ([os, workspace], names) => {
          const path = ['/proj', ...names].join('/');
          const host = rules(os, workspace);
          expect(mapToLeader(host, mapToFollower(host, path))).toBe(path);
        },
      ),
    );
  });
});

describe('{workspace}', () => {
  test('becomes the project on the follower', () => {
    expect(expandWorkspace('-I{workspace}/inc;{workspace}', rules('linux', '/w/'))).toBe('-I/w/inc;/w');
    expect(expandWorkspace('{workspace}/inc', rules('linux', '/'))).toBe('/inc');
    expect(expandWorkspace(S`{workspace}\inc;{workspace}/x;{workspace}`, rules('windows', 'S:/'))).toBe(
      'S:\\inc;S:\\x;S:\\',
    );
    expect(expandWorkspace(S`{workspace}\inc`, rules('windows', S`\\srv\ws\p`))).toBe(S`\\srv\ws\p\inc`);
    expect(expandWorkspace('{Workspace} {} workspace', rules('linux', '/w'))).toBe(
      '{Workspace} {} workspace',
    );
    expect(expandWorkspace('{workspace}', rules('linux', '/w/$&$1'))).toBe('/w/$&$1');
  });
});
