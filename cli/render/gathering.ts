/** What several hosts have to say at the same moment, said once for all of them. */
import type { WireError } from '../../contract/events.ts';
import { joinAlike, whereText } from './alike.ts';
import { jointErrorLines } from './error-text.ts';
import type { Notice } from './notices.ts';
import type { Paint } from './paint.ts';

export interface Gathering {
  note(notice: Notice): void;
  error(host: string, error: WireError): void;
  /** Says what has come since the last time. To be called every now and then, and at the end. */
  flush(): void;
}

/** Most of what waits for the next `flush`. */
const WAITING_LIMIT = 1000;

export function createGathering(say: (line: string) => void, paint: Paint): Gathering {
  let notes: Notice[] = [];
  let errors: { host: string; error: WireError }[] = [];

  function flush(): void {
    const said = joinAlike(notes.map(({ host, text }) => ({ host, texts: [text] })));
    for (const { hosts, texts } of said) say(`note${whereText(hosts)}: ${texts[0]}`);
    for (const line of jointErrorLines(errors, paint)) say(line);
    notes = [];
    errors = [];
  }

  function bound(): void {
    if (notes.length + errors.length >= WAITING_LIMIT) flush();
  }

  return {
    note(notice) {
      notes.push(notice);
      bound();
    },
    error(host, error) {
      errors.push({ host, error });
      bound();
    },
    flush,
  };
}
