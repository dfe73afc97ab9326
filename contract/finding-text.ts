/** How a doctor's findings read on a terminal: the same on the leader and on the machine itself. */
import type { Finding } from './follower-api.ts';

/** Readable without colour, and all of one width. */
const SIGNS: Record<Finding['status'], { sign: string; colour: 'green' | 'dim' | 'yellow' | 'red' }> = {
  ok: { sign: 'ok  ', colour: 'green' },
  info: { sign: 'info', colour: 'dim' },
  warning: { sign: 'WARN', colour: 'yellow' },
  failed: { sign: 'FAIL', colour: 'red' },
  skipped: { sign: 'skip', colour: 'dim' },
};
const SIGN = 4;
/** Below this a hanging indent would leave no room for words. */
const NARROWEST = 24;
const TOOL = /^tool (.+)$/;

export interface FindingStyle {
  paint(colour: 'green' | 'dim' | 'yellow' | 'red', text: string): string;
  /** Of the window; absent: lines are as long as they are, for whatever reads them. */
  columns?: number;
}

/**
 * `SIGN  check  detail`, aligned; below what is wrong, `fix: ` and the command, which is never broken in two. Tools that are
 * as they should be share a line, and so does what was skipped for one reason.
 */
export function findingLines(findings: readonly Finding[], { paint, columns }: FindingStyle): string[] {
  const gathered = gather(findings);
  const aligned = gathered.filter(({ status }) => status !== 'skipped');
  const width = Math.max(0, ...aligned.map(({ check }) => check.length));
  return gathered.flatMap(({ check, status, detail, fix }) => {
    const { sign, colour } = SIGNS[status];
    // A row of names would push the column of the details out of the window.
    const isAligned = status !== 'skipped';
    const text = isAligned ? harmless(detail) : `${check}: ${harmless(detail)}`;
    const indent = isAligned ? SIGN + 2 + width + 2 : SIGN + 2;
    const room = columns === undefined ? Number.POSITIVE_INFINITY : Math.max(NARROWEST, columns - indent);
    const [first = '', ...rest] = wrap(text, room);
    const head = isAligned ? `${check.padEnd(width)}  ${first}` : first;
    const lines = [
      `${paint(colour, sign)}  ${head}`.trimEnd(),
      ...rest.map(line => `${' '.repeat(indent)}${line}`),
    ];
    const isWanted = fix !== undefined && (status === 'failed' || status === 'warning');
    return isWanted ? [...lines, `${' '.repeat(SIGN + 2)}${paint('dim', 'fix:')} ${harmless(fix)}`] : lines;
  });
}

/** A text from another machine in one row, without anything that moves a cursor or hides. */
function harmless(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ');
}

function gather(findings: readonly Finding[]): Finding[] {
  const gathered: Finding[] = [];
  const tools = findings.filter(isSoundTool);
  const missing = tools.filter(({ status }) => status === 'info').map(toolName);
  for (const finding of findings) {
    if (isSoundTool(finding)) {
      if (finding !== tools[0]) continue;
      const found = tools.filter(({ status }) => status === 'ok');
      const detail = [
        ...found.map(tool => `${toolName(tool)}: ${tool.detail}`),
        ...(missing.length === 0 ? [] : [`not there: ${missing.join(', ')}`]),
      ].join('; ');
      gathered.push({ check: 'tools', status: found.length === 0 ? 'info' : 'ok', detail });
      continue;
    }
    const last = gathered.at(-1);
    if (finding.status === 'skipped' && last?.status === 'skipped' && last.detail === finding.detail) {
      gathered.splice(-1, 1, { ...last, check: `${last.check}, ${finding.check}` });
    } else {
      gathered.push({ ...finding, check: harmless(finding.check) });
    }
  }
  return gathered;
}

function isSoundTool({ check, status, fix }: Finding): boolean {
  return TOOL.test(check) && (status === 'ok' || (status === 'info' && fix === undefined));
}

function toolName({ check }: Finding): string {
  return harmless(TOOL.exec(check)![1]!);
}

/** At blanks; a word longer than the row stays whole, because it is a path that somebody wants to copy. */
function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
