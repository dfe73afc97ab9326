import { expect, test } from 'vitest';
import { createPaint } from '../render/paint.ts';
import { tableLines } from '../render/table.ts';
import { reportLines } from './followers.ts';

const paint = createPaint(false);

test('a doctor report says what is wrong and what fixes it', () => {
  const lines = reportLines(
    {
      host: 'win-01',
      reachable: false,
      findings: [
        { check: 'resolution', status: 'ok', detail: 'an agent of this machine', fix: 'nothing to fix' },
        { check: 'connect', status: 'failed', detail: 'refused\x1b[2J', fix: 'start it\nnow' },
      ],
    },
    paint,
  );
  expect(lines).toEqual([
    'win-01  not reached',
    '  ✓ resolution  an agent of this machine',
    '  ✗ connect     refused [2J',
    '    fix: start it now',
  ]);
});

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
