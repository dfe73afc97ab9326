/** For tests: lists of events as a run makes them, the same ones every time. */
import type { Event, HostExited } from '../../contract/events.ts';
import { createOutputs, type Outputs } from './outputs.ts';
import { createPaint } from './paint.ts';
import type { StreamTraits, Surroundings } from './renderer.ts';
import { createRunView } from './run-view.ts';

const base = { ts: '2026-01-02T03:04:05.678Z', origin: 'follower', epoch: 'e1', runId: 'r1' } as const;

export const started = (host: string, pid?: number): Event => ({
  type: 'hostStarted',
  ...base,
  host,
  ...(pid === undefined ? {} : { pid }),
});

export const printed = (
  host: string,
  message: string | Uint8Array,
  stream: 'stdout' | 'stderr' = 'stdout',
): Event =>
  typeof message === 'string'
    ? { type: 'hostLog', ...base, host, stream, message }
    : {
        type: 'hostLog',
        ...base,
        host,
        stream,
        message: Buffer.from(message).toString('base64'),
        encoding: 'base64',
      };

export const exited = (host: string, ending: Partial<HostExited>): Event => ({
  type: 'hostExited',
  ...base,
  host,
  code: 0,
  reason: 'exited',
  durationMs: 1234,
  survivors: [],
  ...ending,
});

/** Every verdict there is, each on a host of its own. */
export const everyVerdict: readonly Event[] = [
  started('ok-1', 11),
  started('ok-2', 12),
  started('bad', 13),
  started('segv', 14),
  started('slow', 15),
  started('stopped', 16),
  started('gone', 17),
  started('missing'),
  printed('ok-1', 'same\n'),
  printed('bad', 'one\ntw'),
  printed('ok-2', 'sa'),
  printed('bad', 'oops\n', 'stderr'),
  printed('ok-2', 'me\n'),
  printed('bad', 'o\nno end'),
  exited('ok-1', {}),
  exited('ok-2', { durationMs: 2500 }),
  exited('bad', { code: 7 }),
  exited('segv', { code: null, reason: 'signaled', signal: 'SIGSEGV' }),
  exited('slow', {
    code: null,
    reason: 'timeout',
    durationMs: 60_000,
    error: { code: 'AW_RUN_TIMEOUT', message: 'the run took longer than 60 s and was ended' },
  }),
  exited('stopped', { code: null, reason: 'cancelled' }),
  exited('gone', {
    code: null,
    reason: 'lost',
    error: {
      code: 'AW_HOST_UNREACHABLE',
      message: 'cannot reach the follower: refused',
      remedy: 'aw agent followers doctor --host gone checks each step',
    },
  }),
  exited('missing', {
    code: 127,
    reason: 'spawn-failed',
    durationMs: 3,
    error: { code: 'AW_CMD_NOT_FOUND', message: 'command "nmp" was not found', remedy: 'install it there' },
  }),
];

export interface Recording {
  surroundings: Surroundings;
  outputs: Outputs;
  /** Applies events to the view and the outputs, and hands them on. */
  play(events: readonly Event[], onEvent?: (event: Event) => void): void;
  /** What was written to each stream, one character per byte. */
  written(target: 'stdout' | 'stderr'): string;
}

export function record(hosts: readonly string[], options: RecordingOptions = {}): Recording {
  const { isTerminal = false, colour = false, quiet = false, group = true } = options;
  const written = { stdout: '', stderr: '' };
  const traits: StreamTraits = { isTerminal, colour, paint: createPaint(colour) };
  const view = createRunView(hosts.map(name => ({ name })));
  const outputs = createOutputs(hosts.map(name => ({ name })));
  const write: Surroundings['write'] = (target, data) => {
    written[target] += Buffer.from(data as string).toString('latin1');
  };
  return {
    surroundings: {
      write,
      view,
      stdout: traits,
      stderr: traits,
      quiet,
      group,
      runId: 'r1',
      hint: 'Ctrl-C cancels',
    },
    outputs,
    play(events, onEvent) {
      for (const event of events) {
        view.apply(event, 0);
        outputs.apply(event);
        onEvent?.(event);
      }
    },
    written: target => written[target],
  };
}

interface RecordingOptions {
  isTerminal?: boolean;
  colour?: boolean;
  quiet?: boolean;
  group?: boolean;
}

/** The written text, with UTF-8 read as such. */
export function asText(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

export function hostsOf(events: readonly Event[]): string[] {
  return [...new Set(events.flatMap(event => ('host' in event ? [String(event.host)] : [])))];
}
