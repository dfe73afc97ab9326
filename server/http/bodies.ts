/** Request bodies: bytes to values, refusing what would have to be altered to be understood. */
import { isUtf8 } from 'node:buffer';
import type { FastifyInstance } from 'fastify';
import { RequestError } from './request-error.ts';

/** JSON is the only body a route takes unless it adds another type itself. */
export function installBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<Buffer>(
    'application/json',
    { parseAs: 'buffer' },
    async (_: unknown, body: Buffer) =>
      body.length === 0 ? undefined : parseJson(decodeUtf8(body), '(body)'),
  );
  app.addHook('onRequest', async request => {
    const encoding = request.headers['content-encoding'];
    if (encoding !== undefined && encoding !== 'identity') {
      throw new RequestError('the body must not be compressed', { status: 415 });
    }
  });
}

/** @throws RequestError for bytes that are not UTF-8, which a decoder would replace. */
export function decodeUtf8(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw new RequestError('the body is not UTF-8');
  return bytes.toString('utf8');
}

/** @throws RequestError */
export function parseJson(text: string, part: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new RequestError(`${part} is not JSON`, { errors: { [part]: (error as Error).message } });
  }
}
