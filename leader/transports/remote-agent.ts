/** An agent behind a login shell: what is asked of it, what its end means, and the stream to it. */
import { Duplex, type Readable, type Writable } from 'node:stream';
import { AwError, show } from '../../contract/errors.ts';
import type { HostEntry } from '../../contract/hosts.ts';
import { PLACE, PROGRAM } from '../install/place.ts';
import { awaitGreeting } from './greeting.ts';
import type { Limit } from './limit.ts';

/** Bytes of what a remote program said last. */
const TAIL = 4096;
/** Milliseconds that a program which has closed its output may take to end. */
const ENDING = 500;

/**
 * The whole of what a login shell gets to interpret: words that every shell reads alike, and nothing of a user's. An agent
 * that a leader has installed comes before one in PATH.
 */
export function agentCommand(host: HostEntry, start: boolean): string {
  const words = `dial-stdio${start ? '' : ' --no-start'}`;
  if (host.agent !== undefined) return `${host.agent} ${words}`;
  if (host.os === 'windows') return `${PROGRAM} ${words}`;
  return `sh -c 'PATH=$HOME/${PLACE}/current:$PATH; exec ${PROGRAM} ${words}'`;
}

/** A program at the other end, by whatever way. */
export interface RemoteProgram {
  output: Readable;
  input: Writable;
  /** Resolves, always, with what its end means. */
  ended: Promise<AwError>;
  /** Lets go of everything that belongs to it. Then `ended` resolves soon. */
  end(): void;
}

/**
 * Resolves with the stream once the agent has spoken; whoever destroys the stream ends the program.
 * @throws what the program's end means, AW_PROTOCOL_GARBAGE, or what `limit` says.
 */
export async function reachAgent(remote: RemoteProgram, limit: Limit): Promise<Duplex> {
  const greeting = awaitGreeting(remote.output);
  limit.waitFor(() => {
    const noise = greeting.noise();
    return `the agent says nothing${noise === '' ? '' : `; something else printed ${noise}`}`;
  });
  try {
    if ((await limit.race(greeting.heard)) === 'agent') return programStream(remote);
    throw await limit.race(remote.ended);
  } catch (error) {
    remote.end();
    throw error;
  }
}

/** Ends in an error that says why, so that a link which broke is told from an agent that hung up. */
function programStream({ output, input, ended, end }: RemoteProgram): Duplex {
  let timer: NodeJS.Timeout | undefined;
  // It is ending by itself, and what it says at its end is wanted; but not waited for without limit.
  const reason = () => {
    timer ??= setTimeout(end, ENDING).unref();
    return ended;
  };
  const written = (callback: (error?: Error | null) => void) => (error?: Error | null) =>
    error ? void reason().then(callback) : callback();
  const stream = new Duplex({
    read: () => void output.resume(),
    write: (chunk, _encoding, callback) => void input.write(chunk, written(callback)),
    // One packet for what was written together.
    writev: (chunks, callback) =>
      void input.write(Buffer.concat(chunks.map(({ chunk }) => chunk as Buffer)), written(callback)),
    final: callback => void input.end(callback),
    // Closed is what has left nothing behind.
    destroy: (error, callback) => {
      clearTimeout(timer);
      end();
      void ended.then(() => callback(error));
    },
  });
  output.on('data', chunk => {
    if (!stream.push(chunk)) output.pause();
  });
  const over = () => void reason().then(error => stream.destroy(error));
  output.once('end', over);
  output.once('close', over);
  output.on('error', over);
  input.on('error', over);
  void ended.then(error => stream.destroy(error));
  return stream;
}

/** Keeps the last of what a remote program says, for the reason of an error. */
export function keepTail(stream: Readable): () => string {
  let tail = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => {
    tail = Buffer.concat([tail, chunk]).subarray(-TAIL);
  });
  stream.on('error', () => {});
  return () => tail.toString();
}

/** The last lines, on one, harmless to a terminal. */
export function lastWords(text: string): string {
  const lines = text.split('\n').map(line => line.trim());
  return show(
    lines
      .filter(line => /[A-Za-z0-9]/.test(line))
      .slice(-3)
      .join('; '),
    500,
  ).slice(1, -1);
}

export interface RemoteEnd {
  code: number | null;
  signal?: string | undefined;
  stderr: string;
}

/** What it means that the remote command has ended. */
export function explainEnd(host: HostEntry, { code, signal, stderr }: RemoteEnd): AwError {
  const words = lastWords(stderr);
  const [, agentCode, message, remedy] = /^aw-follower: (AW_\w+): (.*); (.*)$/m.exec(stderr) ?? [];
  if (agentCode === 'AW_AGENT_STOPPED') return new AwError('AW_AGENT_STOPPED', {});
  if (message !== undefined) return startFailed(show(message, 500).slice(1, -1), remedy);
  const isMissing = code === 127 || code === 126;
  if (isMissing || (code === 1 && /not found|not recognized|no such file/i.test(stderr))) {
    const program = host.agent ?? 'aw-follower';
    return new AwError('AW_AGENT_MISSING', { program, reason: words || `exit code ${code}` });
  }
  const how = signal === undefined ? `ended with exit code ${code ?? 'unknown'}` : `was ended by ${signal}`;
  if (code === 0 || signal !== undefined) {
    const said = words === '' ? '' : `: ${words}`;
    return new AwError('AW_HOST_UNREACHABLE', { reason: `the way to the agent ${how}${said}` });
  }
  return startFailed(`${words || 'it said nothing'} (its command ${how})`);
}

function startFailed(reason: string, remedy = ''): AwError {
  const log = /its log is (.+)$/.exec(remedy)?.[1];
  const prefix = 'the follower agent did not start: ';
  return new AwError('AW_AGENT_START_FAILED', {
    reason: reason.startsWith(prefix) ? reason.slice(prefix.length) : reason,
    log: log === undefined ? 'agent.log in its state directory' : show(log, 4096).slice(1, -1),
  });
}
