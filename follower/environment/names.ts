/** Which environment variables belong to whom. Names are compared in upper case: Windows does not tell case apart. */
import type { ShellName } from '../../contract/names.ts';

/** Set by the follower for every run: the processes of a run are found by them. */
const RESERVED = new Set(['AW_RUN_ID', 'AW_HOST']);

/** Of this machine's user manager: true for every process of the user, whatever a start-up file says. */
const USER_MANAGER = new Set(['XDG_RUNTIME_DIR', 'DBUS_SESSION_BUS_ADDRESS']);

/** What one shell, terminal or connection says about itself. A credential is no session. */
const SESSION =
  /^(?:PWD|OLDPWD|SHLVL|_|SSH_.*|TERM.*|COLUMNS|LINES|STY|TMUX.*|WINDOWID|BASH_FUNC_.*|.*_SESSION(?!_TOKEN$).*)$/;

/** What changes how shells start and look things up, and what a process is told by the Node, npm or git that started it. */
const PARENT =
  /^(?:BASH_ENV|ENV|SHELLOPTS|BASHOPTS|BASH_XTRACEFD|PROMPT_COMMAND|PS4|IFS|CDPATH|GLOBIGNORE|NODE_OPTIONS|NODE_CHANNEL_.*|NODE_UNIQUE_ID|GIT_DIR|GIT_WORK_TREE|GIT_INDEX_FILE|GIT_PREFIX)$/;

/** What makes loaders and interpreters load or run something. A machine may have its own. */
const INJECTION =
  /^(?:LD_.*|DYLD_.*|PYTHONSTARTUP|PYTHONHOME|PYTHONINSPECT|PERL5OPT|PERL5DB|RUBYOPT|JAVA_TOOL_OPTIONS|_JAVA_OPTIONS|JDK_JAVA_OPTIONS)$/;

/** Of one machine or user: the other side has its own. */
const IDENTITY =
  /^(?:PATH|HOME|USER|USERNAME|USERPROFILE|LOGNAME|SHELL|HOSTNAME|TMPDIR|TMP|TEMP|PATHEXT|COMSPEC|SYSTEMROOT|XDG_RUNTIME_DIR)$/;

/** Only the follower itself sets these. */
export function isReserved(name: string): boolean {
  return RESERVED.has(name.toUpperCase());
}

/**
 * True for what a leader must never pass on from its own environment. A variable the user gives by value (`--env K=V`) is another
 * matter: it is passed on whatever its name, except the two the follower sets itself (`AW_ENV_RESERVED`).
 */
export function isNeverForwarded(name: string): boolean {
  const upper = name.toUpperCase();
  return isOfAgent(name) || INJECTION.test(upper) || IDENTITY.test(upper);
}

/** The agent's own environment as a login can start from it. */
export function loginBase(agentEnv: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const kept = Object.entries(agentEnv).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && (USER_MANAGER.has(entry[0]) || !isOfAgent(entry[0])),
  );
  return Object.fromEntries(kept);
}

/**
 * True for what start-up files may not pass on to a run. `SSH_AUTH_SOCK` is theirs to set: a login has none to begin with, so it is
 * no left-over of a connection but an agent they know of.
 */
export function isDroppedFromLogin(name: string): boolean {
  return name !== 'SSH_AUTH_SOCK' && (SESSION.test(name.toUpperCase()) || USER_MANAGER.has(name));
}

/** What a shell that hands on only identifiers loses: dash and mksh drop `a.b` and `ProgramFiles(x86)`. */
export function namesLostBy(shell: ShellName, env: Readonly<Record<string, string>>): string[] {
  return IDENTIFIERS_ONLY.has(shell) ? Object.keys(env).filter(name => !/^[A-Za-z_]\w*$/.test(name)) : [];
}

const IDENTIFIERS_ONLY: ReadonlySet<ShellName> = new Set<ShellName>(['sh', 'dash', 'ash', 'mksh']);

/** Of one process and what started it. Windows keeps the current directories of drives in names that begin with `=`. */
function isOfAgent(name: string): boolean {
  const upper = name.toUpperCase();
  return (
    upper.startsWith('AW_') ||
    name.startsWith('=') ||
    SESSION.test(upper) ||
    PARENT.test(upper) ||
    name.startsWith('npm_')
  );
}
