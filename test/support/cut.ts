/** A way to a port of this machine that breaks, as if somebody had pulled a plug. */
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';

export interface Cut {
  port: number;
  /** Bytes that have gone to the target so far. */
  passed(): number;
  stop(): Promise<void>;
}

/** Every connection is cut once `bytes` have gone to `target`, a port or a socket, through it. */
export async function cutAfter(target: number | string, bytes: number): Promise<Cut> {
  const sockets = new Set<net.Socket>();
  let passed = 0;
  const server = net.createServer(near => {
    const far = typeof target === 'string' ? net.connect(target) : net.connect(target, '127.0.0.1');
    let left = bytes;
    const end = () => {
      near.destroy();
      far.destroy();
    };
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', end);
      socket.on('close', end);
      socket.on('close', () => sockets.delete(socket));
    }
    far.on('data', chunk => near.write(chunk));
    near.on('data', (chunk: Buffer) => {
      const rest = chunk.subarray(0, left);
      far.write(rest);
      passed += rest.length;
      left -= chunk.length;
      if (left <= 0) far.end(() => far.destroy());
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    passed: () => passed,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
