/**
 * What is loaded before anything happens decides how fast a run starts: a module costs a fifth of a millisecond,
 * `node:http` alone as much as sixty of them. So what only some runs need is imported when it is needed.
 */
import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';

/** The imports that are there at run time and not behind an `import()`: paths in the repository, or names of packages. */
function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/^(?:import|export) (?!type\b)[^;]*?from '([^']+)';$/gm)]
    .map(match => match[1]!)
    .map(target => (target.startsWith('.') ? normalize(join(dirname(file), target)) : target));
}

/** Everything that is loaded with the files, themselves included. */
function loadedWith(...files: string[]): string[] {
  const loaded = new Set(files);
  for (const each of loaded) {
    if (each.endsWith('.ts')) for (const target of importsOf(each)) loaded.add(target);
  }
  return [...loaded];
}

const command = [
  'cli/main.ts',
  'cli/commands/run-everywhere.ts',
  'cli/run/run-everywhere.ts',
  'cli/render/prefix.ts',
  'cli/render/json.ts',
];
const throughResident = loadedWith(...command, 'leader/daemon/order.ts');
const alone = loadedWith(...command, 'leader/orders/run.ts');
const leader = loadedWith('leader/daemon/main.ts');
const agent = loadedWith('follower/main.ts', 'follower/commands/serve.ts');

test('a run that a resident leader leads loads what shows it, and little else', () => {
  const allowed =
    /^(?:commander|env-paths|node:(?:fs|net|os|path|url|util)|(?:cli|contract)\/.*|tunnel\/(?:endpoint|ndjson)\.ts|leader\/state\.ts|leader\/daemon\/(?:feed|link|messages|order|place|shown)\.ts)$/;
  expect(throughResident.filter(each => !allowed.test(each))).toEqual([]);
  expect(throughResident.length).toBeLessThan(62);
});

test('a resident leader listens before it loads what it leads with', () => {
  expect(leader.filter(each => /^(?:zod|node:https?2?|contract\/events\.ts)$/.test(each))).toEqual([]);
});

test('a run without a service loads nothing of one, and nothing of other commands', () => {
  expect(alone).toContain('leader/follower-client.ts');
  const unwanted =
    /^(?:node:https?|ssh2|picomatch|leader\/(?:index|service-.*|ingest\/(?:index|spool)|followers\/.*|transports\/.*ssh.*)\.ts|server\/.*)$/;
  expect(alone.filter(each => unwanted.test(each))).toEqual([]);
});

test('an agent that starts loads neither an HTTP/1 client nor the doctor', () => {
  expect(agent).toContain('follower/agent/routes.ts');
  const unwanted = /^(?:node:https?|follower\/(?:agent\/(?:report|doctor)|commands\/d.*)\.ts)$/;
  expect(agent.filter(each => unwanted.test(each))).toEqual([]);
});
