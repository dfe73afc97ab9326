/** The registry and docs/errors.md say the same, both ways; and every code is used. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type ErrorEntry, errorRegistry } from '../../contract/error-registry.ts';
import { trackedFiles } from '../support/tracked.ts';

const rows = new Map(
  [...readFileSync('docs/errors.md', 'utf8').matchAll(/^\| `(AW_\w+)` \| (\d+) \| (.+?) \| (.+?) \|$/gm)].map(
    ([, code, exit, text, remedy]) => [code!, { exit: Number(exit), text: text!, remedy: remedy! }],
  ),
);
const cell = (text: string) => text.replaceAll('|', '\\|');

test('docs/errors.md lists every code of the registry, and no other', () => {
  expect([...rows.keys()].sort()).toEqual(Object.keys(errorRegistry).sort());
});

test.each(Object.entries<ErrorEntry>(errorRegistry))('%s is documented as it is', (code, entry) => {
  expect(rows.get(code)).toEqual({ exit: entry.exit, text: cell(entry.text), remedy: cell(entry.remedy) });
});

test('every code of the registry is raised somewhere', () => {
  const sources = trackedFiles('*.ts')
    .filter(file => !file.endsWith('.test.ts') && file !== 'contract/error-registry.ts')
    .map(file => readFileSync(file, 'utf8'))
    .join('\n');
  expect(Object.keys(errorRegistry).filter(code => !sources.includes(`'${code}'`))).toEqual([]);
});
