/** Shows a run to its end: events to the renderer, signals to the run, the verdict to the exit code. */
import type { LedRun } from '../../leader/orders/types.ts';
import type { OutputOptions } from '../options/output.ts';
import type { Outputs } from '../render/outputs.ts';
import type { Renderer } from '../render/renderer.ts';
import { createRunView } from '../render/run-view.ts';
import { cancelLines, hostsWord } from '../render/summary.ts';
import { EXIT_READER_GONE, type Io } from '../terminal/io.ts';
import type { Interrupts } from './interrupts.ts';
import { chooseMode, createRenderer } from './output-mode.ts';

export interface FollowOptions {
  run: LedRun;
  output: OutputOptions;
  interrupts: Interrupts;
  /** What the first Ctrl-C does: end the run everywhere, or only stop watching it. */
  onInterrupt: 'cancel' | 'leave';
  /** Between INT, TERM and KILL, to be told to the person. */
  graceMs: number;
  io: Io;
}

const EXIT_CANCELLED = 130;
const noOutputs: Outputs = { byHost: new Map(), apply() {} };

/** Resolves to the exit code of the run. */
export async function followRun(options: FollowOptions): Promise<number> {
  const { run, output, io } = options;
  const mode = chooseMode(output.output, run.hosts.length, io);
  const view = createRunView(run.hosts);
  const isKeeping = mode === 'lanes' || output.junit !== undefined;
  const outputs = isKeeping ? (await import('../render/outputs.ts')).createOutputs(run.hosts) : noOutputs;
  const surroundings = {
    write: io.write,
    stdout: io.stdout,
    stderr: io.stderr,
    view,
    runId: run.runId,
    group: output.group !== false,
    quiet: output.quiet === true,
    hint: options.onInterrupt === 'cancel' ? 'Ctrl-C cancels' : 'Ctrl-C leaves it running',
  };
  const { renderer, dispose } = await createRenderer(mode, surroundings, outputs, io);
  const events = run.events[Symbol.asyncIterator]();
  const signals = handleSignals(options, renderer, () => void events.return?.());
  // Nobody sees the output any more, so nobody waits for the command either.
  const onReaderGone = () => run.cancel('interrupt');
  if (io.stdoutClosed.aborted) onReaderGone();
  io.stdoutClosed.addEventListener('abort', onReaderGone, { once: true });
  try {
    for (let next = await events.next(); next.done !== true; next = await events.next()) {
      view.apply(next.value, performance.now());
      outputs.apply(next.value);
      if (io.stdoutClosed.aborted) continue;
      renderer.event(next.value);
      const room = io.ready();
      if (room !== undefined) await room;
    }
    const { exitCode } = await run.outcome;
    dispose();
    const isCancelled = exitCode === EXIT_CANCELLED || signals.state !== 'none';
    if (signals.state === 'left' && options.onInterrupt === 'leave') return EXIT_CANCELLED;
    if (io.stdoutClosed.aborted) {
      // Quietly, as if SIGPIPE had done it; but what could not be ended has to be said.
      for (const line of cancelLines(view).slice(1)) renderer.say(line);
      return EXIT_READER_GONE;
    }
    renderer.finish(isCancelled ? cancelLines(view) : []);
    if (output.junit !== undefined) {
      const { writeJunit } = await import('./write-junit.ts');
      await writeJunit(output.junit, { command: run.command, view, outputs: outputs.byHost }, io.cwd);
    }
    return signals.state === 'left' || (isCancelled && exitCode !== 0) ? EXIT_CANCELLED : exitCode;
  } finally {
    dispose();
    io.stdoutClosed.removeEventListener('abort', onReaderGone);
    await events.return?.();
  }
}

interface Signals {
  /** What was asked for so far. */
  state: 'none' | 'cancelled' | 'left';
}

/** @param leave lets go of the run: its events end, its processes go on */
function handleSignals(options: FollowOptions, renderer: Renderer, leave: () => void): Signals {
  const { run, interrupts } = options;
  const hosts = `${run.hosts.length} ${hostsWord(run.hosts.length)}`;
  const signals: Signals = { state: 'none' };
  const letGo = (line: string) => {
    renderer.say(line);
    signals.state = 'left';
    leave();
    // Whatever might still take its time: one more Ctrl-C ends this process in the platform's way.
    interrupts.dispose();
  };
  interrupts.listen(count => {
    if (options.onInterrupt === 'leave') {
      letGo(`Left run ${run.runId}; it goes on. aw agent runs cancel ${run.runId} ends it.`);
    } else if (count === 1) {
      const pause = `${options.graceMs / 1000} s`;
      renderer.say(
        `Cancelling on ${hosts}: INT now, TERM after ${pause}, KILL after another ${pause}. Ctrl-C again: KILL now.`,
      );
      signals.state = 'cancelled';
      run.cancel('interrupt');
    } else if (count === 2) {
      renderer.say(`Killing all processes on ${hosts}. Ctrl-C again: leave without waiting for them.`);
      run.cancel('kill');
    } else {
      letGo(`Left; aw agent runs attach ${run.runId} shows how it ended.`);
    }
  });
  return signals;
}
