/** What a doctor found on the followers, for a person: one block a host, and at the end which of them need help. */
import { findingLines } from '../../contract/finding-text.ts';
import type { FollowerReport } from '../../contract/follower-api.ts';
import type { Paint } from './paint.ts';
import { printable } from './printable.ts';

const INDENT = '  ';

export interface ReportStyle {
  paint: Paint;
  /** Of the window; absent: lines are not wrapped. */
  columns?: number;
  /** Of a host where nothing failed only its warnings; of most hosts that is one line. */
  fold: boolean;
}

/** The block of one host. */
export function reportLines(report: FollowerReport, { paint, columns, fold }: ReportStyle): string[] {
  const { host, info, findings } = report;
  const machine =
    info === undefined
      ? report.reachable
        ? 'without an agent'
        : 'not reached'
      : `${info.os} ${info.arch}, ${info.user}@${info.hostname}`;
  const heading = `${paint('bold', host)}  ${printable(machine)}`;
  const isFolded = fold && isWell(report);
  const lines = findingLines(isFolded ? findings.filter(isWarning) : findings, {
    paint,
    ...(columns === undefined ? {} : { columns: columns - INDENT.length }),
  });
  const ending = isFolded && lines.length === 0 ? `  ${paint('green', 'ok')}` : '';
  return [`${heading}${ending}`, ...lines.map(line => `${INDENT}${line}`)];
}

/** `2/3 hosts well; mac-01: login`: of each host that is not well, the first thing to fix. Warnings are no illness. */
export function summaryLine(reports: readonly FollowerReport[], paint: Paint): string {
  const ill = reports.flatMap(report => {
    if (isWell(report)) return [];
    const failure = report.findings.find(({ status }) => status === 'failed');
    return [`${report.host}: ${printable(failure?.check ?? 'not reached')}`];
  });
  const well = `${reports.length - ill.length}/${reports.length} hosts well`;
  const warned = reports.filter(report => isWell(report) && report.findings.some(isWarning)).length;
  return [
    paint(ill.length === 0 ? 'green' : 'red', well),
    ...ill,
    ...(warned === 0 ? [] : [`warnings on ${warned}`]),
  ].join('; ');
}

/** Nothing failed there. */
export function isWell({ reachable, findings }: FollowerReport): boolean {
  return reachable && findings.every(({ status }) => status !== 'failed');
}

function isWarning({ status }: FollowerReport['findings'][number]): boolean {
  return status === 'warning';
}
