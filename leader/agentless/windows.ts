/** Windows: PowerShell is asked what this side has to know, and then gets a program with its command line. */
import { win32 } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AwError } from '../../contract/errors.ts';
import type { HostEntry } from '../../contract/hosts.ts';
import {
  agentlessInvocation,
  answerFields,
  createLooks,
  loginOf,
  lookMessage,
  powershellLine,
  powershellMessage,
  runMessage,
  takeLooks,
} from '../../follower/adapters/agentless-powershell.ts';
import { endProgram, runProgram, UNTOUCHED } from '../../follower/adapters/agentless-powershell-program.ts';
import type { Invocation } from '../../follower/adapters/types.ts';
import type { Dialect } from './dialect.ts';

/** For one answer: a look at a PATH of network drives. Milliseconds. */
const ANSWER = 60_000;
/** A name, the program behind it, what a package manager's shim names, and the directories of these. */
const MAX_LOOKS = 16;

export function windowsDialect({ shell }: HostEntry, hello: string, frame: string): Dialect {
  const line = powershellLine(shell);
  return {
    hello,
    frame,
    line,
    opening: powershellMessage(runProgram(hello, frame)),
    greeting: `${hello} ${UNTOUCHED}\n`,
    noGreeting:
      'its login shell starts no PowerShell, or changes what is sent to it: a profile may wait, or Windows PowerShell as ' +
      'the default shell of sshd may read the input itself',
    lacks:
      'the run ends with its connection, and a cancel ends its processes at once, without asking them first',
    async begin(request, send, answer) {
      const ask = async () => answerFields(await inTime(answer()));
      const login = loginOf(await ask());
      const scratch = win32.join(login.temp, hello);
      const looks = createLooks();
      for (let round = 0; round < MAX_LOOKS; round++) {
        const invocation = settle(() => agentlessInvocation(request, login, scratch, looks));
        const question = lookMessage(looks);
        if (question === undefined)
          return send(runMessage(invocation(), login, scratch), request.stdin !== 'stream');
        send(question, false);
        takeLooks(looks, await ask());
      }
      throw new AwError('AW_PROTOCOL_GARBAGE', { reason: 'there is always one file more to look at' });
    },
    signal: ([pid, ticks]) => ({
      line,
      input: powershellMessage(endProgram(hello, Number(pid), String(BigInt(ticks ?? 0)))),
    }),
  };
}

/** What was made, or thrown, to be had once it is known to count. */
function settle(make: () => Invocation): () => Invocation {
  try {
    const made = make();
    return () => made;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

async function inTime(answer: Promise<string>): Promise<string> {
  const timer = new AbortController();
  try {
    const late = sleep(ANSWER, undefined, { signal: timer.signal, ref: false }).then(() => {
      throw new AwError('AW_HOST_UNREACHABLE', {
        reason: `PowerShell there gave no answer within ${ANSWER / 1000} s`,
      });
    });
    late.catch(() => {});
    return await Promise.race([answer, late]);
  } finally {
    timer.abort();
  }
}
