/** Connections that are made while the project is read: a login takes as long as a look at thousands of files. */
import type { HostEntry } from '../../contract/hosts.ts';
import type { FollowerClient } from '../follower-client.ts';

export interface Ahead {
  /** The client of a host, once for each; who takes it closes it. @param signal gives up connecting @throws as `connect` */
  take(host: HostEntry, signal: AbortSignal): Promise<FollowerClient>;
  /** Lets go of those that nobody has taken. */
  close(): void;
}

interface Attempt {
  client: Promise<FollowerClient>;
  giveUp(): void;
}

/** @param connect rejects soon after its signal */
export function connectAhead(
  hosts: readonly HostEntry[],
  connect: (host: HostEntry, signal: AbortSignal) => Promise<FollowerClient>,
): Ahead {
  const attempts = new Map(hosts.map(host => [host.name, attempt(host)]));

  function attempt(host: HostEntry): Attempt {
    const controller = new AbortController();
    const client = connect(host, controller.signal);
    // It is whoever takes it who is told.
    client.catch(() => {});
    return { client, giveUp: () => controller.abort() };
  }

  return {
    take({ name }, signal) {
      const { client, giveUp } = attempts.get(name)!;
      attempts.delete(name);
      signal.addEventListener('abort', giveUp, { once: true });
      if (signal.aborted) giveUp();
      return client;
    },
    close() {
      for (const { client, giveUp } of attempts.values()) {
        giveUp();
        client.then(
          made => made.close(),
          () => {},
        );
      }
      attempts.clear();
    },
  };
}
