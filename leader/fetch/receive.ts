/** Takes the files that a follower sends, as far as they were asked for. */
import { AwError, show } from '../../contract/errors.ts';
import { FileEnd, FileProblem, FileStart, FilesEnd, type FilesRequest } from '../../contract/files.ts';
import { decodeFrames, type Frame } from '../../follower/files/frames.ts';
import { compileGlob } from '../../follower/files/globs.ts';
import { garbage } from '../follower-http.ts';
import type { HostDirectory, Incoming } from './destination.ts';

export interface Received {
  files: { path: string; size: number; sha256: string }[];
  bytes: number;
  problems: { path: string; reason: string }[];
  /** More matches than was asked for at most. */
  more: boolean;
}

/** Problems of one host; each is one file that is not there. */
const PROBLEMS = 1000;

/**
 * Files that are complete stay also when this throws.
 * @throws AW_PROTOCOL_GARBAGE for what nobody asked for; what `chunks` throws
 */
export async function receiveFiles(
  chunks: AsyncIterable<Buffer>,
  request: FilesRequest,
  directory: HostDirectory,
): Promise<Received> {
  const globs = request.globs.map(compileGlob);
  const received: Received = { files: [], bytes: 0, problems: [], more: false };
  let isOver = false;
  let announced = 0;
  let open: { start: FileStart; incoming: Incoming | undefined; length: number } | undefined;

  const problem = (path: string, error: unknown) => {
    if (received.problems.length === PROBLEMS) throw garbage('it has more problems than files');
    const { code, message } = error as NodeJS.ErrnoException;
    received.problems.push({
      path,
      reason: error instanceof AwError ? message : (code ?? message),
    });
  };
  const start = async (frame: Frame) => {
    const next = FileStart.parse(parse(frame));
    announced += next.size;
    if (received.files.length + received.problems.length > request.maxFiles + PROBLEMS)
      throw garbage('it sends more files than were asked for');
    if (announced > request.maxBytes) throw garbage('it sends more bytes than were asked for');
    if (!globs.some(({ matches }) => matches(next.path)))
      throw garbage(`it sends ${show(next.path)}, which nobody asked for`);
    open = { start: next, incoming: undefined, length: 0 };
    try {
      open.incoming = await directory.begin(next.path, next.executable);
    } catch (error) {
      problem(next.path, error);
    }
  };
  const content = async ({ body }: Frame) => {
    if (open === undefined) throw garbage('content of no file');
    open.length += body.length;
    if (open.length > open.start.size) throw garbage('a file is longer than it said');
    const { incoming, start } = open;
    try {
      await incoming?.write(body);
    } catch (error) {
      problem(start.path, error);
      open.incoming = undefined;
      await incoming?.drop();
    }
  };
  const end = async (frame: Frame) => {
    if (open === undefined) throw garbage('the end of no file');
    const { start, incoming, length } = open;
    const said = FileEnd.parse(parse(frame));
    open = undefined;
    if (incoming === undefined) return;
    try {
      if ('error' in said && typeof said.error === 'string') throw new Error(said.error);
      const { path, size } = start;
      if (length !== size) throw new Error('it is shorter than it said');
      const { sha256 } = said as { sha256: string };
      await incoming.publish(sha256);
      received.files.push({ path, size, sha256 });
      received.bytes += size;
    } catch (error) {
      problem(start.path, error);
    } finally {
      await incoming.drop();
    }
  };

  try {
    for await (const frame of decodeFrames(chunks)) {
      if (isOver) throw garbage('it goes on after its end');
      if (open !== undefined && frame.kind !== 'content' && frame.kind !== 'end')
        throw garbage('a file has no end');
      if (frame.kind === 'start') await start(frame);
      else if (frame.kind === 'content') await content(frame);
      else if (frame.kind === 'end') await end(frame);
      else if (frame.kind === 'problem') {
        const { path, reason } = FileProblem.parse(parse(frame));
        problem(path, new Error(reason));
      } else {
        received.more = FilesEnd.parse(parse(frame)).more;
        isOver = true;
      }
    }
  } finally {
    await open?.incoming?.drop();
  }
  if (!isOver) throw garbage('its answer was cut off');
  return received;
}

function parse({ body }: Frame): unknown {
  return JSON.parse(body.toString());
}
