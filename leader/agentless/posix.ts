/** Linux and macOS: `/bin/sh` gets one program that does it all. */
import type { HostEntry } from '../../contract/hosts.ts';
import { agentlessLine, agentlessProgram, agentlessSignal } from '../../follower/adapters/agentless-posix.ts';
import type { Dialect } from './dialect.ts';

/** @throws AW_AGENT_NEEDED for a shell that is none of a POSIX system */
export function posixDialect({ os, shell }: HostEntry, hello: string, frame: string): Dialect {
  return {
    hello,
    frame,
    line: agentlessLine(hello, shell),
    opening: '',
    greeting: `${hello}\n`,
    noGreeting: 'its login shell runs no command: a start-up file may wait or start another shell',
    lacks:
      'the run ends with its connection, a cancel reaches only the process group of the command, and a death by signal ' +
      'shows as exit code 128 and its number',
    // The program sees to a command without input itself: the end of this one would end the shell.
    begin: async (request, send) =>
      send(agentlessProgram(request, os === 'macos' ? 'macos' : 'linux', frame), false),
    signal: ([pid, leader, kind], step) => ({
      line: agentlessSignal(
        hello,
        { pid: Number(pid), leader: Number(leader), isGroup: kind === 'group' },
        step,
      ),
      input: '',
    }),
  };
}
