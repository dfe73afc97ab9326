/** An SSE client that takes a stream exactly as the standard says. */
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { onTestFinished } from 'vitest';
import type { CallOptions, TestService } from './service.ts';

export interface SseClient {
  readonly response: Response;
  readonly messages: EventSourceMessage[];
  readonly comments: string[];
  /** Reads on until `enough`, or to the end of the stream. */
  until(enough: (client: SseClient) => boolean): Promise<void>;
  /** The ids of the contract events so far. */
  ids(): number[];
  /** The stream's own messages of a type. */
  own(type: string): unknown[];
  stop(): void;
}

export async function openStream(
  service: TestService,
  path: string,
  options: CallOptions = {},
): Promise<SseClient> {
  const abort = new AbortController();
  onTestFinished(() => abort.abort());
  const response = await service.call(path, { ...options, signal: abort.signal });
  const messages: EventSourceMessage[] = [];
  const comments: string[] = [];
  const parser = createParser({
    onEvent: message => messages.push(message),
    onComment: comment => comments.push(comment),
  });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  const client: SseClient = {
    response,
    messages,
    comments,
    until: async enough => {
      while (!enough(client)) {
        const { done, value } = await reader.read();
        if (done) return;
        parser.feed(value);
      }
    },
    ids: () => messages.filter(({ event }) => event === undefined).map(({ id }) => Number(id)),
    own: type => messages.filter(({ event }) => event === type).map(({ data }) => JSON.parse(data)),
    stop: () => abort.abort(),
  };
  return client;
}

/** Reads all that is stored. */
export async function readAll(
  service: TestService,
  session: string,
  lastEventId?: number,
): Promise<SseClient> {
  const from = lastEventId === undefined ? '' : `&lastEventId=${lastEventId}`;
  const stream = await openStream(service, `/sessions/${session}/events?follow=0${from}`);
  await stream.until(() => false);
  return stream;
}
