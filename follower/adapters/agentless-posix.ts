/**
 * A command for a host without an agent: Linux and macOS. Pure.
 *
 * A login shell of unknown kind gets one line, which starts `/bin/sh`. That reads a program from standard input and nothing
 * from a command line, so that no word of a user's is read by the login shell, and no value stands where `ps` shows it.
 * The program runs the command as its child, on the same standard input, and frames its output: what start-up files print
 * stands before the first frame, and the exit code behind the last byte.
 *
 * The command has the environment of `SHELL -l -c` in a session of sshd: from the files a login reads, not from those only an
 * interactive shell reads. `PWD`, `OLDPWD`, `SHLVL` and `_` are those of `/bin/sh`, which may drop what has a name it could not
 * set. Its own name, `argv[0]`, is the absolute path that was found. A file that is executable but neither binary nor
 * begins with `#!` is run by `/bin/sh`, where an agent refuses it.
 */
import { AwError } from '../../contract/errors.ts';
import type { RunRequestInput } from '../../contract/follower-api.ts';
import type { Os, ShellName } from '../../contract/names.ts';
import { normalizeEnvironment } from '../environment/normalize.ts';
import { checkArguments, LINUX_STRING_BYTES, tooLong } from './checks.ts';
import { quotePosix } from './posix/quote.ts';
import { execArgs, isPosixShell, type PosixShell, scriptArgs } from './posix/shells.ts';

type PosixOs = Exclude<Os, 'windows'>;

/**
 * What the login shell is given. It says `hello` on standard output once a program may be sent.
 *
 * The line means the same to sh, bash, dash, zsh, mksh, ash and fish. `hello` is of letters, digits and `-`; it stays visible as
 * an argument of the process, which is found again by it.
 * @param shell whose login environment the command gets; default the user's own
 * @throws AW_AGENT_NEEDED
 */
export function agentlessLine(hello: string, shell?: ShellName): string {
  const login = shell === undefined ? '"$SHELL"' : posixShell(shell);
  return `exec ${login} -l -c 'exec /bin/sh -c "echo ${hello}; exec /bin/sh -s ${hello}"'`;
}

/**
 * The program, for the standard input of that shell. What it says stands on lines of its own, each after `frame` (letters, digits
 * and `-`, unknown to the command) and a blank:
 *
 * | words | meaning |
 * |---|---|
 * | `refused WHY DETAIL` | nothing was started: `cwd`, `missing`, `unusable` or `shell` |
 * | `started PID LEADER KIND` | what follows is the command's, on standard input too. `LEADER` has `hello` among its arguments and, if `KIND` is `group`, leads a process group |
 * | `unstarted` | the system would not start it; its reason is on standard error |
 * | `ended CODE` | how it ended, as a shell has it: 128 and the number of the signal for a death by one |
 *
 * On standard error `started` and `ended` stand at the same places.
 *
 * @throws AW_ARG_*, AW_ENV_*, AW_AGENT_NEEDED: it cannot be run there as it was meant
 */
export function agentlessProgram(request: RunRequestInput, os: PosixOs, frame: string): string {
  const { command, stdin = 'none' } = request;
  checkArguments(command, os);
  const env: Record<string, string> = {
    ...variables(request, os),
    AW_RUN_ID: request.runId,
    AW_HOST: request.host,
  };
  const cwd = quotePosix(request.cwd);
  return `{
exec 4>&2 2>/dev/null
trap __aw_cut=1 HUP INT TERM
unset ${OWN}
__aw_kind=process
kill -0 -$$ && __aw_kind=group
${FUNCTIONS.replaceAll('FRAME', frame)}
(
exec 2>&4 4>&-
cd ${cwd} || {
  [ -d ${cwd} ] && __aw_refuse cwd 'permission denied'
  [ -e ${cwd} ] && __aw_refuse cwd 'it is not a directory'
  __aw_refuse cwd 'it does not exist'
}
__aw_path=${env.PATH === undefined ? `\${PATH-'/usr/bin:/bin'}` : quotePosix(env.PATH)}
${commandWords(request).join('\n')}
__aw_pid=$(exec /bin/sh -c 'echo $PPID')
${Object.entries(env)
  .map(([name, value]) => `export ${name}=${quotePosix(value)}`)
  .join('\n')}
echo "${frame} started $__aw_pid $$ $__aw_kind"
echo "${frame} started" >&2
exec /bin/sh -c ${quotePosix(LAUNCH.replaceAll('FRAME', frame))} sh "$@"${stdin === 'stream' ? '' : ' </dev/null'}
)
__aw_code=$?
echo "${frame} ended $__aw_code"
echo "${frame} ended" >&4
[ -n "$__aw_cut" ] && [ $__aw_kind = group ] && kill -KILL 0
exit
}
`;
}

/**
 * Shell text for another login, which sends a signal to the command and to what is in its process group. It says `hello` when it has
 * found them. A command that is ended so takes the rest of its group with it.
 */
export function agentlessSignal(
  hello: string,
  { pid, leader, isGroup }: AgentlessProcess,
  signal: 'INT' | 'TERM' | 'KILL',
): string {
  const words = `$(ps -o args= -p ${leader} 2>/dev/null || tr "\\0" " " </proc/${leader}/cmdline 2>/dev/null)`;
  const target = isGroup ? -leader : pid;
  return `exec /bin/sh -c 'case "${words}" in *${hello}*) kill -${signal} ${target}; echo ${hello} ;; esac'`;
}

/** As `started` said it. */
export interface AgentlessProcess {
  pid: number;
  leader: number;
  isGroup: boolean;
}

/** Variables of the program itself. They are not exported, and gone if the login environment has them. */
const OWN = ['kind', 'cut', 'file', 'unusable', 'entry', 'path', 'target', 'script', 'pid', 'code']
  .map(name => `__aw_${name}`)
  .join(' ');

/** Programs are looked up as `adapt` does it: never in the working directory, also not through an empty entry of PATH. */
const FUNCTIONS = `__aw_refuse() {
  printf '%s\\n' "FRAME refused $1 $2"
  exit
}
__aw_try() {
  if [ -f "$1" ] && [ -x "$1" ]; then
    __aw_file=$1
    return 0
  fi
  [ -e "$1" ] && __aw_unusable=\${__aw_unusable:-$1}
  return 1
}
__aw_find() {
  __aw_file= __aw_unusable=
  case $1 in
  '') ;;
  /*) __aw_try "$1" ;;
  */*) __aw_try "\${PWD%/}/$1" ;;
  *)
    IFS=:
    set -f
    for __aw_entry in $__aw_path; do
      case $__aw_entry in
      /*) __aw_try "\${__aw_entry%/}/$1" && break ;;
      esac
    done
    set +f
    unset IFS
    ;;
  esac
  [ -n "$__aw_file" ]
}
__aw_find_program() {
  __aw_find "$1" && return
  [ -n "$__aw_unusable" ] && __aw_refuse unusable "$__aw_unusable"
  __aw_refuse missing "$__aw_path"
}
__aw_find_shell() {
  __aw_find "$1" || __aw_refuse shell "\${1##*/}"
}`;

/** A shell of its own for the last step: one that has forked says nothing more when that fails. */
const LAUNCH = `trap "echo FRAME unstarted" EXIT
command -v shopt >/dev/null && shopt -s execfail
exec "$@"
exit 126`;

/** Shell text that makes the program, looked up, and its arguments the positional parameters. */
function commandWords({ command, shell, loginShell }: RunRequestInput): string[] {
  if (command.kind === 'script') {
    const { script, args = [] } = command;
    checkScript(script);
    const words = (each: PosixShell) => scriptArgs(each, script, args).map(quotePosix).join(' ');
    const runs = shell ?? loginShell;
    if (runs !== undefined)
      return [`__aw_find_shell ${posixShell(runs)}`, `set -- "$__aw_file" ${words(posixShell(runs))}`];
    const cases = SHELLS.map(each => `${each}) set -- "$__aw_file" ${words(each)} ;;`);
    const other = '*) __aw_refuse shell "${SHELL##*/}" ;;';
    return ['__aw_find_shell "$SHELL"', 'case ${SHELL##*/} in', ...cases, other, 'esac'];
  }
  const [name = '', ...args] = command.argv;
  const found = `__aw_find_program ${quotePosix(name)}`;
  const values = args.map(quotePosix).join(' ');
  if (shell === undefined) return [found, `set -- "$__aw_file" ${values}`];
  const program = '\0';
  const words = execArgs(posixShell(shell), program, args).map(word =>
    word === program ? '"$__aw_target"' : quotePosix(word),
  );
  return [
    found,
    '__aw_target=$__aw_file',
    `__aw_find_shell ${posixShell(shell)}`,
    `set -- "$__aw_file" ${words.join(' ')}`,
  ];
}

const SHELLS: readonly PosixShell[] = ['bash', 'zsh', 'fish', 'sh', 'dash', 'mksh', 'ash'];

/** What a shell sets or changes by itself, or does not let anybody change, in one of the shells that may be `/bin/sh`. */
const OF_THE_SHELL =
  /^(?:_|IFS|SHLVL|[EP]?PID|E?UID|RANDOM|SRANDOM|SECONDS|LINENO|OPT(?:ARG|IND|ERR)|HISTCMD|GROUPS|DIRSTACK|FUNCNAME|PIPESTATUS|EPOCH\w+|SHELLOPTS|BASH(?!_ENV$)\w*|COMP_\w+|KSH\w*|PGRP|USER_ID|PATHSEP|__aw_\w+)$/;

/** Checked, and of names that a POSIX shell can export as they are. */
function variables({ env = {} }: RunRequestInput, os: PosixOs): Record<string, string> {
  const checked = normalizeEnvironment(os, {}, env);
  for (const name of Object.keys(checked)) {
    const isOwn = OF_THE_SHELL.test(name);
    if (isOwn || !/^[A-Za-z_]\w*$/.test(name))
      throw needsAgent(
        `the environment variable ${JSON.stringify(name)}`,
        isOwn ? 'a shell sets it itself' : 'a shell exports only names of letters, digits and "_"',
      );
  }
  return checked;
}

/** An agent puts a long script into a file. */
function checkScript(script: string): void {
  const length = Buffer.byteLength(script);
  if (length >= LINUX_STRING_BYTES)
    throw tooLong(
      'the script, for a host without an agent,',
      length,
      'bytes',
      'linux',
      LINUX_STRING_BYTES - 1,
    );
}

function posixShell(shell: ShellName): PosixShell {
  if (isPosixShell(shell)) return shell;
  throw needsAgent(`the shell ${shell}`, 'only POSIX shells and fish are used there without one');
}

export function needsAgent(what: string, reason: string): AwError {
  return new AwError('AW_AGENT_NEEDED', { what, reason });
}
