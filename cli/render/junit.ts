/** `--junit FILE`: one test suite for each host, with the command as its test case. */
import { randomUUID } from 'node:crypto';
import junitModule, { type Builder } from 'junit-report-builder';
import { forPipe } from './control-sequences.ts';
import type { KeptOutput, StreamName } from './kept-output.ts';
import type { HostView, RunView } from './run-view.ts';
import { endingOf } from './verdict.ts';

// At run time the default export is the builder itself; the package's types describe its other build.
const junit = junitModule as unknown as Builder;

export interface JunitRun {
  /** The command as a person would write it. */
  command: string;
  view: RunView;
  outputs: ReadonlyMap<string, KeptOutput>;
}

/**
 * The report as XML text. A command that failed, was killed or took too long is a `failure`; a host that could not
 * give a verdict (lost, not started, cancelled) is an `error`; one that was left out of the run is `skipped`.
 */
export function junitReport({ command, view, outputs }: JunitRun): string {
  // The builder escapes only the first end of a CDATA section in a text, so all of them are kept from it.
  const cdataEnd = `cdata-end-${randomUUID()}`;
  const clean = (text: string) => xmlText(text).replaceAll(']]>', cdataEnd);
  const report = junit.newBuilder().name('run-everywhere');
  for (const host of view.hosts.values()) {
    const seconds = Math.round(host.exit?.durationMs ?? 0) / 1000;
    const suite = report.testSuite().name(host.name).time(seconds);
    const testCase = suite.testCase().className(host.name).name(xmlText(command)).time(seconds);
    const problem = problemOf(host);
    if (host.isExcluded) {
      // A skipped case has no room for a reason.
      testCase.skipped().standardError(clean(problem?.message ?? ''));
      continue;
    }
    if (problem !== undefined) testCase[problem.kind](xmlText(problem.message), problem.type);
    const output = outputs.get(host.name);
    if (output === undefined) continue;
    testCase.standardOutput(clean(streamText(output, 'stdout')));
    testCase.standardError(clean(streamText(output, 'stderr')));
  }
  return report.build().replaceAll(cdataEnd, ']]]]><![CDATA[>');
}

function problemOf(host: HostView) {
  const { exit } = host;
  const { verdict, phrase } = endingOf(host);
  if (verdict === 'passed') return undefined;
  const isFailure = verdict === 'failed' || verdict === 'signaled' || verdict === 'timeout';
  const remedy = exit?.error?.remedy === undefined ? '' : ` (remedy: ${exit.error.remedy})`;
  const message = exit?.error === undefined ? phrase : `${phrase}: ${exit.error.message}${remedy}`;
  return { kind: isFailure ? 'failure' : 'error', message, type: verdict } as const;
}

function streamText(output: KeptOutput, stream: StreamName): string {
  const { head, omitted, tail } = output.pieces();
  const join = (pieces: typeof head) =>
    pieces
      .filter(piece => piece.stream === stream)
      .map(piece => piece.text)
      .join('');
  const gap = omitted === 0 ? '' : `\n... ${omitted} bytes left out ...\n`;
  return Buffer.from(forPipe(`${join(head)}${gap}${join(tail)}`, false), 'latin1').toString('utf8');
}

/** Without the characters XML 1.0 cannot hold, not even escaped. */
function xmlText(text: string): string {
  return text.toWellFormed().replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, '');
}
