/** Servers that hang, flood or hang up in one phase of the way to an agent: each has an error of its own and holds up nobody else. */
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ssh2, { type Connection } from 'ssh2';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Event, isKnown } from '../../contract/events.ts';
import { exitOf, outputOf } from '../support/fleet.ts';
import { hasSshd, makeKey, makeSshFleet, type SshFleet } from '../support/sshd.ts';

const IDENT = 'SSH-2.0-test\r\n';

/** What an SSH says of it: the built-in one, and the system's. */
type Said = readonly [ssh: RegExp, openssh: RegExp];
const WAITED = /\(waited \d+ s\)$/;
const MUTE = /it takes the connection but does not speak SSH \(waited/;
const BROKE = /the SSH connection broke$/;

/** What is done with a connection before it speaks SSH. */
const raw: Record<string, [(socket: net.Socket) => void, ...Said]> = {
  'never speaks': [() => {}, MUTE, /timed out during banner exchange|waited/],
  'says who it is, and no more': [socket => void socket.write(IDENT), MUTE, WAITED],
  'floods its banner': [
    socket => flood(socket, () => socket.write('Welcome to this machine, and read what follows.\r\n')),
    /greeting/,
    /No SSH version received/,
  ],
  'closes at once': [socket => socket.destroy(), /lost before handshake|ECONNRESET|EPIPE/, /closed|reset/],
  'closes after its name': [socket => void socket.end(IDENT), /the SSH connection ended/, BROKE],
};

/** What is done with one that does. */
const spoken: Record<string, [(client: Connection, socket: net.Socket) => void, ...Said]> = {
  'does not answer the login': [
    client => void client.on('authentication', () => {}),
    /it speaks SSH but does not answer the login \(waited/,
    WAITED,
  ],
  'floods the login with banners': [
    (client, socket) =>
      void client.on('authentication', () => flood(socket, () => sendBanner(client, socket))),
    /it speaks SSH but does not answer the login \(waited/,
    WAITED,
  ],
  'logs in, and starts nothing': [
    client => void welcome(client).on('session', () => {}),
    /it takes the login but starts no command \(waited/,
    WAITED,
  ],
  'takes the command, and does not start it': [
    client => void welcome(client).on('session', accept => void accept().on('exec', () => {})),
    /it takes the login but starts no command \(waited/,
    WAITED,
  ],
  'starts something that says nothing': [
    client => void welcome(client).on('session', accept => void accept().on('exec', begin => void begin())),
    /the agent says nothing \(waited/,
    /the agent says nothing \(waited/,
  ],
  'closes when keys are agreed': [
    client => void client.on('handshake', () => client.end()),
    /the SSH connection ended/,
    /Received disconnect|connection broke|[Cc]onnection (?:closed|reset)/,
  ],
  'closes when it is asked for a login': [
    client => void client.on('authentication', () => client.end()),
    /the SSH connection ended/,
    /Received disconnect|connection broke|[Cc]onnection (?:closed|reset)/,
  ],
  'closes after the login': [
    client => void welcome(client).on('ready', () => client.end()),
    /it starts no program|the SSH connection ended/,
    BROKE,
  ],
  'closes when a program is wanted': [
    client => void welcome(client).on('session', () => client.end()),
    /it starts no program/,
    BROKE,
  ],
  'closes when the command comes': [
    client => void welcome(client).on('session', accept => void accept().on('exec', () => client.end())),
    /it starts no program/,
    BROKE,
  ],
  'closes when the command runs': [
    client =>
      void welcome(client).on('session', accept =>
        accept().on('exec', begin => {
          begin();
          client.end();
        }),
      ),
    /the SSH connection ended/,
    BROKE,
  ],
};

function welcome(client: Connection): Connection {
  return client.on('authentication', login => login.accept());
}

/** As fast as it is taken, until it hangs up. */
function flood(socket: net.Socket, write: () => boolean): void {
  const more = () => {
    if (!socket.writable) return;
    if (write()) setImmediate(more);
    else socket.once('drain', more);
  };
  more();
}

const USERAUTH_BANNER = 53;

/** What the library itself sends once at most. */
function sendBanner(client: Connection, socket: net.Socket): boolean {
  const { _protocol: protocol } = client as unknown as { _protocol: Protocol };
  const text = Buffer.from('Welcome to this machine, and read what follows.\n'.repeat(100));
  const { write } = protocol._packetRW;
  const start = write.allocStart;
  const packet = write.alloc(1 + 4 + text.length + 4);
  packet[start] = USERAUTH_BANNER;
  packet.writeUInt32BE(text.length, start + 1);
  text.copy(packet, start + 5);
  packet.writeUInt32BE(0, start + 5 + text.length);
  protocol._cipher.encrypt(write.finalize(packet));
  return !socket.writableNeedDrain;
}
interface Protocol {
  _packetRW: {
    write: { allocStart: number; alloc(size: number): Buffer; finalize(packet: Buffer): Buffer };
  };
  _cipher: { encrypt(packet: Buffer): void };
}

describe.skipIf(!hasSshd)('a server that', () => {
  let fleet: SshFleet;
  const ports = new Map<string, number>();
  let motd: string;
  const servers: { close(): unknown }[] = [];
  const sockets = new Set<net.Socket>();

  beforeAll(async () => {
    // A banner that is only long is no reason not to log in.
    motd = mkdtempSync(join(tmpdir(), 'aw-banner-'));
    const banner = join(motd, 'banner');
    writeFileSync(banner, 'Welcome, and read what follows.\n'.repeat(500));
    fleet = await makeSshFleet([{ name: 'good', transport: 'ssh' }], () => ({
      config: [`Banner ${banner}`],
    }));
    const { publicKey } = makeKey(join(fleet.dir, 'server'));
    const hostKey = readFileSync(join(fleet.dir, 'server'));
    const serve = async (name: string, act: (socket: net.Socket) => void) => {
      const server = net.createServer(socket => {
        sockets.add(socket.on('error', () => {}));
        act(socket);
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      servers.push(server);
      const { port } = server.address() as AddressInfo;
      ports.set(name, port);
      fleet.know(port, publicKey);
    };
    for (const [name, [act]] of Object.entries(raw)) await serve(name, act);
    for (const [name, [act]] of Object.entries(spoken)) {
      await serve(name, socket => {
        const ssh = new ssh2.Server({ hostKeys: [hostKey] }, client => {
          client.on('error', () => {});
          act(client, socket);
        });
        ssh.injectSocket(socket);
      });
    }
  });
  afterAll(async () => {
    for (const socket of sockets) socket.destroy();
    for (const server of servers) server.close();
    await fleet.stop();
    rmSync(motd, { recursive: true });
  });

  // All of them in one command, so that each could hold up the others.
  describe.each(['ssh', 'openssh'] as const)('over %s', transport => {
    let events: readonly Event[];
    let code: number | null;
    beforeAll(async () => {
      const bad = [...ports].map(([name, port]) => ({
        ...fleet.entry('good'),
        name: nameOf(name),
        port,
        transport,
      }));
      const catalogue = fleet.catalogue([...bad, { ...fleet.entry('good'), transport }]);
      const run = await fleet.run([...catalogue, '--', 'echo', 'hi']);
      expect(run.stderr).toBe('');
      ({ code, events } = run);
    }, 180_000);
    const endOf = (host: string) =>
      events.findIndex(event => isKnown(event, 'hostExited') && event.host === host);

    test.each(Object.entries({ ...raw, ...spoken }))('%s', (name, [, ssh, openssh]) => {
      const { reason, error } = exitOf(events, nameOf(name));
      expect([reason, error?.code]).toEqual(['lost', 'AW_HOST_UNREACHABLE']);
      expect(error?.message).toMatch(transport === 'ssh' ? ssh : openssh);
      expect(error?.remedy).toContain(`doctor --host ${nameOf(name)}`);
      // Nobody waits for one that has to be waited for.
      if (WAITED.test(error!.message)) expect(endOf('good')).toBeLessThan(endOf(nameOf(name)));
    });

    test('harms no other', () => {
      expect(code).toBe(4);
      expect(outputOf(events, 'good').toString()).toBe('hi\n');
      expect(exitOf(events, 'good')).toMatchObject({ code: 0, reason: 'exited' });
    });
  });
});

function nameOf(fault: string): string {
  return fault.replaceAll(/[^a-z]+/g, '-');
}
