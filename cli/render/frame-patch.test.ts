import fc from 'fast-check';
import stringWidth from 'string-width';
import { expect, test } from 'vitest';
import { erasePatch, framePatch, persistPatch, type Shown } from './frame-patch.ts';

/** Enough of a terminal: rows that scroll, wrap when the window becomes narrower, and the sequences a patch may use. */
function terminal(columns: number, height: number) {
  let rows = [''];
  let row = 0;
  let column = 0;
  const put = (text: string) => {
    const line = rows[row]!.padEnd(column);
    rows[row] = line.slice(0, column) + text + line.slice(column + text.length);
    column += text.length;
    expect(column).toBeLessThan(columns);
  };
  return {
    write(patch: string) {
      for (const [part] of patch.matchAll(/\x1b\[[?\d]*[A-Za-z]|[\r\n]|[^\x1b\r\n]+/g)) {
        if (part === '\n') {
          row += 1;
          column = 0;
          if (row === rows.length) rows.push('');
        } else if (part === '\r') column = 0;
        else if (part === '\x1b[K') rows[row] = rows[row]!.slice(0, column);
        else if (part === '\x1b[J') rows = [...rows.slice(0, row), rows[row]!.slice(0, column)];
        else if (part.endsWith('A')) row = Math.max(0, rows.length - height, row - Number(part.slice(2, -1)));
        else if (part.startsWith('\x1b')) expect(part).toMatch(/^\x1b\[\?2026[hl]$/);
        else put(part);
      }
    },
    narrow(to: number) {
      columns = to;
      rows = rows.flatMap(each => (each === '' ? [''] : each.match(new RegExp(`.{1,${to}}`, 'g'))!));
      row = rows.length - 1;
    },
    rows: () => rows,
  };
}

const shown = (rows: readonly string[], columns = 40, height = 20): Shown => ({ rows, columns, height });
const frame = fc.array(fc.constantFrom('a', 'bb', 'ccc', 'd'.repeat(39)), { maxLength: 12 });

test('after a patch the terminal shows the new rows, below what was there before', () => {
  fc.assert(
    fc.property(fc.array(frame, { minLength: 1, maxLength: 6 }), frames => {
      const screen = terminal(40, 20);
      screen.write('before\n');
      let last = shown([]);
      for (const rows of frames) {
        screen.write(framePatch(last, shown(rows)));
        last = shown(rows);
        expect(screen.rows()).toEqual(['before', ...rows, '']);
      }
      screen.write(persistPatch(last, 40, 'kept'));
      expect(screen.rows()).toEqual(['before', 'kept', ...last.rows, '']);
      screen.write(erasePatch(last, 40));
      expect(screen.rows()).toEqual(['before', 'kept', '']);
    }),
    { numRuns: 500 },
  );
});

test('a window that became narrower shows no remains of the wrapped rows', () => {
  fc.assert(
    fc.property(frame, fc.integer({ min: 8, max: 39 }), (rows, columns) => {
      const screen = terminal(40, 200);
      screen.write('before\n');
      screen.write(framePatch(shown([], 40, 200), shown(rows, 40, 200)));
      screen.narrow(columns);
      const fitting = rows.map(row => row.slice(0, columns - 1));
      screen.write(framePatch(shown(rows, 40, 200), shown(fitting, columns, 200)));
      expect(screen.rows()).toEqual(['before', ...fitting, '']);
    }),
  );
});

test('nothing is written when nothing changed, and only the rows that did otherwise', () => {
  const rows = ['one', 'two', 'three'];
  expect(framePatch(shown(rows), shown([...rows]))).toBe('');
  const patch = framePatch(shown(rows), shown(['one', 'zwei', 'three']));
  expect(patch).toContain('zwei');
  expect(patch).not.toMatch(/one|three/);
});

test('the width of a row that is not plain text is what counts when it is wrapped', () => {
  const row = '\x1b[31m下载下载下载下载下载\x1b[39m';
  expect(stringWidth(row)).toBe(20);
  expect(erasePatch(shown([row]), 10)).toContain('\x1b[2A');
});
