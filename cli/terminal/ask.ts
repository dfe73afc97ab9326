/** Questions to the person, on their terminal whatever stdin and stdout are. */
import { openSync, writeSync } from 'node:fs';
import { ReadStream } from 'node:tty';

const DEVICE = '/dev/tty';
/** Longer than any passphrase. */
const MAX_ANSWER = 4096;

/** Shows the question and reads one line without an echo. Undefined: there is no terminal, or no wish to answer. */
export async function askOnTerminal(question: string): Promise<string | undefined> {
  let terminal: ReadStream;
  let device: number;
  try {
    device = openSync(DEVICE, 'r+');
    terminal = new ReadStream(device);
  } catch {
    return undefined;
  }
  try {
    terminal.setRawMode(true);
    writeSync(device, question);
    return await readSecret(terminal);
  } catch {
    return undefined;
  } finally {
    writeSync(device, '\r\n');
    terminal.setRawMode(false);
    terminal.destroy();
  }
}

/** Up to Enter, with the keys that correct it. Undefined at Ctrl-C, which also interrupts the command, and at Ctrl-D. */
export async function readSecret(keys: AsyncIterable<Buffer>): Promise<string | undefined> {
  let typed = '';
  for await (const chunk of keys) {
    for (const key of chunk.toString('utf8')) {
      if (key === '\r' || key === '\n') return typed;
      if (key === '\x04') return undefined;
      if (key === '\x03') {
        process.kill(process.pid, 'SIGINT');
        return undefined;
      }
      if (key === '\x7f' || key === '\b') typed = [...typed].slice(0, -1).join('');
      else if (key === '\x15') typed = '';
      else if (key >= ' ' && typed.length < MAX_ANSWER) typed += key;
    }
  }
  return undefined;
}
