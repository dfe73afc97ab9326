/** The envelope of a follower's events. */

/** One line of a run's journal. */
export function eventLine(
  run: { runId: string; host: string; epoch: string },
  seq: number,
  type: string,
  fields: object,
): Buffer {
  const { runId, host, epoch } = run;
  const ts = new Date().toISOString();
  return Buffer.from(
    `${JSON.stringify({ type, ts, origin: 'follower', epoch, seq, runId, host, ...fields })}\n`,
  );
}
