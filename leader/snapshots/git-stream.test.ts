import { expect, test } from 'vitest';
import type { TreeNode } from '../../follower/tree/node.ts';
import { importStream, quoted } from './git-stream.ts';

const file = (size: number, executable = false): TreeNode => ({ kind: 'file', size, sha256: '', executable });

test('a commit, its files in order, and the word that it is complete', async () => {
  const entries: [string, TreeNode][] = [
    ['a', file(3)],
    ['dir', { kind: 'directory', children: new Map(), digest: '', onlyIgnored: false }],
    ['dir/é', file(0, true)],
    ['link', { kind: 'symlink', target: 'é' }],
  ];
  const chunks: Buffer[] = [];
  const content = async function* (path: string) {
    if (path === 'a') yield Buffer.from('x\r\n');
  };
  const commit = { ref: 'refs/snapshots/s', message: 'm', time: 1_700_000_000_999 };
  for await (const chunk of importStream(commit, entries, content)) chunks.push(chunk);
  expect(Buffer.concat(chunks).toString()).toBe(
    'feature done\ncommit refs/snapshots/s\ncommitter aw <aw@localhost> 1700000000 +0000\ndata 1\nm\n' +
      'M 100644 inline "a"\ndata 3\nx\r\n\nM 100755 inline "dir/é"\ndata 0\n\nM 120000 inline "link"\ndata 2\né\ndone\n',
  );
});

test('a name can say nothing but itself', () => {
  expect(quoted('a"\nM 100644 inline x\\')).toBe('"a\\"\\nM 100644 inline x\\\\"');
});
