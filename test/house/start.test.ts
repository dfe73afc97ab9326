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

const run = loadedWith('cli/main.ts', 'cli/commands/run-everywhere.ts', 'cli/run/run-everywhere.ts');
const agent = loadedWith('follower/main.ts', 'follower/commands/serve.ts');

test('a run without a service loads nothing of one, and nothing of other commands', () => {
  expect(run).toContain('leader/follower-client.ts');
  const unwanted =
    /^(?:node:https?|ssh2|picomatch|leader\/(?:index|service-.*|ingest\/(?:index|spool)|followers\/.*|transports\/.*ssh.*)\.ts|server\/.*)$/;
  expect(run.filter(each => unwanted.test(each))).toEqual([]);
});

test('an agent that starts loads neither an HTTP/1 client nor the doctor', () => {
  expect(agent).toContain('follower/agent/routes.ts');
  const unwanted = /^(?:node:https?|follower\/(?:agent\/(?:report|doctor)|commands\/d.*)\.ts)$/;
  expect(agent.filter(each => unwanted.test(each))).toEqual([]);
});
