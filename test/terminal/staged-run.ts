/**
 * A run of 50 hosts that are not there, shown by the real CLI code in the terminal this program is started in. It goes
 * on by one scene with each SIGUSR2, and asks a question with each SIGUSR1. Its process id goes to the file named by its
 * argument.
 */
import { writeFileSync } from 'node:fs';
import { fakeRun } from '../../cli/run/fake-run.ts';
import { followRun } from '../../cli/run/follow-run.ts';
import { watchInterrupts } from '../../cli/run/interrupts.ts';
import { createIo } from '../../cli/terminal/io.ts';
import type { HostExited } from '../../contract/events.ts';

const names = Array.from({ length: 50 }, (_, index) => `lin-${String(index + 1).padStart(2, '0')}`);
const base = { ts: '2026-01-02T03:04:05.678Z', origin: 'follower', epoch: 'e1', runId: 'r1' } as const;
const run = fakeRun(names);
const says = (host: string, message: string) =>
  run.emit({ type: 'hostLog', ...base, host, stream: 'stdout', message });
const ends = (host: string, ending: Partial<HostExited>) =>
  run.emit({ type: 'hostExited', ...base, host, code: 0, reason: 'exited', durationMs: 1200, ...ending });

const scenes = [
  () => {
    for (const host of names) run.emit({ type: 'hostStarted', ...base, host, pid: 100 });
    for (const host of names.slice(0, 40)) says(host, `${'wide 下载 '.repeat(20)}\x1b[2J\x1b[31mred\n`);
  },
  () => {
    run.emit({ type: 'connect.path.degraded', ...base, host: 'lin-09', method: 'ssh' });
    says('lin-50', 'Error: no space left on device\n');
    ends('lin-50', { code: 3 });
    for (const host of names.slice(0, 8)) ends(host, {});
  },
  () => {
    for (const host of names.slice(8, 49)) ends(host, {});
    run.end(1);
  },
];

const io = createIo();
const interrupts = watchInterrupts();
process.on('SIGUSR2', () => scenes.shift()?.());
process.on('SIGUSR1', async () => {
  const answer = await io.questions.ask('Passphrase for /k: ');
  run.emit({ type: 'note', ts: base.ts, origin: 'leader', message: `${answer?.length} keys were typed` });
});
const done = followRun({
  run,
  output: { output: 'auto', group: true },
  interrupts,
  onInterrupt: 'cancel',
  graceMs: 5000,
  io,
});
scenes.shift()!();
writeFileSync(process.argv[2]!, String(process.pid));
process.exitCode = await done;
interrupts.dispose();
