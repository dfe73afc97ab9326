import { expect, test } from 'vitest';
import { parseBytes, parseCount, parsePort, parseSeconds, parseTimeout, parseUrl } from './values.ts';

test.each([
  [parseTimeout, '90', 90_000],
  [parseTimeout, '0.5', 500],
  [parseTimeout, '0.0001', 1],
  [parseSeconds, '0', 0],
  [parseCount, '8', 8],
  [parsePort, '0', 0],
  [parseBytes, '500', 500],
  [parseBytes, '64K', 65_536],
  [parseBytes, '10MiB', 10_485_760],
  [parseBytes, '2g', 2_147_483_648],
  [parseUrl, 'http://127.0.0.1:7717/', 'http://127.0.0.1:7717'],
] as const)('%o reads %s', (parse, text, value) => {
  expect(parse(text)).toBe(value);
});

test.each([
  [parseTimeout, '0'],
  [parseTimeout, ''],
  [parseTimeout, '5m'],
  [parseTimeout, '1e3'],
  [parseTimeout, '-1'],
  [parseTimeout, '99999999999'],
  [parseSeconds, 'x'],
  [parseCount, '0'],
  [parseCount, '1.5'],
  [parsePort, '65536'],
  [parsePort, ''],
  [parseBytes, '0'],
  [parseBytes, '1T'],
  [parseBytes, '999999999999G'],
  [parseUrl, '127.0.0.1:7717'],
  [parseUrl, 'ftp://x'],
  [parseUrl, 'http://user:secret@host'],
] as const)('%o refuses %j', (parse, text) => {
  expect(() => parse(text)).toThrow(/^(?:It|Secrets)/);
});
