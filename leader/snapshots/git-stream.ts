/** A tree as `git fast-import` reads it: the bytes as they are, past all that git does to files of a working tree. */
import type { TreeNode } from '../../follower/tree/node.ts';

export interface StreamedCommit {
  ref: string;
  message: string;
  /** Milliseconds. */
  time: number;
}

/**
 * @param content of a file, as many bytes as its node says; throws to give up
 */
export async function* importStream(
  { ref, message, time }: StreamedCommit,
  entries: Iterable<readonly [path: string, node: TreeNode]>,
  content: (path: string, node: Extract<TreeNode, { kind: 'file' }>) => AsyncIterable<Buffer>,
): AsyncGenerator<Buffer> {
  const seconds = Math.floor(time / 1000);
  yield text(`feature done\ncommit ${ref}\ncommitter aw <aw@localhost> ${seconds} +0000\n${data(message)}`);
  for (const [path, node] of entries) {
    if (node.kind === 'symlink') yield text(`M 120000 inline ${quoted(path)}\n${data(node.target)}`);
    if (node.kind !== 'file') continue;
    const mode = node.executable ? '100755' : '100644';
    yield text(`M ${mode} inline ${quoted(path)}\ndata ${node.size}\n`);
    yield* content(path, node);
    yield text('\n');
  }
  yield text('done\n');
}

function data(value: string): string {
  return `data ${Buffer.byteLength(value)}\n${value}\n`;
}

/** As a string of C, in which all else stands for itself. */
export function quoted(path: string): string {
  return `"${path.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n')}"`;
}

function text(value: string): Buffer {
  return Buffer.from(value);
}
