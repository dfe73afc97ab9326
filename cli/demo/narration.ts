/** What the demo says. Pure; short enough to be read. */
import { isKnown } from '../../contract/event-parts.ts';
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
      ? `as it should: on the files that are there, the tests that pass here fail on ${oddHost}`
      : 'which is not what should have come; it should have been 1';
  return ['', `${paint('bold', `exit code ${exitCode}`)}, ${verdict}.`];
}

export function adoptLines(args: readonly string[], paint: Paint): string[] {
  return [
    '',
    paint(
      'bold',
      'Their copies were put there by hand. What no fence has put there none takes away unasked:',
    ),
    '',
    `${paint('dim', '$')} ${paint('bold', `aw ${args.join(' ')}`)}`,
  ];
}

export function editLines({ changedFile }: Stage, args: readonly string[], paint: Paint): string[] {
  return [
    '',
    paint(
      'bold',
      `Now an edit here: one more order in ${changedFile}. And without --no-fence, as it usually is,`,
    ),
    `every follower first gets exactly the files of this project, and proves it.`,
    '',
    `${paint('dim', '$')} ${paint('bold', `aw ${args.join(' ')}`)}`,
  ];
}

/** @param equal the hosts whose copy of the file has become that of the project */
export function secondOutcomeLines(
  exitCode: number,
  equal: readonly string[],
  { hosts, changedFile }: Stage,
  paint: Paint,
): string[] {
  const isEqual = equal.length === hosts.length;
  const verdict = isEqual
    ? `${changedFile} is the same everywhere, byte for byte: with the edit, and without CRLF`
    : `but ${changedFile} should be the same everywhere, and is only on ${equal.join(', ') || 'no follower'}`;
  return ['', `${paint('bold', `exit code ${exitCode}`)}; ${verdict}.`, ''];
}

export interface ReadBack {
  lines: string[];
  /** True when the service has the whole story: each host's starts and ends, the fence, and both summaries. */
  isComplete: boolean;
}

export function readBackLines(events: readonly Event[], stage: Stage, paint: Paint): ReadBack {
  const count = (type: string) => events.filter(event => event.type === type).length;
  const [first, second] = events.filter(event => isKnown(event, 'summary'));
  const [fence] = events.filter(event => isKnown(event, 'fenceResult'));
  const names = (list: unknown) => (Array.isArray(list) && list.length > 0 ? list.join(', ') : 'nobody');
  const hosts = stage.hosts.length;
  const equal = Object.values(fence?.hosts ?? {}).filter(({ state }) => state === 'consistent').length;
  const isComplete =
    count('hostStarted') === 2 * hosts &&
    count('hostExited') === 2 * hosts &&
    equal === hosts &&
    names(first?.failed) === stage.oddHost &&
    second?.passed.length === hosts;
  return {
    isComplete,
    lines: [
      `${paint('bold', 'The same, read back from the service over SSE:')} ${events.length} events, of them ` +
        `${count('hostStarted')} starts, ${count('hostLog')} pieces of output, ${count('hostExited')} ends;`,
      `first passed ${names(first?.passed)}; failed ${names(first?.failed)}. Then, ${equal} made equal, ` +
        `passed ${names(second?.passed)}; failed ${names(second?.failed)}${isComplete ? '' : ' - something is missing'}.`,
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
    "  echo '7,Ada,1.00,mine' >> data/orders.csv",
    "  aw agent run-everywhere -c 'pwd; wc -c data/orders.csv'",
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
