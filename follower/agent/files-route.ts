/** Files of a workspace, brought back to the leader. */
import type { ServerHttp2Stream } from 'node:http2';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { FilesRequest } from '../../contract/files.ts';
import { sendFiles } from '../files/send.ts';
import { readJson } from './http.ts';

const BODY = 8 * 1024 * 1024;

/** @throws AW_TREE_ROOT, AW_USAGE, InvalidRequest */
export async function answerFiles(stream: ServerHttp2Stream): Promise<void> {
  const frames = await sendFiles(await readJson(stream, FilesRequest, BODY));
  stream.respond({ ':status': 200, 'content-type': 'application/octet-stream' });
  // Whoever asked may hang up in the middle.
  await pipeline(Readable.from(frames, { objectMode: false }), stream).catch(() => {});
}
