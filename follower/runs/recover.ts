/** After an agent that died: its runs are ended and their journals brought to an end. */
import { AwError } from '../../contract/errors.ts';
import { HostExited } from '../../contract/events.ts';
import { killTree } from './ending.ts';
import { eventLine } from './event-line.ts';
import { Journal } from './journal.ts';
import { amendRecord, journalPath, type RunRecord, rootOf } from './record.ts';

/** Leaves room in the five seconds within which a new agent must know how its predecessor's runs ended. */
const KILL_MS = 3000;

/**
 * Closes a run whose record has no end: ends what is left of it, cuts a torn last line off the journal and adds
 * `hostExited` with reason `lost`, unless the journal has its end already.
 * @throws the system's error when the journal cannot be read.
 */
export async function recoverRun(
  directory: string,
  record: RunRecord,
  bootId: string,
): Promise<{ record: RunRecord; journal: Journal }> {
  const journal = Journal.reopen(journalPath(directory));
  const last = HostExited.safeParse(parse(journal.lastLine()));
  let reason = last.data?.reason;
  const code = last.data?.code ?? null;
  if (last.success) {
    await journal.close();
  } else {
    const sameBoot = record.bootId === bootId;
    // Of another boot there are no processes, and its numbers may be anybody's now.
    const left = sameBoot ? await killTree(rootOf(record), KILL_MS) : [];
    const first = journal.lines === 0 ? [eventLine(record, 0, 'hostStarted', {})] : [];
    reason = 'lost';
    const error = new AwError('AW_RUN_LOST', {
      reason: sameBoot ? 'the follower agent died while it ran' : 'the machine was restarted while it ran',
    });
    const survivors = left.map(entry => ({ pid: entry.pid, command: entry.command().slice(0, 200) }));
    const end = { code: null, reason, error: error.toWire(), survivors };
    await journal.finish([...first, eventLine(record, journal.lines + first.length, 'hostExited', end)]);
  }
  const end = {
    at: new Date().toISOString(),
    reason: reason ?? 'lost',
    code,
    lines: journal.lines,
    bytes: journal.committed,
  };
  try {
    amendRecord(directory, { end });
  } catch {
    // Without room for it the next agent finds the journal's end instead.
  }
  return { record: { ...record, end }, journal };
}

function parse(line: string | undefined): unknown {
  try {
    return JSON.parse(line ?? 'null');
  } catch {
    return null;
  }
}
