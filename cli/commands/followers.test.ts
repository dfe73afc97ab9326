import { expect, test } from 'vitest';
import { createPaint } from '../render/paint.ts';
import { tableLines } from '../render/table.ts';

const paint = createPaint(false);

test('a table keeps its rows whatever is in the cells', () => {
  expect(
    tableLines(
      ['run', 'command'],
      [
        ['r1', 'a\nb'],
        ['longer', 'c'],
      ],
      paint,
    ),
  ).toEqual(['run     command', 'r1      a b', 'longer  c']);
});
