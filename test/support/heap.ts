/** What a Node process holds on to, as its inspector tells after a collection: to the kilobyte, where its size varies by megabytes. */

export interface Heap {
  /** Bytes in use, of objects and of buffers. */
  used(): Promise<number>;
  close(): void;
}

/** @param stderr what a process started with `--inspect=127.0.0.1:0` has printed there */
export async function openHeap(stderr: string): Promise<Heap> {
  const [url] = /ws:\/\/\S+/.exec(stderr) ?? [];
  const socket = new WebSocket(url!);
  const waiting = new Map<number, (result: Record<string, number>) => void>();
  let asked = 0;
  socket.addEventListener('message', ({ data }) => {
    const { id, result } = JSON.parse(data);
    waiting.get(id)?.(result);
    waiting.delete(id);
  });
  await new Promise((fulfil, reject) => {
    socket.addEventListener('open', fulfil);
    socket.addEventListener('error', reject);
  });
  const call = (method: string) =>
    new Promise<Record<string, number>>(fulfil => {
      const id = ++asked;
      waiting.set(id, fulfil);
      socket.send(JSON.stringify({ id, method }));
    });
  return {
    async used() {
      // What the first finds dead may have been holding something else.
      for (let times = 0; times < 2; times++) await call('HeapProfiler.collectGarbage');
      const { usedSize, backingStorageSize } = await call('Runtime.getHeapUsage');
      return usedSize! + backingStorageSize!;
    },
    close: () => socket.close(),
  };
}
