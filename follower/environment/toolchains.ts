/** Which build tools a run on this machine would find, for the doctor. */
import { setTimeout } from 'node:timers/promises';
import { AwError } from '../../contract/errors.ts';
import type { Finding } from '../../contract/follower-api.ts';
import type { Os, ShellName } from '../../contract/names.ts';
import { adapt } from '../adapters/index.ts';
import type { HostFacts, Invocation } from '../adapters/types.ts';
import { startProbe } from './probe.ts';

const TIMEOUT = 3000;
/** At one time: some of these take a second of CPU to say their version. */
const PARALLEL = 4;
const MAX_ANSWER = 8192;
/** For output still on its way when the tool has ended. */
const DRAIN = 200;

const EVERYWHERE: readonly (readonly string[])[] = [
  ['node', '--version'],
  ['npm', '--version'],
  ['git', '--version'],
  ['cargo', '--version'],
  ['go', 'version'],
  ['java', '-version'],
  ['dotnet', '--version'],
  ['cmake', '--version'],
];
const UNIX = [
  ['python3', '--version'],
  ['make', '--version'],
  ['cc', '--version'],
] as const;
const OWN: Record<Os, readonly (readonly string[])[]> = {
  linux: UNIX,
  macos: [...UNIX, ['xcodebuild', '-version']],
  windows: [
    ['python', '--version'],
    ['msbuild', '-version', '-nologo'],
  ],
};

/**
 * One finding for each tool: `ok` with its version and path, `info` when it is not there, `warning` when it is there and
 * does not answer in 3 s or fails. Tools are found exactly as a run would find them.
 *
 * @param facts `env` is the run's; `cwd` a directory without project files, since some tools act on those.
 */
export async function discoverToolchains(facts: HostFacts, loginShell: ShellName): Promise<Finding[]> {
  const tools = [...EVERYWHERE, ...OWN[facts.os]];
  const findings: Finding[] = [];
  const hasDeveloperTools =
    facts.os !== 'macos' ||
    (await answers({ file: '/usr/bin/xcode-select', args: ['-p'], env: facts.env, cwd: facts.cwd })).code ===
      0;
  let next = 0;
  const worker = async () => {
    while (next < tools.length) {
      const index = next++;
      findings[index] = await look(tools[index]!, facts, loginShell, hasDeveloperTools);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  return findings;
}

async function look(
  argv: readonly string[],
  facts: HostFacts,
  loginShell: ShellName,
  hasDeveloperTools: boolean,
): Promise<Finding> {
  const check = `tool ${argv[0]}`;
  let invocation: Invocation;
  try {
    invocation = adapt({ command: { kind: 'argv', argv: [...argv] }, loginShell }, facts);
  } catch (error) {
    if (!(error instanceof AwError)) throw error;
    if (error.code === 'AW_CMD_NOT_FOUND') return { check, status: 'info', detail: 'not found on PATH' };
    return { check, status: 'warning', detail: error.message, fix: error.remedy };
  }
  // Without the developer tools most of /usr/bin is a stand-in that opens a dialog.
  if (!hasDeveloperTools && invocation.file.startsWith('/usr/bin/')) {
    return {
      check,
      status: 'info',
      detail: `${invocation.file} needs the developer tools`,
      fix: 'xcode-select --install',
    };
  }
  const { code, text } = await answers(invocation);
  const path = forPeople(invocation.file);
  if (code === 'timeout')
    return { check, status: 'warning', detail: `${path} did not answer within ${TIMEOUT / 1000} s` };
  const line = firstLine(text);
  if (code === 0) return { check, status: 'ok', detail: line === '' ? path : `${line} (${path})` };
  return { check, status: 'warning', detail: `${path} failed (${code})${line === '' ? '' : `: ${line}`}` };
}

function firstLine(text: string): string {
  return forPeople(text.split(/\r?\n/).find(line => line.trim() !== '') ?? '');
}

/** Without anything that moves a cursor or hides. */
function forPeople(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Cf}]/gu, '')
    .trim()
    .slice(0, 200);
}

/** Both streams together: some tools say their version on stderr. */
async function answers(invocation: Invocation): Promise<{ code: number | string; text: string }> {
  const { file, args, env, cwd, argv0, verbatim } = invocation;
  const { child, ended } = startProbe(
    file,
    args,
    {
      env,
      cwd,
      ...(argv0 === undefined ? {} : { argv0 }),
      windowsVerbatimArguments: verbatim ?? false,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
    TIMEOUT,
  );
  const chunks: Buffer[] = [];
  let length = 0;
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.on('data', (chunk: Buffer) => {
      if (length < MAX_ANSWER) chunks.push(chunk);
      length += chunk.length;
    });
  }
  const closed = new Promise(resolve => child.once('close', resolve));
  const how = await ended;
  // A server it left behind may hold its output open for ever.
  await Promise.race([closed, setTimeout(DRAIN, undefined, { ref: false })]);
  child.stdout!.destroy();
  child.stderr!.destroy();
  const text = Buffer.concat(chunks).toString('utf8', 0, MAX_ANSWER);
  if (how === 'timeout') return { code: 'timeout', text };
  return { code: 'code' in how ? how.code : 'signal' in how ? how.signal : how.error, text };
}
