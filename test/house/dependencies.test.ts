/** The house stands on one rule: imports only go downward (docs/adr/0001). */
import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';
import { trackedFiles } from '../support/tracked.ts';

/** Of the follower's runs, how output becomes events. */
const pureFiles = ['follower/runs/encode.ts', 'follower/runs/event-line.ts'];

/** Folder -> folders and files it may import from, besides itself. `leader` may use the follower's pure parts only. */
const allowed: Record<string, readonly string[]> = {
  contract: [],
  tunnel: ['contract'],
  follower: ['contract', 'tunnel'],
  packaging: ['contract'],
  leader: [
    'contract',
    'tunnel',
    'follower/adapters',
    'follower/path-mapping',
    'follower/tree',
    'follower/files',
    'packaging',
    ...pureFiles,
  ],
  server: ['contract', 'tunnel'],
  cli: ['contract', 'tunnel', 'leader', 'server'],
};

const sources = trackedFiles('*.ts').filter(file => !file.endsWith('.test.ts'));

function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/\bfrom '(\.[^']+)'|\bimport\('(\.[^']+)'\)/g)]
    .map(match => match[1] ?? match[2] ?? '')
    .map(target => normalize(join(dirname(file), target)));
}

test.each(Object.keys(allowed))('%s imports only what is below it', folder => {
  const files = sources.filter(file => file.startsWith(`${folder}/`));
  const wrong = files.flatMap(file =>
    importsOf(file)
      .filter(target => !target.startsWith(`${folder}/`))
      .filter(
        target => !allowed[folder]!.some(prefix => target === prefix || target.startsWith(`${prefix}/`)),
      )
      .map(target => `${file} -> ${target}`),
  );
  expect(wrong).toEqual([]);
});

test('every import names a file that exists in the repository', () => {
  const known = new Set(trackedFiles('*'));
  const missing = sources.flatMap(file =>
    importsOf(file)
      .filter(target => !known.has(target))
      .map(target => `${file} -> ${target}`),
  );
  expect(missing).toEqual([]);
});
