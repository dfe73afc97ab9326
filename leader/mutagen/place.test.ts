import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { HostEntry } from '../../contract/hosts.ts';
import { mutagenDirectory, socketIn } from './place.ts';

const host = (fields: object = {}) =>
  HostEntry.parse({ name: 'a', os: 'linux', workspace: '/ws', ...fields });

test.each([
  ['short', 'state'],
  ['long', `${'d'.repeat(120)}/state`],
])('a %s state directory', (_, below) => {
  const dir = mkdtempSync(join(tmpdir(), 'aw-place-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const place = mutagenDirectory(join(dir, below), '/project', host());
  onTestFinished(() => rmSync(place, { recursive: true, force: true }));
  expect(lstatSync(place).mode & 0o777).toBe(0o700);
  expect(Buffer.byteLength(socketIn(place))).toBeLessThanOrEqual(100);
  expect(mutagenDirectory(join(dir, below), '/project', host())).toBe(place);
  const others = [
    mutagenDirectory(join(dir, below), '/other', host()),
    mutagenDirectory(join(dir, below), '/project', host({ workspace: '/elsewhere' })),
    mutagenDirectory(join(dir, below), '/project', host({ transport: 'openssh', address: 'b' })),
  ];
  onTestFinished(() => {
    for (const other of others) rmSync(other, { recursive: true, force: true });
  });
  expect(new Set([place, ...others]).size).toBe(4);
});

test('those of followers that are gone do not pile up', () => {
  const dir = mkdtempSync(join(tmpdir(), 'aw-place-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const parent = join(dir, 'mutagen');
  const old = (index: number) => join(parent, index.toString(16).padStart(16, '0'));
  for (let index = 0; index < 300; index++) {
    mkdirSync(join(old(index), 'sessions'), { recursive: true });
    utimesSync(old(index), index, index);
  }
  mkdirSync(socketIn(old(0)), { recursive: true });
  utimesSync(old(0), 0, 0);
  mkdirSync(join(parent, 'something else'));
  const place = mutagenDirectory(dir, '/project', host());
  expect(readdirSync(parent)).toHaveLength(256 + 2);
  for (const kept of [place, old(299), old(0), join(parent, 'something else')])
    expect(existsSync(kept)).toBe(true);
  expect(existsSync(old(1))).toBe(false);
});
