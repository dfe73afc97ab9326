/** A way to a port of this machine over a long and lossy line, the same one for the same seed. */
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { seededFractions } from './random.ts';

export interface SlowLink {
  port: number;
  /** Bytes that have arrived at either end. */
  readonly carried: number;
  stop(): Promise<void>;
}

interface Weather {
  /** Milliseconds, each way. */
  delay: number;
  /** Of the segments, from 0 to 1. A stream shows a loss as time: until the sender has noticed and has sent again. */
  loss: number;
  seed: number;
}

/** Of TCP over Ethernet. */
const SEGMENT = 1460;

export async function slowLink(target: number, { delay, loss, seed }: Weather): Promise<SlowLink> {
  const sockets = new Set<net.Socket>();
  const timers = new Set<NodeJS.Timeout>();
  const chance = seededFractions(seed);
  let carried = 0;

  /** In order, each segment no sooner than the one before it. Timers alone would not keep the order. */
  const carry = (from: net.Socket, to: net.Socket) => {
    const waiting: { arrives: number; act: () => void }[] = [];
    let timer: NodeJS.Timeout | undefined;
    const deliver = () => {
      if (timer !== undefined) timers.delete(timer);
      timer = undefined;
      while (waiting[0] !== undefined && waiting[0].arrives <= performance.now()) waiting.shift()!.act();
      if (waiting[0] === undefined) return;
      timer = setTimeout(deliver, waiting[0].arrives - performance.now());
      timers.add(timer);
    };
    const later = (act: () => void) => {
      const now = performance.now();
      const arrives = now + delay + (chance() < loss ? 2 * delay : 0);
      waiting.push({ arrives: Math.max(arrives, waiting.at(-1)?.arrives ?? 0), act });
      if (timer === undefined) deliver();
    };
    from.on('data', (data: Buffer) => {
      for (let at = 0; at < data.length; at += SEGMENT) {
        const segment = data.subarray(at, at + SEGMENT);
        later(() => {
          carried += segment.length;
          to.write(segment);
        });
      }
    });
    from.on('end', () => later(() => to.end()));
    from.on('error', () => to.destroy());
    from.on('close', () => {
      sockets.delete(from);
      later(() => to.destroy());
    });
  };

  const server = net.createServer({ allowHalfOpen: true }, near => {
    const far = net.connect({ port: target, host: '127.0.0.1', allowHalfOpen: true });
    sockets.add(near).add(far);
    carry(near, far);
    carry(far, near);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    get carried() {
      return carried;
    },
    stop: async () => {
      for (const timer of timers) clearTimeout(timer);
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
