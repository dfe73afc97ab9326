import type { ServerResponse } from 'node:http';

/**
 * Waits until a response takes more. False when its client is gone or has taken nothing for `timeoutMs`: one that left
 * never drains, so waiting for that alone would be for ever.
 */
export async function drained(response: ServerResponse, timeoutMs: number): Promise<boolean> {
  if (response.destroyed || response.writableEnded) return false;
  if (!response.writableNeedDrain) return true;
  return new Promise(resolve => {
    const settle = (ready: boolean) => () => {
      clearTimeout(timer);
      response.off('drain', onDrain).off('close', onClose);
      resolve(ready);
    };
    const onDrain = settle(true);
    const onClose = settle(false);
    const timer = setTimeout(onClose, timeoutMs);
    response.on('drain', onDrain).on('close', onClose);
  });
}
