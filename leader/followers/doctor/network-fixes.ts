/** What a refused connection and a server's first words mean, and what to type next. */
import { show } from '../../../contract/errors.ts';
import type { Finding } from '../../../contract/follower-api.ts';
import type { Target } from './target.ts';

/** Of what a server says, in its finding. */
const EXCERPT = 80;

type Place = Pick<Target, 'address' | 'port'>;

/** `why`: the system's code for the failed connection. */
export function fixConnect({ address, port }: Place, why: string): string {
  if (why === 'ECONNREFUSED') {
    return `start sshd there (sudo systemctl start ssh; macOS: turn on Remote Login; Windows: Start-Service sshd), or correct "port" in the catalogue, now ${port}`;
  }
  if (why === 'ETIMEDOUT') {
    return `see whether it is switched on (ping ${address}), then whether a firewall drops port ${port} (nc -vz ${address} ${port})`;
  }
  if (why === 'EHOSTUNREACH' || why === 'ENETUNREACH') {
    return `ip route get ${address} shows the way it would take; connect the network or VPN it is in`;
  }
  return `nc -vz ${address} ${port} tries the same by hand`;
}

/** By the bytes a server sent after it got an SSH identification. */
export function readBanner({ port }: Pick<Target, 'port'>, bytes: Buffer): Finding {
  const check = 'ssh';
  const text = bytes.toString('latin1');
  // A server may send other lines before.
  const identification = /^SSH-[^\r\n]*/m.exec(text)?.[0];
  if (identification !== undefined) {
    const detail = show(identification, EXCERPT).slice(1, -1);
    if (/^SSH-(?:2\.0|1\.99)-/.test(identification)) return { check, status: 'ok', detail };
    const fix = 'update its SSH server: version 1 of the protocol is not spoken any more';
    return { check, status: 'failed', detail, fix };
  }
  const fix = `correct "port" in the catalogue, now ${port}: grep -i ^port /etc/ssh/sshd_config there says where sshd listens`;
  if (bytes.length === 0) {
    return {
      check,
      status: 'failed',
      detail: 'it takes the connection and says nothing: sshd hangs or is overloaded, or it is no SSH server',
      fix: `on its console: sudo systemctl restart ssh; and ${fix}`,
    };
  }
  const detail = `${whatSpeaks(bytes)} listens there, not SSH: it says ${show(text.trim(), EXCERPT)}`;
  return { check, status: 'failed', detail, fix };
}

function whatSpeaks(bytes: Buffer): string {
  const text = bytes.toString('latin1');
  if (/^HTTP\/\d/.test(text) || /^\s*<(?:!doctype|html)/i.test(text)) return 'a web server';
  // The header of a TLS alert or handshake record.
  if ((bytes[0] === 0x15 || bytes[0] === 0x16) && bytes[1] === 3) return 'a TLS server';
  if (/^220[ -]/.test(text)) return /ftp/i.test(text) ? 'an FTP server' : 'a mail server';
  if (/^\+OK|^\* OK/.test(text)) return 'a mail server';
  if (/^-ERR/.test(text)) return 'a Redis server';
  return 'something else';
}
