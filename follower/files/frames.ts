/** Files one after the other in one stream. A frame is a byte that says what follows, its length as 32 bits, and that. */

export const frameKinds = { start: 1, content: 2, end: 3, problem: 4, over: 5 } as const;
export type FrameKind = keyof typeof frameKinds;

/** Bytes of one frame. */
export const MAX_FRAME = 256 * 1024;
const HEAD = 5;

export interface Frame {
  kind: FrameKind;
  body: Buffer;
}

export function encodeFrame(kind: FrameKind, body: Buffer | object): Buffer {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
  const head = Buffer.allocUnsafe(HEAD);
  head.writeUInt8(frameKinds[kind], 0);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

/** Ends where a frame ends. @throws Error for what is no frame, and for half of one at the end */
export async function* decodeFrames(chunks: AsyncIterable<Buffer>): AsyncGenerator<Frame> {
  let held: Buffer[] = [];
  let length = 0;
  let wanted = HEAD;
  for await (const chunk of chunks) {
    held.push(chunk);
    length += chunk.length;
    if (length < wanted) continue;
    let rest: Buffer = held.length === 1 ? chunk : Buffer.concat(held, length);
    for (;;) {
      wanted = rest.length < HEAD ? HEAD : HEAD + bodyLength(rest);
      if (rest.length < wanted) break;
      yield { kind: kindOf(rest[0]!), body: rest.subarray(HEAD, wanted) };
      rest = rest.subarray(wanted);
    }
    held = rest.length === 0 ? [] : [rest];
    length = rest.length;
  }
  if (length > 0) throw new Error('it ends within a frame');
}

function bodyLength(head: Buffer): number {
  const length = head.readUInt32BE(1);
  if (length > MAX_FRAME) throw new Error(`a frame of ${length} bytes`);
  return length;
}

function kindOf(byte: number): FrameKind {
  const found = Object.entries(frameKinds).find(([, code]) => code === byte);
  if (found === undefined) throw new Error(`a frame of kind ${byte}`);
  return found[0] as FrameKind;
}
