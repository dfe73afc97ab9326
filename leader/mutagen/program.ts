/** Calls of the `mutagen` program. Each has an end, and its failure a code. */
import { type ExecFileException, execFile } from 'node:child_process';
import { AwError } from '../../contract/errors.ts';
import { lastWords } from '../transports/remote-agent.ts';

/** Milliseconds for what only asks the daemon. */
const ANSWER = 30_000;
/** Bytes of an answer. */
const LONGEST = 16 * 1024 * 1024;

export interface Mutagen {
  /** Its own, and what the program keeps. */
  directory: string;
  env: NodeJS.ProcessEnv;
  /** Nothing is to be done any more. */
  signal: AbortSignal;
  /**
   * What it printed, once it has ended with 0.
   * @throws AW_MUTAGEN_MISSING, AW_MUTAGEN_VERSION, AW_MUTAGEN_TIMEOUT, AW_MUTAGEN_FAILED
   */
  run(args: readonly string[], timeoutMs?: number): Promise<string>;
}

/**
 * @param env of whoever asks; nothing in it can lead to another daemon
 * @param signal ends whatever is under way
 */
export function mutagenIn(
  directory: string,
  sshPath: string,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Mutagen {
  const own = {
    ...Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('MUTAGEN_'))),
    MUTAGEN_DATA_DIRECTORY: directory,
    MUTAGEN_SSH_PATH: sshPath,
    MUTAGEN_DISABLE_AUTOSTART: '1',
  };
  return {
    directory,
    env: own,
    signal,
    run: (args, timeoutMs = ANSWER) =>
      new Promise((fulfil, reject) => {
        const options = {
          cwd: directory,
          env: own,
          signal,
          timeout: timeoutMs,
          killSignal: 'SIGKILL',
          maxBuffer: LONGEST,
          windowsHide: true,
        } as const;
        const child = execFile('mutagen', args, options, (error, stdout, stderr) => {
          if (error === null) fulfil(stdout);
          else reject(explain(args, error, stderr, timeoutMs));
        });
        child.stdin?.end();
      }),
  };
}

function explain(
  args: readonly string[],
  error: ExecFileException,
  stderr: string,
  timeoutMs: number,
): AwError {
  const call = args.slice(0, 2).join(' ');
  if (error.code === 'ENOENT') return new AwError('AW_MUTAGEN_MISSING', {}, { cause: error });
  if (/version mismatch/i.test(stderr)) {
    return new AwError('AW_MUTAGEN_VERSION', { reason: lastWords(stderr) }, { cause: error });
  }
  // Neither an end of its own nor one that was asked for.
  if (error.killed && error.name !== 'AbortError' && typeof error.code !== 'string') {
    return new AwError('AW_MUTAGEN_TIMEOUT', { call, seconds: timeoutMs / 1000 }, { cause: error });
  }
  const reason =
    lastWords(stderr) || (typeof error.code === 'number' ? `exit code ${error.code}` : error.message);
  return new AwError('AW_MUTAGEN_FAILED', { call, reason }, { cause: error });
}
