/** Where the ends of a session are: in this process, or behind the ssh that MUTAGEN_SSH_PATH names. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { apply, type Operation, type Outcome, type Rules, type Snapshot, scan } from './tree.ts';

export const VERSION = '0.18.1';
const AGENT = `.mutagen/agents/${VERSION}/mutagen-agent`;
const OPTIONS = ['-oConnectTimeout=5', '-oServerAliveInterval=10', '-oServerAliveCountMax=1'];

export interface Url {
  protocol: 'local' | 'ssh';
  host?: string;
  path: string;
}

/** A colon before the first slash makes it SSH's. */
export function parseUrl(text: string): Url {
  const colon = text.indexOf(':');
  const slash = text.indexOf('/');
  if (colon < 0 || (slash >= 0 && slash < colon)) return { protocol: 'local', path: text };
  return { protocol: 'ssh', host: text.slice(0, colon), path: text.slice(colon + 1) };
}

export interface End {
  scan(rules: Rules): Promise<Snapshot>;
  apply(operations: readonly Operation[]): Promise<Outcome>;
  close(): void;
}

/** @param agent the program that is copied to a host that has none */
export async function connect(url: Url, agent: string): Promise<End> {
  if (url.protocol === 'local') {
    return {
      scan: async rules => scan(url.path, rules),
      apply: async operations => apply(url.path, operations),
      close: () => {},
    };
  }
  const host = url.host!;
  try {
    return await overSsh(host, url.path);
  } catch (error) {
    if (!(error as Error).message.includes('not found')) throw error;
    await install(host, agent);
    return overSsh(host, url.path);
  }
}

function program(name: string): string {
  return process.env.MUTAGEN_SSH_PATH === undefined ? name : join(process.env.MUTAGEN_SSH_PATH, name);
}

async function install(host: string, agent: string): Promise<void> {
  const run = promisify(execFile);
  const copy = `.mutagen-agent${randomUUID()}`;
  await run(program('scp'), ['-C', ...OPTIONS, agent, `${host}:${copy}`]);
  await run(program('ssh'), [...OPTIONS, host, `./${copy} install`]);
}

/** One line asks, one answers; the first answer is the greeting. */
async function overSsh(host: string, root: string): Promise<End> {
  const child = spawn(program('ssh'), [...OPTIONS, host, `${AGENT} synchronizer --log-level=info`], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', chunk => {
    said += chunk;
  });
  child.stdin.on('error', () => {});
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`unable to connect to beta: ${await lastOf(child, () => said)}`);
    return JSON.parse(value);
  };
  const ask = (request: object) => {
    child.stdin.write(`${JSON.stringify({ root, ...request })}\n`);
    return answer();
  };
  const { version } = await answer();
  if (version !== VERSION) throw new Error(`unable to connect to beta: agent is version ${version}`);
  return {
    scan: rules => ask({ scan: rules }),
    apply: operations => ask({ apply: operations }),
    close: () => child.stdin.end(),
  };
}

async function lastOf(child: ChildProcess, said: () => string): Promise<string> {
  if (child.exitCode === null) await once(child, 'exit');
  return `remote ended with ${child.exitCode}: ${said()}`;
}
