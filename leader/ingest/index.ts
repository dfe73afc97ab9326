/** The way of a run's events to the service: spooled on disk first, then pushed, so that neither end's death loses any. */
import type { AwError } from '../../contract/errors.ts';
import type { JournalItem } from '../journal.ts';
import { serviceClient } from '../service-client.ts';
import type { ServiceTarget } from '../types.ts';
import { createPusher } from './pusher.ts';
import { openSpool, type SpoolLimits } from './spool.ts';
import type { SpoolFacts } from './spool-file.ts';

export { createReporter } from './reporter.ts';

export interface Ingest {
  /** What the spool held when it was opened, and what came since. */
  readonly facts: Readonly<SpoolFacts>;
  /** Undefined: go on. A promise when the spool is full: go on when it resolves. */
  append(item: JournalItem): Promise<void> | undefined;
  /** From now on a full spool takes more all the same: somebody is in a hurry, and what comes is not much. */
  neverWait(): void;
  /** Waits at most `ms` for the service to take everything. The bytes that remain. */
  flush(ms: number): Promise<number>;
  close(): Promise<void>;
}

export interface IngestListener {
  /** What a person should know: the service is away, refused, or the disk is full. The run goes on. */
  onTrouble(error: AwError, consequence: string): void;
}

/** @throws AW_DISK, AW_USAGE for a URL that is none. Whether the service is there shows later. */
export async function openIngest(
  directory: string,
  target: Pick<ServiceTarget, 'url' | 'token' | 'sessionId'>,
  listener: IngestListener,
  limits?: SpoolLimits,
): Promise<Ingest> {
  const { url, token, sessionId } = target;
  const service = serviceClient({ url, ...(token === undefined ? {} : { token }) });
  let poke = () => {};
  const spool = await openSpool(
    directory,
    {
      onWritten: () => poke(),
      onFault: error =>
        listener.onTrouble(error, 'from here on the service does not get the events of this run'),
    },
    limits,
  );
  const pusher = createPusher(spool, service, sessionId, {
    onDelayed: error => listener.onTrouble(error, 'the events wait on disk until it takes them'),
    onRefused(error) {
      spool.stopAppending();
      listener.onTrouble(error, 'the service does not get the events of this run');
    },
  });
  poke = pusher.poke;
  return {
    facts: spool.facts,
    append: item => spool.append(item),
    neverWait: () => spool.neverWait(),
    async flush(ms) {
      await spool.written();
      await pusher.drain(ms);
      return spool.pending;
    },
    async close() {
      await pusher.stop();
      await spool.close();
    },
  };
}
