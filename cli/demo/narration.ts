/** What the demo says. Pure; short enough to be read. */
import type { Event } from '../../contract/events.ts';
import { commandText } from '../../leader/orders/command-text.ts';
import type { Paint } from '../render/paint.ts';
import { AW, type Service } from './children.ts';
import type { Stage } from './stage.ts';

export function opening(stage: Stage, url: string, args: readonly string[], paint: Paint): string[] {
  const hosts = stage.hosts.map(host => `${host.name} (${host.shell})`).join(', ');
  return [
    paint('bold', 'One command on every follower, all on this machine for now.'),
    '',
    `  service    ${url}, events in SQLite`,
    `  followers  ${hosts}`,
    '             each an agent of its own, with its own directory, shell and copy of a small project',
    `  the catch  on ${stage.oddHost} a checkout has given ${stage.changedFile} CRLF line endings`,
    '',
    `${paint('dim', '$')} ${paint('bold', `aw ${args.join(' ')}`)}`,
  ];
}

export function outcomeLines(exitCode: number, { oddHost }: Stage, paint: Paint): string[] {
  const verdict =
    exitCode === 1
      ? `as it should: the tests that pass here fail on ${oddHost}, so the whole run failed`
      : 'which is not what should have come; it should have been 1';
  return ['', `${paint('bold', `exit code ${exitCode}`)}, ${verdict}.`];
}

export interface ReadBack {
  lines: string[];
  /** True when the service has the whole story: each host's start and end, and the summary. */
  isComplete: boolean;
}

export function readBackLines(events: readonly Event[], stage: Stage, paint: Paint): ReadBack {
  const count = (type: string) => events.filter(event => event.type === type).length;
  const summary = events.find(event => event.type === 'summary');
  const names = (list: unknown) => (Array.isArray(list) && list.length > 0 ? list.join(', ') : 'nobody');
  const hosts = stage.hosts.length;
  const isComplete =
    count('hostStarted') === hosts &&
    count('hostExited') === hosts &&
    names(summary?.failed) === stage.oddHost;
  return {
    isComplete,
    lines: [
      `${paint('bold', 'The same, read back from the service over SSE:')} ${events.length} events, of them ` +
        `${count('hostStarted')} starts, ${count('hostLog')} pieces of output, ${count('hostExited')} ends;`,
      `passed ${names(summary?.passed)}; failed ${names(summary?.failed)}${isComplete ? '' : ' - something is missing'}.`,
      '',
    ],
  };
}

/** Lines that work as they stand in a POSIX shell, wherever this was started from. */
export function tryNext(stage: Stage, { url, pid }: Service, paint: Paint): string[] {
  const aw = word(AW);
  const state = word(stage.state);
  return [
    paint('bold', 'Still running. Try next:'),
    `  cd ${word(stage.project)}`,
    `  export AW_STATE_DIR=${state} AW_SERVICE=${url}; alias aw=${word(aw)}`,
    "  aw agent run-everywhere -c 'pwd; wc -c data/orders.csv'",
    '  aw agent run-everywhere --rerun-failed',
    '  aw agent followers list',
    '  aw session list',
    '',
    'To stop and remove it all:',
    `  AW_STATE_DIR=${state} ${aw} agent fleet down; ` +
      `AW_STATE_DIR=${state} ${aw} agent followers stop --force --hosts ${word(stage.catalogue)}; ` +
      `kill ${pid}; while kill -0 ${pid} 2> /dev/null; do sleep 0.1; done; rm -r ${word(stage.root)}`,
  ];
}

function word(text: string): string {
  return commandText({ kind: 'argv', argv: [text] });
}
