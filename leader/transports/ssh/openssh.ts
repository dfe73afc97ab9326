/** Over the system's ssh: ~/.ssh/config, agents, jump hosts and hardware keys work as they do for `ssh HOST`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { AwError } from '../../../contract/errors.ts';
import type { HostEntry } from '../../../contract/hosts.ts';
import { keepTail } from '../remote-agent.ts';
import type { TransportContext } from '../types.ts';
import { openMaster, usesLogin } from './master.ts';
import { explainSsh, withoutLostLogin } from './openssh-errors.ts';
import { spawnOptions, sshOptions } from './openssh-options.ts';
import type { OpenSsh, RemoteExit, RemoteProcess } from './types.ts';

/** Between SIGTERM and SIGKILL, and for the last of what ssh had to say. Milliseconds. */
const END = 2_000;
const LAST_WORDS = 200;
/** The exit code of ssh for every failure of its own. */
const FAILED = 255;

/** Every program is an ssh of its own, over the one login. */
export const openOpenssh: OpenSsh = async (host, context, limit) => {
  const master = await openMaster(host, host.jump, context, limit);
  const ends = new Set<() => void>();
  const start = async (...words: string[]) => {
    const { end, ...remote } = startProgram(host, context, [
      ...master.args,
      ...sshOptions(host, context),
      ...words,
    ]);
    ends.add(end);
    void remote.exited.then(() => ends.delete(end));
    return remote;
  };
  return {
    start: line => start('--', host.address!, line),
    startSubsystem: name => start('-s', '--', host.address!, name),
    close: () => {
      for (const end of ends) end();
      master.close();
    },
  };
};

function startProgram(
  host: HostEntry,
  context: TransportContext,
  args: readonly string[],
): RemoteProcess & { end(): void } {
  const child = spawn('ssh', args, { ...spawnOptions(context), stdio: ['pipe', 'pipe', 'pipe'] });
  const { stdin, stdout, stderr } = child;
  const lastOfStderr = keepTail(stderr);
  const words = () => (usesLogin(args) ? withoutLostLogin(lastOfStderr()) : lastOfStderr());
  const exited = once(child, 'exit').then(
    async ([code, signal]): Promise<RemoteExit> => {
      // Whatever else holds its stderr open must not be waited for.
      await Promise.race([
        once(stderr, 'close').catch(() => {}),
        sleep(LAST_WORDS, undefined, { ref: false }),
      ]);
      // Of a paused one the rest is still wanted.
      if (!stderr.isPaused()) stderr.destroy();
      return {
        code,
        ...(signal === null ? {} : { signal }),
        ...(code === FAILED ? { failure: explainSsh(host, words()) } : {}),
      };
    },
    (error: NodeJS.ErrnoException): RemoteExit => {
      const reason = error.code === 'ENOENT' ? 'there is no ssh program in PATH' : error.message;
      return { code: null, failure: new AwError('AW_HOST_UNREACHABLE', { reason }, { cause: error }) };
    },
  );
  const end = () => {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), END);
    void exited.then(() => clearTimeout(timer));
  };
  return { stdin, stdout, stderr, exited, end };
}
