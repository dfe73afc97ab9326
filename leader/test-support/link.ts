/** The way to a follower under a test's control: a relay whose connections can be frozen, thawed and cut. */
import { once } from 'node:events';
import net from 'node:net';

export interface Link {
  /** Where it listens, in place of the follower. */
  readonly path: string;
  /** How many it has carried so far. */
  readonly made: number;
  readonly open: number;
  /** The connections that there are stay open and carry nothing; those that come later do. */
  freeze(): void;
  thaw(): void;
  /** Ends all connections. */
  cut(): void;
  close(): Promise<void>;
}

export async function startLink(path: string, target: string): Promise<Link> {
  const pairs = new Set<readonly [net.Socket, net.Socket]>();
  let made = 0;
  const server = net.createServer(near => {
    made++;
    const far = net.connect(target);
    const pair = [near, far] as const;
    pairs.add(pair);
    for (const [from, to] of [pair, [far, near]] as const) {
      from.pipe(to);
      from.on('error', () => {});
      from.once('close', () => {
        to.destroy();
        pairs.delete(pair);
      });
    }
  });
  server.listen(path);
  await once(server, 'listening');
  const each = (act: (from: net.Socket, to: net.Socket) => void) => {
    for (const [near, far] of pairs) {
      act(near, far);
      act(far, near);
    }
  };
  const cut = () => each(socket => socket.destroy());
  return {
    path,
    get made() {
      return made;
    },
    get open() {
      return pairs.size;
    },
    freeze: () => each((from, to) => void from.unpipe(to).pause()),
    thaw: () => each((from, to) => void from.pipe(to)),
    cut,
    close: async () => {
      cut();
      await new Promise(fulfil => server.close(fulfil));
    },
  };
}
