/** A long way to a port of this machine: whatever arrives is handed on later, in both directions. */
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';

export interface Delay {
  port: number;
  stop(): void;
}

/** `ms` one way. The handshake of TCP itself is not delayed. */
export async function startDelay(to: number, ms: number): Promise<Delay> {
  const open = new Set<net.Socket>();
  const server = net.createServer({ noDelay: true }, near => {
    const far = net.connect({ port: to, host: '127.0.0.1', noDelay: true });
    for (const [from, into] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(from);
      from.on('data', chunk => setTimeout(() => into.write(chunk), ms));
      from.on('error', () => {});
      from.on('close', () => {
        open.delete(from);
        setTimeout(() => into.destroy(), ms);
      });
    }
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    stop: () => {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}
