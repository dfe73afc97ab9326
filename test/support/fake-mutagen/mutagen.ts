/** The `mutagen` program as far as the product calls it: arguments, answers and exit codes of the real one. */
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import type { Request } from './daemon.ts';

const directory = process.env.MUTAGEN_DATA_DIRECTORY;
if (directory === undefined || process.env.MUTAGEN_DISABLE_AUTOSTART !== '1') {
  fail('a test must never come near the data and the daemon of the user');
}
const words = process.argv.slice(2);
const call = words.slice(0, 2).join(' ');

switch (call) {
  case 'daemon run':
    (await import('./daemon.ts')).runDaemon(directory!, process.env.FAKE_MUTAGEN_AGENT_FILE!);
    break;
  case 'daemon stop':
    ask({ call: 'stop' });
    break;
  case 'sync create':
    ask({ call: 'create', create: await creation(words.slice(2)) });
    break;
  case 'sync list': {
    const { values, positionals } = parseArgs({
      args: words.slice(2),
      options: { template: { type: 'string' } },
      allowPositionals: true,
    });
    if (values.template !== '{{json .}}') fail('this fake prints JSON alone');
    ask({ call: 'list', sessions: positionals });
    break;
  }
  case 'sync flush':
  case 'sync terminate':
    if (words.length < 3) fail('no session was named');
    ask({ call: words[1] as 'flush' | 'terminate', sessions: words.slice(2) });
    break;
  default:
    fail(`unknown command "${call}" for "mutagen"`);
}

async function creation(args: string[]): Promise<NonNullable<Request['create']>> {
  // What only some calls need is loaded for those: a fence makes many.
  const { parse } = await import('yaml');
  const { values, positionals } = parseArgs({
    args,
    options: {
      name: { type: 'string', short: 'n' },
      label: { type: 'string', short: 'l', multiple: true, default: [] },
      'configuration-file': { type: 'string', short: 'c' },
      'no-global-configuration': { type: 'boolean' },
      mode: { type: 'string', short: 'm' },
    },
    allowPositionals: true,
  });
  const [alpha, beta, ...more] = positionals;
  if (alpha === undefined || beta === undefined || more.length > 0)
    fail('invalid number of endpoint URLs provided');
  if (!values['no-global-configuration']) fail('the configuration of the user would be merged in');
  const { name } = values;
  if (name !== undefined && !/^\p{L}[\p{L}\p{N}-]*$/u.test(name)) fail('invalid session name');
  const { defaults, ...others } = parse(readFileSync(values['configuration-file']!, 'utf8')).sync;
  if (Object.keys(others).length > 0) fail('unknown keys in the configuration');
  if (values.mode !== 'one-way-replica' || defaults.mode !== values.mode) fail('this fake has one mode');
  return {
    alpha: alpha!,
    beta: beta!,
    ...(name === undefined ? {} : { name }),
    labels: Object.fromEntries(values.label.map(label => label.split('='))),
    rules: { paths: defaults.ignore.paths, vcs: defaults.ignore.vcs, symlink: defaults.symlink.mode },
  };
}

function ask(request: Request): void {
  const socket = net.connect(join(directory!, 'daemon/daemon.sock'));
  socket.on('error', () =>
    fail('unable to connect to daemon: connection timed out (is the daemon running?)'),
  );
  socket.write(`${JSON.stringify(request)}\n`);
  let isAnswered = false;
  createInterface({ input: socket }).on('line', line => {
    isAnswered = true;
    const { error, stdout } = JSON.parse(line);
    if (error !== undefined) fail(error);
    process.stdout.write(stdout);
  });
  socket.on('close', () => {
    if (!isAnswered) fail('the connection to the daemon was lost');
  });
}

function fail(message: string): void {
  process.stderr.write(`Error: ${message}\n`);
  process.exit(1);
}
