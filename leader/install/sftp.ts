/** Writing one file over SFTP (version 3 of draft-ietf-secsh-filexfer, what every server speaks). */
import type { Readable, Writable } from 'node:stream';

const INIT = 1;
const VERSION = 2;
const OPEN = 3;
const CLOSE = 4;
const WRITE = 6;
const STATUS = 101;
const HANDLE = 102;
/** WRITE | CREAT | EXCL */
const NEW_FILE = 0x02 | 0x08 | 0x20;
/** What the attributes of a new file say: its permissions. */
const PERMISSIONS = 0x04;
/** Every server takes this much in one request. */
const CHUNK = 32 * 1024;
/** Whatever is longer than this is not an answer. */
const MAX_ANSWER = 256 * 1024;

/** The server has answered, and refused. */
export class SftpRefusal extends Error {}

/**
 * Makes the file, mode 0600, which must not exist. Afterwards the session is of no more use.
 * `path`: absolute, of the server.
 * @throws SftpRefusal; any other error means that the session broke, or that it is none.
 */
export async function writeFileOverSftp(
  session: { stdin: Writable; stdout: Readable },
  path: string,
  content: Buffer,
): Promise<void> {
  const answers = answersOf(session.stdout);
  const send = (type: number, ...fields: Buffer[]) => {
    const body = Buffer.concat([Buffer.from([type]), ...fields]);
    session.stdin.write(Buffer.concat([number(body.length), body]));
  };
  const answer = async (type: number): Promise<Buffer> => {
    const { value, done } = await answers.next();
    if (done === true) throw new Error('the server has ended the session');
    if (value[0] === type) return value;
    if (value[0] === STATUS) throw new SftpRefusal(statusText(value));
    throw new Error('the server answers something else than it was asked');
  };
  const done = async () => {
    const status = await answer(STATUS);
    if (status.readUInt32BE(5) !== 0) throw new SftpRefusal(statusText(status));
  };

  session.stdin.on('error', () => {});
  send(INIT, number(3));
  await answer(VERSION);
  send(OPEN, number(0), text(Buffer.from(path)), number(NEW_FILE), number(PERMISSIONS), number(0o600));
  const opened = await answer(HANDLE);
  const handle = text(opened.subarray(9, 9 + opened.readUInt32BE(5)));
  let requests = 0;
  for (let at = 0; at < content.length; at += CHUNK) {
    send(WRITE, number(++requests), handle, number(0), number(at), text(content.subarray(at, at + CHUNK)));
  }
  for (; requests > 0; requests--) await done();
  send(CLOSE, number(0), handle);
  await done();
}

/** Each without its length. */
async function* answersOf(stdout: Readable): AsyncGenerator<Buffer, void> {
  let held = Buffer.alloc(0);
  for await (const chunk of stdout) {
    held = Buffer.concat([held, chunk as Buffer]);
    while (held.length >= 4) {
      const end = 4 + held.readUInt32BE(0);
      if (end === 4 || end > MAX_ANSWER)
        throw new Error('the server does not speak SFTP: does a start-up file print?');
      if (held.length < end) break;
      yield held.subarray(4, end);
      held = held.subarray(end);
    }
  }
}

function statusText(status: Buffer): string {
  const length = status.length < 13 ? 0 : status.readUInt32BE(9);
  return status.toString('utf8', 13, 13 + length) || `status ${status.readUInt32BE(5)}`;
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function text(bytes: Buffer): Buffer {
  return Buffer.concat([number(bytes.length), bytes]);
}
