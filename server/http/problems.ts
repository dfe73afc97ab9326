/** Every error leaves as a Problem, also those that HTTP itself or the framework makes. */
import type { Socket } from 'node:net';
import type { FastifyError, FastifyInstance, FastifyReply } from 'fastify';
import { AwError } from '../../contract/errors.ts';
import { PROBLEM_TYPE, toProblem } from '../../contract/problem.ts';
import { MAX_BODY } from '../limits.ts';
import { RequestError } from './request-error.ts';

export type Log = (message: string) => void;

export function installProblems(app: FastifyInstance, log: Log): void {
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const limit = request.routeOptions.bodyLimit ?? MAX_BODY;
    const coded = codedError(error, limit);
    if (coded.code === 'AW_INTERNAL') {
      log(`${request.method} ${request.routeOptions.url}: ${error.stack ?? error.message}`);
    }
    sendProblem(reply, coded);
  });
  app.setNotFoundHandler((request, reply) => {
    sendProblem(reply, new AwError('AW_NOT_FOUND', { path: pathOf(request.url) }));
  });
}

export function sendProblem(reply: FastifyReply, error: AwError): void {
  const errors = error instanceof RequestError ? error.errors : undefined;
  if (error.status === 401) reply.header('www-authenticate', 'Bearer');
  reply
    .code(error.status)
    .type(PROBLEM_TYPE)
    .send(JSON.stringify(toProblem(error, errors)));
}

/** What is thrown by the framework has a 4xx status; all else is our own failure, whose cause goes to the log only. */
export function codedError(error: FastifyError | AwError, bodyLimit: number): AwError {
  if (error instanceof AwError) return error;
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return new AwError('AW_FRAME_TOO_LARGE', { what: 'the request body', limit: bodyLimit });
  }
  const status = error.statusCode ?? 500;
  if (status >= 400 && status < 500) return new RequestError(error.message, { status });
  return new AwError('AW_INTERNAL', { reason: "the server's log has it" }, { cause: error });
}

/** Answers bytes that are not HTTP, or came too slowly, on the bare socket. */
export function answerBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = STATUS_OF_BROKEN[error.code ?? ''] ?? { code: 400, text: 'Bad Request' };
  const body = JSON.stringify(
    toProblem(new RequestError('it is not complete, correct HTTP', { status: status.code })),
  );
  const head = `HTTP/1.1 ${status.code} ${status.text}\r\ncontent-type: ${PROBLEM_TYPE}\r\n`;
  socket.end(`${head}content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`);
}

const STATUS_OF_BROKEN: Record<string, { code: number; text: string }> = {
  ERR_HTTP_REQUEST_TIMEOUT: { code: 408, text: 'Request Timeout' },
  HPE_HEADER_OVERFLOW: { code: 431, text: 'Request Header Fields Too Large' },
};

function pathOf(url: string): string {
  return url.split('?', 1)[0] as string;
}
