/** What it means that nothing was started on a host without an agent. Pure. */
import { AwError, show } from '../../contract/errors.ts';
import type { HostExited } from '../../contract/events.ts';
import type { RunRequestInput } from '../../contract/follower-api.ts';
import type { Beginning } from './talk.ts';

export type Exit = Pick<HostExited, 'code' | 'reason' | 'error'>;

/** In the words an agent has for it. */
export function refusal(begun: Extract<Beginning, { kind: 'refused' }>, request: RunRequestInput): Exit {
  const { why, detail } = begun;
  const { command, cwd } = request;
  const text = show(detail, 1000);
  if (why === 'cwd') {
    const reason = detail || 'unknown';
    return spawnFailed(null, new AwError('AW_CWD_MISSING', { cwd: show(cwd, 4096), reason }));
  }
  if (why === 'shell') {
    const details = {
      shell: text,
      reason: 'it is not installed, or not one of those',
      available: KNOWN_SHELLS,
    };
    return spawnFailed(null, new AwError('AW_SHELL_UNSUPPORTED', details));
  }
  if (why === 'unusable') {
    const reason = 'it has no execute permission for this user, or is a directory';
    return spawnFailed(126, notExecutable(request, text, reason));
  }
  const name = command.kind === 'argv' ? command.argv[0]! : '';
  const searched = name.includes('/') ? show(cwd, 1000) : text;
  return spawnFailed(127, new AwError('AW_CMD_NOT_FOUND', { command: show(name), searched }));
}

const KNOWN_SHELLS = 'sh, bash, dash, zsh, mksh, ash, fish';

/** The codes are those a shell has for it. @param error why nothing was started, said by this side */
export function notBegun(error: AwError): Exit {
  if (error.code === 'AW_HOST_UNREACHABLE') return { code: null, reason: 'lost', error: error.toWire() };
  const codes: Record<string, number> = { AW_CMD_NOT_FOUND: 127, AW_CMD_NOT_EXECUTABLE: 126 };
  return spawnFailed(codes[error.code] ?? null, error);
}

export function notExecutable({ command }: RunRequestInput, file: string, reason: string): AwError {
  const name = show(command.kind === 'argv' ? command.argv[0]! : command.script);
  return new AwError('AW_CMD_NOT_EXECUTABLE', { command: name, file, reason });
}

export function spawnFailed(code: number | null, error: AwError): Exit {
  return { code, reason: 'spawn-failed', error: error.toWire() };
}
