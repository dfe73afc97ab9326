/** Adapters: from a command to what is spawned, for every OS and shell. */
import { checkArguments, checkInvocation } from './checks.ts';
import { posixInvocation } from './posix/index.ts';
import type { Adapter } from './types.ts';
import { windowsInvocation } from './windows/index.ts';

export { quoteBatch } from './batch/quote.ts';
export { quoteFish, quotePosix } from './posix/quote.ts';
export { quotePowerShell } from './powershell/index.ts';
export { type RenderStyle, renderCommand } from './render.ts';
export { quoteCrt } from './windows/crt.ts';
export { quoteMsys } from './windows/msys.ts';

export const adapt: Adapter = (spec, facts) => {
  checkArguments(spec.command, facts.os);
  const invocation = facts.os === 'windows' ? windowsInvocation(spec, facts) : posixInvocation(spec, facts);
  checkInvocation(invocation, facts.os);
  return invocation;
};
