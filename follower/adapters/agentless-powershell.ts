/**
 * A command for a Windows host without an agent. Pure.
 *
 * The login shell, cmd.exe or a PowerShell, gets one constant line. It starts a PowerShell, which reads a program and requests from
 * standard input: nothing of a user's stands in a command line but what the command's own has. What is run there is what `adapt` says
 * for an agent there; what `adapt` has to know of the host, PowerShell is asked.
 *
 * The command has the environment of a login, as sshd makes it. A variable that PowerShell has set for itself, `PSModulePath`, is
 * in it.
 */
import { win32 } from 'node:path';
import { AwError, show } from '../../contract/errors.ts';
import type { RunRequestInput } from '../../contract/follower-api.ts';
import type { ShellName } from '../../contract/names.ts';
import { findShells } from '../environment/find-shells.ts';
import { loginBase } from '../environment/names.ts';
import { normalizeEnvironment } from '../environment/normalize.ts';
import { userLoginShell } from '../environment/user.ts';
import { LOADER } from './agentless-powershell-program.ts';
import { adapt } from './index.ts';
import { unsupported } from './shells.ts';
import type { HostFacts, Invocation, PathKind } from './types.ts';
import { crtLine } from './windows/crt.ts';

/**
 * `-InputFormat None`: Windows PowerShell would read standard input, and wait for its end, itself. `-OutputFormat Text`: errors are
 * no XML. A PowerShell that no policy lets call .NET says so on standard error.
 */
const SWITCHES = '-NoProfile -NonInteractive -InputFormat None -OutputFormat Text -EncodedCommand';

/**
 * What the login shell is given. It means the same to cmd.exe, PowerShell and a POSIX shell: words of letters, digits, `.`, `-`, `+`
 * and `/`.
 * @param shell PowerShell 7 where the catalogue says `pwsh`, else Windows PowerShell, which every Windows has
 */
export function powershellLine(shell?: ShellName): string {
  const program = shell === 'pwsh' ? 'pwsh.exe' : 'powershell.exe';
  // Without the `=` that base64 may end with.
  const text = LOADER.padEnd(Math.ceil(LOADER.length / 3) * 3, '\n');
  return `${program} ${SWITCHES} ${Buffer.from(text, 'utf16le').toString('base64')}`;
}

/** One message for standard input there: the program, or the fields of a request, none of which holds a NUL. */
export function powershellMessage(...fields: readonly string[]): Buffer {
  const body = Buffer.from(fields.join('\0'));
  return Buffer.concat([Buffer.from(String(body.length).padStart(10, '0')), body]);
}

/** The fields of an answer. */
export function answerFields(base64: string): string[] {
  return Buffer.from(base64, 'base64').toString().split('\0');
}

export interface WindowsLogin {
  /** Where files for one command may be put. */
  temp: string;
  env: Readonly<Record<string, string>>;
}

/** The first answer. */
export function loginOf([temp = '', ...variables]: readonly string[]): WindowsLogin {
  const env: [string, string][] = [];
  for (let at = 0; at + 1 < variables.length; at += 2) env.push([variables[at]!, variables[at + 1]!]);
  return { temp, env: Object.fromEntries(env) };
}

/** What is known of the host's files, and what has been asked for and is not. */
export interface Looks {
  paths: Map<string, PathKind>;
  texts: Map<string, string | undefined>;
  openPaths: Set<string>;
  openTexts: Set<string>;
}

export function createLooks(): Looks {
  return { paths: new Map(), texts: new Map(), openPaths: new Set(), openTexts: new Set() };
}

/** A request for what is open, or undefined when nothing is. */
export function lookMessage({ openPaths, openTexts }: Looks): Buffer | undefined {
  if (openPaths.size + openTexts.size === 0) return undefined;
  return powershellMessage('look', String(openPaths.size), ...openPaths, ...openTexts);
}

/** Takes the answer to `lookMessage`. @throws AW_PROTOCOL_GARBAGE */
export function takeLooks(looks: Looks, [kinds = '', ...texts]: readonly string[]): void {
  const { openPaths, openTexts } = looks;
  if (kinds.length !== openPaths.size || texts.length !== openTexts.size)
    throw new AwError('AW_PROTOCOL_GARBAGE', { reason: 'PowerShell there answered something else' });
  for (const [index, path] of [...openPaths].entries())
    looks.paths.set(
      path,
      kinds[index] === 'f' ? 'executable' : kinds[index] === 'd' ? 'directory' : 'missing',
    );
  for (const [index, path] of [...openTexts].entries()) {
    const text = texts[index]!;
    looks.texts.set(path, text === '-' ? undefined : Buffer.from(text, 'base64').toString());
  }
  openPaths.clear();
  openTexts.clear();
}

/**
 * What is to be run there. What it says, and what it throws, counts once `looks` has nothing open; until then it goes by guesses, to ask
 * for as much as possible at once.
 * @param scratch a directory that is made for this command alone
 * @throws AW_CWD_MISSING, AW_SHELL_UNSUPPORTED and what `adapt` and `normalizeEnvironment` throw
 */
export function agentlessInvocation(
  request: RunRequestInput,
  login: WindowsLogin,
  scratch: string,
  looks: Looks,
): Invocation {
  const { command, shell, cwd, runId, host } = request;
  const probe = (path: string, guess: PathKind = 'missing') => {
    const known = looks.paths.get(path);
    if (known === undefined) looks.openPaths.add(path);
    return known ?? guess;
  };
  const readText = (path: string) => {
    if (!looks.texts.has(path)) looks.openTexts.add(path);
    return looks.texts.get(path);
  };
  const base = loginBase(login.env);
  const env = {
    ...normalizeEnvironment('windows', base, request.env ?? {}),
    AW_RUN_ID: runId,
    AW_HOST: host,
  };
  const place = probe(cwd, 'directory');
  if (place !== 'directory') {
    const reason = place === 'missing' ? 'it does not exist in this logon session' : 'it is not a directory';
    throw new AwError('AW_CWD_MISSING', { cwd: show(cwd, 4096), reason });
  }
  const shells = findShells('windows', base, path => probe(path) === 'executable');
  const facts: HostFacts = { os: 'windows', env, cwd, shells, scratch, probe, readText };
  const loginShell =
    request.loginShell ?? userLoginShell({ os: 'windows', shells, env: base }) ?? 'powershell';
  if (shells[loginShell] === undefined)
    throw unsupported(loginShell, 'it is not installed on this host', facts);
  return adapt({ command, loginShell, ...(shell === undefined ? {} : { shell }) }, facts);
}

/** The request to run it. Of the environment only what the login does not have crosses the wire. */
export function runMessage(invocation: Invocation, login: WindowsLogin, scratch: string): Buffer {
  const { file, args, verbatim, env, cwd, files = [] } = invocation;
  const line = verbatim === true ? args.join(' ') : crtLine(args);
  const set = Object.entries(env).filter(([name, value]) => login.env[name] !== value);
  const names = new Set(Object.keys(env).map(name => name.toUpperCase()));
  const gone = Object.keys(login.env).filter(name => !names.has(name.toUpperCase()));
  return powershellMessage(
    'run',
    scratch,
    cwd,
    file,
    line,
    String(set.length),
    ...set.flat(),
    String(gone.length),
    ...gone,
    ...files.flatMap(({ name, content }) => [
      win32.join(scratch, name),
      Buffer.from(content).toString('base64'),
    ]),
  );
}
