/** Synchronous work in a thread of its own, called like functions that take their time. */
import { flushCompileCache, getCompileCacheDir } from 'node:module';
import { dirname } from 'node:path';
import { parentPort, Worker } from 'node:worker_threads';
import { AwError, type ErrorDetails, isErrorCode } from '../../contract/errors.ts';

// biome-ignore lint/suspicious/noExplicitAny: what goes in and comes out is for the methods' own types.
type Methods = Record<string, (...args: any[]) => unknown>;

export interface Thread<M extends Methods> {
  /**
   * One call at a time is at work, in the order they were made; one that waits lets others in. Rejects as the method throws. Bytes are handed over, not
   * copied, to the method and from it: their buffer is theirs alone.
   */
  call<K extends keyof M & string>(method: K, ...args: Parameters<M[K]>): Promise<Awaited<ReturnType<M[K]>>>;
  /** Ends it where it is; calls under way, and later ones, reject AW_INTERNAL. */
  close(): Promise<void>;
  /** It was closed, or has failed: it answers no call any more. */
  readonly hasEnded: boolean;
}

interface Failure {
  message: string;
  code?: string;
  details?: Record<string, string | number>;
}

/** The thread keeps the process alive only while a call is under way. */
export function startThread<M extends Methods>(module: URL): Thread<M> {
  // Threads do not inherit it by themselves, and to compile everything again takes longer than most of what they do.
  const cache = getCompileCacheDir();
  const env = cache === undefined ? {} : { NODE_COMPILE_CACHE: dirname(cache) };
  const worker = new Worker(module, { env: { ...process.env, ...env } });
  worker.unref();
  const pending = new Map<number, PromiseWithResolvers<never>>();
  let calls = 0;
  const fail = (error: Error) => {
    for (const { reject } of pending.values()) reject(error);
    pending.clear();
  };
  worker.on('message', ({ id, result, failure }: { id: number; result: never; failure?: Failure }) => {
    const call = pending.get(id);
    pending.delete(id);
    if (pending.size === 0) worker.unref();
    if (failure === undefined) call?.resolve(result);
    else call?.reject(revive(failure));
  });
  let hasEnded = false;
  const over = () => new AwError('AW_INTERNAL', { reason: 'the thread has ended' });
  worker.on('error', error => {
    hasEnded = true;
    fail(error as Error);
  });
  worker.on('exit', () => {
    hasEnded = true;
    fail(over());
  });
  return {
    get hasEnded() {
      return hasEnded;
    },
    call: (method, ...args) => {
      // A thread that is gone would never answer.
      if (hasEnded) return Promise.reject(over());
      const id = calls++;
      const call = Promise.withResolvers<never>();
      pending.set(id, call);
      worker.ref();
      worker.postMessage({ id, method, args }, buffersOf(args));
      return call.promise;
    },
    close: async () => {
      hasEnded = true;
      await worker.terminate();
    },
  };
}

/** The other end, in the thread's module. */
export function serveThread(methods: Methods): void {
  // Whoever ends a thread does not let it write that down.
  setImmediate(flushCompileCache);
  parentPort!.on('message', async ({ id, method, args }: { id: number; method: string; args: unknown[] }) => {
    try {
      const result = await methods[method]!(...args);
      parentPort!.postMessage({ id, result }, buffersOf([result]));
    } catch (error) {
      parentPort!.postMessage({ id, failure: toFailure(error as Error) });
    }
  });
}

function buffersOf(values: readonly unknown[]): ArrayBuffer[] {
  return values.flatMap(value => (value instanceof Uint8Array ? [value.buffer as ArrayBuffer] : []));
}

function toFailure(error: Error): Failure {
  if (error instanceof AwError) return { message: error.message, code: error.code, details: error.details };
  const { code } = error as NodeJS.ErrnoException;
  return { message: error.message, ...(code === undefined ? {} : { code }) };
}

function revive({ message, code, details }: Failure): Error {
  if (code !== undefined && details !== undefined && isErrorCode(code)) {
    return new AwError(code, details as ErrorDetails<typeof code>);
  }
  return Object.assign(new Error(message), { code });
}
