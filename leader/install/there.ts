/** A script on the host: started by one constant line, fed on its standard input. */
import { once } from 'node:events';
import { AwError, show } from '../../contract/errors.ts';
import { InstallAnswer, type InstallRequest } from '../../contract/installation.ts';
import { keepTail, lastWords } from '../transports/remote-agent.ts';
import type { RemoteProcess, SshConnection } from '../transports/ssh/index.ts';
import { OLDEST_NODE } from './place.ts';

/** Said by the line below when a Node reads what comes next, and when there is none that could. */
const READY = 'aw-install: ready';
const NO_NODE = 'aw-install: no node';
/** Characters of what is read from there: start-up files may print before the first word of ours. */
const MAX_SAID = 128 * 1024;

/**
 * Finds the Node that a command there would find, else the one that a terminal there would; a shim of a version manager
 * stands for the program behind it. Every login shell reads the line alike: in it are no quote, backslash, exclamation
 * mark or line break but the two quotes around it.
 */
const FIND_NODE = [
  `good() { test -x "$1" && "$1" -e "process.exit(+(parseInt(process.versions.node)<${OLDEST_NODE}))" 2>/dev/null; }`,
  'n=$(node -p process.execPath </dev/null 2>/dev/null)',
  'good "$n" || n=$("$SHELL" -lic "node -p process.execPath" </dev/null 2>/dev/null | grep "^/" | tail -n 1)',
  `if good "$n"; then echo; echo "${READY}"; exec "$n" --input-type=module -; fi`,
  `echo; echo "${NO_NODE}"; uname -sm; command -v node && node --version`,
].join('; ');
const LINE = `sh -c '${FIND_NODE}'`;

/**
 * Has `script` act on a request. `race` bounds every wait.
 * @throws AW_INSTALL_NO_NODE, AW_INSTALL_UNSUPPORTED, AW_INSTALL_FAILED, and what SSH says when it breaks.
 */
export async function askThere(
  connection: SshConnection,
  script: string,
  request: InstallRequest,
  race: <T>(work: Promise<T>) => Promise<T>,
): Promise<InstallAnswer> {
  const remote = await race(connection.start(LINE));
  const { said, stderr, failure } = await race(
    converse(remote, `globalThis.awInstallRequest = ${JSON.stringify(request)};\n${script}`),
  );
  const [noise, words] = split(said, READY);
  if (words === undefined) {
    const [, found] = split(said, NO_NODE);
    if (found !== undefined) throw noNode(found);
    throw failure ?? failed('finding its Node', lastWords(stderr) || lastWords(noise) || 'it said nothing');
  }
  const answer = parseAnswer(words);
  if (answer === undefined) throw failure ?? failed(request.act, lastWords(stderr) || 'it gave no answer');
  if (answer.answer === 'failed') throw failed(answer.step, answer.reason);
  if (answer.answer === 'unsupported') {
    throw new AwError('AW_INSTALL_UNSUPPORTED', { reason: plain(answer.reason) });
  }
  return answer;
}

export function failed(step: string, reason: string, cause?: unknown): AwError {
  return new AwError('AW_INSTALL_FAILED', { step: plain(step), reason: plain(reason) }, { cause });
}

/** Nothing is sent before somebody of ours has spoken. */
async function converse(remote: RemoteProcess, input: string) {
  const { stdin, stdout, stderr, exited } = remote;
  const lastOfStderr = keepTail(stderr);
  let said = '';
  let isSent = false;
  const ended = Promise.race([once(stdout, 'end'), once(stdout, 'close')]).catch(() => {});
  stdin.on('error', () => {});
  stdout.setEncoding('utf8');
  stdout.on('data', (chunk: string) => {
    if (said.length < MAX_SAID) said += chunk;
    if (isSent || !said.includes(`\n${READY}\n`)) return;
    isSent = true;
    stdin.end(input);
  });
  const { failure } = await exited;
  await ended;
  return { said, stderr: lastOfStderr(), failure };
}

/** What was said before a line, and what after it; that is undefined when the line was never said. */
function split(said: string, line: string): [string, string | undefined] {
  const at = said.indexOf(`\n${line}\n`);
  return at < 0 ? [said, undefined] : [said.slice(0, at), said.slice(at + line.length + 2)];
}

function parseAnswer(text: string): InstallAnswer | undefined {
  try {
    return InstallAnswer.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function noNode(found: string): AwError {
  const [machine = '', path, version] = found.split('\n').map(line => plain(line.trim()));
  const what = path ? `it has ${version || 'one that says nothing'} (${path})` : 'there is none';
  return new AwError('AW_INSTALL_NO_NODE', { oldest: OLDEST_NODE, found: `${what}, on ${machine}` });
}

/** Of another machine: harmless to a terminal. */
export function plain(text: string): string {
  return show(text, 500).slice(1, -1);
}
