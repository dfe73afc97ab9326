/**
 * Every error a person or a program can meet, in one place. `docs/errors.md` is checked against it both ways.
 *
 * `text` and `remedy` are templates: `{name}` is filled from the error's details, `{host}` from its host. `exit` is the CLI's exit code when
 * this error decides it (1 command failed, 2 usage or configuration, 3 fence, 4 host or agent, 124, 130).
 * `status` is the HTTP status when it crosses HTTP.
 */
export interface ErrorEntry {
  readonly exit: 1 | 2 | 3 | 4 | 124 | 130;
  readonly status: number;
  readonly text: string;
  readonly remedy: string;
}

export const errorRegistry = {
  // Arguments, environment, working directory: what an OS cannot represent is refused, never altered.
  AW_ARG_NUL: {
    exit: 2,
    status: 422,
    text: 'argument {index} ({value}) contains a NUL byte, which no operating system can pass to a program',
    remedy: 'pass the data in a file or on stdin',
  },
  AW_ARG_LONE_SURROGATE: {
    exit: 2,
    status: 422,
    text: 'argument {index} ({value}) contains a lone UTF-16 surrogate and is not valid Unicode',
    remedy: 'pass the data in a file or on stdin',
  },
  AW_ARG_NEWLINE_BATCH: {
    exit: 2,
    status: 422,
    text: 'argument {index} ({value}) cannot be passed to {file}: batch files cannot receive line breaks',
    remedy: 'install an .exe or .js entry point of the tool, or pass the data in a file or on stdin',
  },
  AW_ARG_NEWLINE_SHELL: {
    exit: 2,
    status: 422,
    text: 'argument {index} ({value}) cannot be passed to {shell}: it cannot receive line breaks',
    remedy: 'use another --shell, or none',
  },
  AW_ARG_TOO_LONG: {
    exit: 2,
    status: 422,
    text: '{what} is {length} {unit} long; {os} allows {limit}',
    remedy: 'pass the data in a file or on stdin',
  },
  AW_ENV_NAME_INVALID: {
    exit: 2,
    status: 422,
    text: 'environment variable name {name} is not valid: it must be non-empty and contain neither "=" nor NUL',
    remedy: 'rename the variable',
  },
  AW_ENV_VALUE_INVALID: {
    exit: 2,
    status: 422,
    text: 'the value of environment variable {name} contains {problem}',
    remedy: 'pass the data in a file or on stdin',
  },
  AW_ENV_CASE_CONFLICT: {
    exit: 2,
    status: 422,
    text: 'environment variables {first} and {second} are one variable on Windows',
    remedy: 'set only one of them',
  },
  AW_ENV_TOO_LONG: {
    exit: 2,
    status: 422,
    text: 'environment variable {name} is {length} characters long; {os} allows {limit}',
    remedy: 'pass the data in a file',
  },
  AW_ENV_RESERVED: {
    exit: 2,
    status: 422,
    text: 'environment variable {name} is set by the follower for every run and cannot be given',
    remedy: 'leave it out, or choose another name',
  },
  AW_CMD_NOT_FOUND: {
    exit: 1,
    status: 422,
    text: 'command {command} was not found; searched {searched}',
    remedy:
      "install it there, or fix that host's PATH: aw agent followers doctor --host {host} shows it. A shell builtin, alias or function needs -c",
  },
  AW_CMD_NOT_EXECUTABLE: {
    exit: 1,
    status: 422,
    text: 'command {command} is {file}, which cannot be executed: {reason}',
    remedy: 'chmod +x it, or run it through its interpreter',
  },
  AW_SHELL_UNSUPPORTED: {
    exit: 2,
    status: 422,
    text: 'shell {shell} cannot be used: {reason}',
    remedy: 'install it, or choose one of: {available}',
  },
  AW_CWD_MISSING: {
    exit: 2,
    status: 422,
    text: 'working directory {cwd} cannot be entered: {reason}',
    remedy: 'create or mount it there, or correct "workspace" of this host in the catalogue',
  },
  AW_CWD_UNMAPPABLE: {
    exit: 2,
    status: 422,
    text: 'directory {cwd} is outside the project {project} and has no counterpart on this host',
    remedy: 'run from inside the project, or add a rule under "paths" of this host in the catalogue',
  },
  AW_CWD_UNREPRESENTABLE: {
    exit: 2,
    status: 422,
    text: 'directory {cwd} has no counterpart on {os}: {component} is not a possible name there',
    remedy: 'rename it on the leader',
  },
  AW_CWD_CASE_AMBIGUOUS: {
    exit: 2,
    status: 422,
    text: 'directory {cwd} is ambiguous on {os}: {first} and {second} differ only in case',
    remedy: 'rename one of them on the leader',
  },
  AW_CWD_TOO_LONG: {
    exit: 2,
    status: 422,
    text: 'working directory {cwd} is {length} {unit} long; {os} allows {limit}',
    remedy: 'use a shorter workspace path on this host',
  },

  // Runs.
  AW_SPAWN_FAILED: {
    exit: 4,
    status: 500,
    text: 'could not start {file}: {reason}',
    remedy: 'aw agent followers doctor --host {host} says what is wrong there',
  },
  AW_RUN_LOST: {
    exit: 4,
    status: 500,
    text: 'the end of the run was not seen: {reason}',
    remedy: 'run it again; the log holds everything up to that moment',
  },
  AW_RUN_NOT_FOUND: {
    exit: 2,
    status: 404,
    text: 'there is no run {runId} here',
    remedy: 'aw agent runs list shows the runs',
  },
  AW_RUN_CONFLICT: {
    exit: 2,
    status: 409,
    text: 'run {runId} exists already with another request',
    remedy: 'choose another run id',
  },
  AW_RUN_TIMEOUT: {
    exit: 124,
    status: 504,
    text: 'the run took longer than {seconds} s and was ended',
    remedy: 'raise --timeout, or find out what hangs',
  },
  AW_RUN_CANCELLED: {
    exit: 130,
    status: 409,
    text: 'the run was cancelled: {reason}',
    remedy: 'run it again',
  },
  AW_LOG_LIMIT: {
    exit: 4,
    status: 507,
    text: 'the log of this run reached its limit of {limit} bytes and the run was ended',
    remedy: 'raise --log-limit, or write the output to a file',
  },
  AW_TOO_MANY_RUNS: {
    exit: 4,
    status: 429,
    text: 'this follower already has {count} runs in progress',
    remedy: 'wait, or end one: aw agent runs list, aw agent runs cancel RUN',
  },
  AW_ENV_CAPTURE_FAILED: {
    exit: 4,
    status: 500,
    text: 'the login environment of {shell} could not be read: {reason}',
    remedy: "look for output, prompts or exec in that shell's start-up files",
  },

  // Reaching a follower.
  AW_HOST_UNREACHABLE: {
    exit: 4,
    status: 502,
    text: 'cannot reach the follower: {reason}',
    remedy: 'aw agent followers doctor --host {host} checks each step',
  },
  AW_LEADER_UNUSABLE: {
    exit: 4,
    status: 502,
    text: 'the resident leader cannot be used: {reason}',
    remedy: 'aw agent fleet down ends it; its log is {log}',
  },
  AW_LEADER_LOST: {
    exit: 4,
    status: 502,
    text: 'the resident leader (process {pid}) is gone and no other took over: {reason}',
    remedy: 'where the run has started it goes on: aw agent runs attach {runId} shows it',
  },
  AW_AGENT_START_FAILED: {
    exit: 4,
    status: 502,
    text: 'the follower agent did not start: {reason}',
    remedy: 'its log is {log}',
  },
  AW_AGENT_MISSING: {
    exit: 4,
    status: 502,
    text: 'there is no {program} on the follower: {reason}',
    remedy:
      'aw agent followers install --host {host} puts it there, as does --auto-install with the command; --agentless does without it; or give its path as "agent" of {host} in the catalogue',
  },
  AW_AGENT_NEEDED: {
    exit: 2,
    status: 501,
    text: '{what} needs an agent on the host: {reason}',
    remedy:
      'install aw-follower there, and leave "agentless" of {host} and --agentless out; or do without it (the fence: --no-fence)',
  },
  AW_AGENT_BUSY: {
    exit: 4,
    status: 409,
    text: 'the agent has runs in progress: {runs}',
    remedy: 'wait until they have ended, or end them with --force',
  },
  AW_INSTALL_NO_NODE: {
    exit: 4,
    status: 502,
    text: 'the agent needs Node {oldest} or newer on the follower: {found}',
    remedy: 'install one there, so that a login shell finds it (node --version), and try again',
  },
  AW_INSTALL_UNSUPPORTED: {
    exit: 4,
    status: 501,
    text: 'the agent cannot be installed from here: {reason}',
    remedy: 'put aw-follower there by hand, and give its path as "agent" of {host} in the catalogue',
  },
  AW_INSTALL_DIGEST: {
    exit: 4,
    status: 502,
    text: 'the agent that arrived is not the one that was sent: its SHA-256 is {actual}, not {expected}',
    remedy: 'try again; when it happens again, something on the way changes files, or the disk there does',
  },
  AW_INSTALL_FAILED: {
    exit: 4,
    status: 502,
    text: 'the agent could not be installed ({step}): {reason}',
    remedy: 'put that right, then aw agent followers install --host {host}',
  },
  AW_AGENT_STOPPED: {
    exit: 4,
    status: 503,
    text: 'no agent runs on the follower',
    remedy: 'run something there: it starts when it is needed',
  },
  AW_SSH_HOST_KEY_UNKNOWN: {
    exit: 4,
    status: 502,
    text: 'the host key of {address} is not known: {reason}',
    remedy:
      'compare its fingerprint with what its owner says, then give it as "hostKey" of {host} in the catalogue, or connect once with --accept-new-host-keys',
  },
  AW_SSH_HOST_KEY_CHANGED: {
    exit: 4,
    status: 502,
    text: 'the host key of {address} is not the one on record: {reason}',
    remedy: 'somebody may be listening in between. If its owner says the key was replaced: {fix}',
  },
  AW_SSH_HOST_KEY_REVOKED: {
    exit: 4,
    status: 502,
    text: 'the host key of {address} is revoked: {reason}',
    remedy: 'do not connect; the host needs a new key, and whoever marked this one as revoked knows why',
  },
  AW_SSH_AUTH_REFUSED: {
    exit: 4,
    status: 502,
    text: '{user}@{address} refused the login: {reason}',
    remedy:
      'put your public key into ~/.ssh/authorized_keys of {user} there (ssh-copy-id), load it with ssh-add, or name it as "identityFile" of {host} in the catalogue; passwords are never used',
  },
  AW_PROTOCOL_MISMATCH: {
    exit: 4,
    status: 426,
    text: 'the follower speaks protocol {theirs} (version {version}), this leader {ours}',
    remedy: 'install the same version on both',
  },
  AW_PROTOCOL_GARBAGE: {
    exit: 4,
    status: 502,
    text: 'the follower sent something that is not its protocol: {reason}',
    remedy: 'check what really listens at that address; login scripts must print nothing',
  },
  AW_FRAME_TOO_LARGE: {
    exit: 4,
    status: 413,
    text: '{what} is larger than {limit} bytes',
    remedy: 'pass large data in a file or on stdin',
  },
  AW_UNAUTHORIZED: {
    exit: 4,
    status: 401,
    text: 'the token was refused',
    remedy: 'give the right token (tokenFile in the catalogue, AW_TOKEN_FILE for the service)',
  },
  AW_TOKEN_FILE: {
    exit: 2,
    status: 422,
    text: 'token file {path} cannot be used: {reason}',
    remedy: 'make it a file that holds the token alone and that only you can read (chmod 600)',
  },
  AW_FORBIDDEN: {
    exit: 4,
    status: 403,
    text: '{what} is not allowed with this token',
    remedy: 'use a token of the session and host it is meant for',
  },
  AW_HOST_OS_MISMATCH: {
    exit: 4,
    status: 409,
    text: 'the catalogue says {expected}, the machine is {actual}',
    remedy: 'correct "os" of this host in the catalogue',
  },

  // Catalogue, selectors, usage.
  AW_USAGE: {
    exit: 2,
    status: 400,
    text: '{problem}',
    remedy: 'see {command} --help',
  },
  AW_CATALOG_MISSING: {
    exit: 2,
    status: 404,
    text: 'no host catalogue: {path} does not exist',
    remedy:
      'create it ({"hosts":[{"name":"a","os":"linux","transport":"local","workspace":"/some/dir"}]}) or name one with --hosts FILE',
  },
  AW_CATALOG_INVALID: {
    exit: 2,
    status: 422,
    text: 'the host catalogue {path} is not valid: {problem}',
    remedy: 'correct the file; docs/catalogue.md has every field',
  },
  AW_SELECTOR_NO_MATCH: {
    exit: 2,
    status: 404,
    text: 'no follower matches {selector}',
    remedy: 'known: {known}',
  },
  AW_SELECTOR_INVALID: {
    exit: 2,
    status: 400,
    text: 'selector {selector} is not valid: {problem}',
    remedy: 'names, globs (lin-*), ranges (lin-[01-12]), !name; tags: key=value, key!=value',
  },
  AW_TRANSPORT_UNSUPPORTED: {
    exit: 2,
    status: 501,
    text: 'transport {transport} is not available in this version',
    remedy: 'use one of: {available}',
  },

  // Trees and fences.
  AW_IGNORE_PATTERN: {
    exit: 2,
    status: 422,
    text: '{pattern} is no ignore pattern',
    remedy: 'correct it in .agents/mutagen.yml; an empty pattern and "/" match nothing that could be ignored',
  },
  AW_TREE_ROOT: {
    exit: 3,
    status: 422,
    text: '{path} cannot be the root of a tree: {reason}',
    remedy: 'make the directory, or correct "workspace" of {host} in the catalogue',
  },
  AW_TREE_PATH: {
    exit: 3,
    status: 422,
    text: 'the path {path} is refused: {reason}',
    remedy: 'rename it on the leader, or ignore it in .agents/mutagen.yml',
  },
  AW_TREE_LOCKED: {
    exit: 3,
    status: 409,
    text: '{path} is being made equal to the tree of {holder}',
    remedy: 'wait for that to end, or give this leader a workspace of its own',
  },
  AW_TREE_BUSY: {
    exit: 3,
    status: 409,
    text: '{path} would have to change under run {runId}, which works in it',
    remedy: 'wait for that run, or end it: aw agent runs cancel {runId}',
  },
  AW_TREE_STRANGE: {
    exit: 3,
    status: 409,
    text: '{path} holds what no fence has put there, and what the leader does not have, or has otherwise: {example}{more}',
    remedy:
      'if all that may go: aw agent followers sync-fence --host {host} --adopt; else correct "workspace"',
  },
  AW_TREE_OVERLAP: {
    exit: 3,
    status: 409,
    text: '{path} of the follower and {project} of the leader lie one within the other on the same machine',
    remedy: 'give {host} a workspace outside of the project',
  },
  AW_TREE_EMPTY: {
    exit: 3,
    status: 409,
    text: 'the project has nothing in it, and the fence would empty {path}',
    remedy: 'look whether {project} is the right directory; --allow-empty says that it is',
  },
  AW_TREE_DRIFTED: {
    exit: 3,
    status: 409,
    text: '{path} is no longer as the fence left it{what}',
    remedy: 'find out what writes there; aw agent followers sync-fence --host {host} makes it equal again',
  },
  AW_TREE_LINE_ENDINGS: {
    exit: 3,
    status: 409,
    text: 'in {path} line endings have been rewritten, and nothing else: {files}',
    remedy:
      'it is a git (core.autocrlf, .gitattributes) or an editor on {host}: keep it out of there; aw agent followers sync-fence --host {host} makes the files equal again',
  },
  AW_TREE_OCCUPIED: {
    exit: 3,
    status: 409,
    text: 'the leader has a file or a link at {path}, and the follower a directory that holds what is ignored',
    remedy: 'move away or remove {path} in the workspace of {host}; a fence takes nothing that is ignored',
  },
  AW_FENCE_NOT_FOUND: {
    exit: 3,
    status: 404,
    text: 'there is no fence {fenceId} here',
    remedy: 'run the command again',
  },
  AW_FENCE_TIMEOUT: {
    exit: 3,
    status: 504,
    text: 'not consistent within {seconds} s: {phase}',
    remedy:
      'give it longer with --fence-timeout, or look at the link: aw agent followers doctor --host {host}',
  },
  AW_FENCE_EXCLUDED: {
    exit: 3,
    status: 422,
    text: "its file system cannot hold {count} of the leader's paths: {examples}",
    remedy:
      'aw agent followers check shows all of them and what to rename; --portability exclude runs without them',
  },
  AW_FENCE_INCOMPLETE: {
    exit: 3,
    status: 409,
    text: 'it does not become equal to the leader: {problem}',
    remedy: 'aw agent followers doctor --host {host}; another program may be changing the files there',
  },
  AW_MUTAGEN_MISSING: {
    exit: 3,
    status: 500,
    text: 'there is no mutagen program in PATH',
    remedy: 'install Mutagen on this machine, or do without it: --engine embedded',
  },
  AW_MUTAGEN_VERSION: {
    exit: 3,
    status: 500,
    text: 'the mutagen program and its daemon are of different versions: {reason}',
    remedy: 'leave one mutagen in PATH and run the command again, or do without it: --engine embedded',
  },
  AW_MUTAGEN_DAEMON: {
    exit: 3,
    status: 500,
    text: "mutagen's daemon does not stay up: {reason}",
    remedy: 'see whether mutagen daemon run works by itself, or do without it: --engine embedded',
  },
  AW_MUTAGEN_UNREACHABLE: {
    exit: 4,
    status: 502,
    text: 'mutagen does not get there: {reason}',
    remedy: 'aw agent followers doctor --host {host}; --engine embedded needs no way of its own',
  },
  AW_MUTAGEN_TIMEOUT: {
    exit: 3,
    status: 504,
    text: 'mutagen {call} did not end within {seconds} s',
    remedy: 'give it longer with --timeout, or let the fence do it: --heal, --engine embedded',
  },
  AW_MUTAGEN_FAILED: {
    exit: 3,
    status: 502,
    text: 'mutagen {call} failed: {reason}',
    remedy: 'if it fails again, let the fence do it: --heal, or --engine embedded',
  },
  AW_MUTAGEN_HALTED: {
    exit: 3,
    status: 409,
    text: 'mutagen has halted its session, and again a new one: {status}',
    remedy: "look at both ends' files; --heal or --engine embedded makes {host} equal without mutagen",
  },
  AW_MUTAGEN_CONFLICT: {
    exit: 3,
    status: 409,
    text: 'mutagen leaves {count} conflicts: {examples}',
    remedy: '--heal or --engine embedded makes {host} equal; what is ignored stays there',
  },
  AW_MUTAGEN_PROBLEMS: {
    exit: 3,
    status: 409,
    text: 'mutagen could not read or write {count} paths: {examples}',
    remedy: 'mend those, or make {host} equal without mutagen: --heal, --engine embedded',
  },
  AW_FENCE_ELSEWHERE: {
    exit: 3,
    status: 409,
    text: 'nothing was run, because other hosts did not become equal to the leader: {hosts}',
    remedy: 'mend those, or run without them: --on-laggard exclude',
  },
  AW_FETCH_DEST: {
    exit: 2,
    status: 422,
    text: '{path} cannot take what is fetched: {reason}',
    remedy: 'give --dest a directory outside of the project, or one that .agents/mutagen.yml ignores',
  },
  AW_FETCH_NOTHING: {
    exit: 1,
    status: 404,
    text: 'no file there matches {globs}',
    remedy:
      'aw agent run-everywhere --no-fence --host {host} -- ls shows what there is; patterns are quoted for this shell',
  },
  AW_FETCH_INCOMPLETE: {
    exit: 4,
    status: 502,
    text: '{count} files were not fetched: {examples}',
    remedy: 'mend that and fetch again; links are not followed, and --max-bytes takes more',
  },
  AW_LEADER_UNSTABLE: {
    exit: 3,
    status: 409,
    text: 'the project changes while it is read: {path}',
    remedy: 'wait until nothing writes to it, or ignore what is always being written in .agents/mutagen.yml',
  },
  AW_LEADER_UNREADABLE: {
    exit: 3,
    status: 422,
    text: '{count} paths of the project cannot be told to a follower: {examples}',
    remedy:
      'rename, remove or ignore them in .agents/mutagen.yml; aw agent followers check shows all of them',
  },

  // Snapshots.
  AW_SNAPSHOT_UNSUITABLE: {
    exit: 2,
    status: 422,
    text: 'no {provider} snapshot can be made of {project}: {reason}',
    remedy: 'use one that works there: {others}',
  },
  AW_SNAPSHOT_FAILED: {
    exit: 3,
    status: 500,
    text: 'the {provider} snapshot failed: {reason}',
    remedy: 'put that right, or use another provider',
  },
  AW_SNAPSHOT_NOT_FOUND: {
    exit: 2,
    status: 404,
    text: 'there is no snapshot {id} here',
    remedy: 'aw agent snapshot list shows the snapshots',
  },
  AW_SNAPSHOT_IN_USE: {
    exit: 3,
    status: 409,
    text: 'snapshot {id} is in use by process {pid}',
    remedy: 'wait until its fence has ended',
  },

  // The service.
  AW_SERVICE_UNREACHABLE: {
    exit: 4,
    status: 502,
    text: 'cannot reach the service {url}: {reason}',
    remedy: 'start one with aw serve, or correct --service / AW_SERVICE',
  },
  AW_SERVICE_REJECTED: {
    exit: 4,
    status: 502,
    text: 'the service answered {status}: {reason}',
    remedy: 'aw session list shows whether the session exists',
  },
  AW_SESSION_NOT_FOUND: {
    exit: 2,
    status: 404,
    text: 'there is no session {sessionId}',
    remedy: 'aw session list shows the sessions; aw session create makes one',
  },
  AW_SESSION_CONFLICT: {
    exit: 2,
    status: 409,
    text: 'session {sessionId} exists already with another title',
    remedy: 'choose another session id, or leave it out to get a new one',
  },
  AW_DATABASE_UNUSABLE: {
    exit: 2,
    status: 409,
    text: 'the database {path} cannot be used: {reason}',
    remedy: 'end what else uses it, or name another file with --db',
  },
  AW_ORIGIN_REFUSED: {
    exit: 2,
    status: 403,
    text: 'requests {what} are refused, because a web page of another site could have made them',
    remedy: 'address the service as 127.0.0.1 or localhost',
  },
  AW_INVALID_REQUEST: {
    exit: 2,
    status: 400,
    text: 'the request is not valid: {problem}',
    remedy: 'the errors map names each field',
  },
  AW_NOT_FOUND: {
    exit: 2,
    status: 404,
    text: 'there is nothing at {path}',
    remedy: 'check the address',
  },
  AW_ADDRESS_REFUSED: {
    exit: 2,
    status: 400,
    text: 'will not listen on {address} without authentication',
    remedy: 'listen on 127.0.0.1, or give a token file',
  },
  AW_ADDRESS_IN_USE: {
    exit: 2,
    status: 409,
    text: '{address} is in use',
    remedy: 'stop what listens there, or choose another address',
  },
  AW_DISK: {
    exit: 4,
    status: 507,
    text: 'cannot write {path}: {reason}',
    remedy: 'free some space or fix the permissions, then run again',
  },
  AW_INTERNAL: {
    exit: 4,
    status: 500,
    text: 'an unexpected error: {reason}',
    remedy: 'run again with --debug and report what it prints',
  },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof errorRegistry;
