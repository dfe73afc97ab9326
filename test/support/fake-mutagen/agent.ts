/** What the fake Mutagen copies to a host that is reached over SSH. */
import { chmodSync, copyFileSync, mkdirSync, unlinkSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { VERSION } from './ends.ts';
import { apply, scan } from './tree.ts';

if (process.argv[2] === 'install') {
  const directory = join(homedir(), '.mutagen/agents', VERSION);
  mkdirSync(directory, { recursive: true });
  const self = process.env.FAKE_MUTAGEN_AGENT!;
  copyFileSync(self, join(directory, 'mutagen-agent'));
  chmodSync(join(directory, 'mutagen-agent'), 0o700);
  unlinkSync(self);
} else {
  const say = (value: object) => process.stdout.write(`${JSON.stringify(value)}\n`);
  say({ version: VERSION });
  for await (const line of createInterface({ input: process.stdin })) {
    const { root, ...request } = JSON.parse(line);
    say(request.scan === undefined ? apply(root, request.apply) : scan(root, request.scan));
  }
}
