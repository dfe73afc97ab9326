import { expect, test } from 'vitest';
import { lineEndingProblem } from './line-endings.ts';

test.each<[string, string | undefined]>([
  ['i/lf    w/lf    attr/text=auto eol=lf \ta.txt', undefined],
  ['i/lf    w/crlf  attr/text eol=lf      \ta.txt', 'line-endings: CRLF, where the git attributes say LF'],
  ['i/crlf  w/lf    attr/text eol=crlf    \ta.bat', 'line-endings: LF, where the git attributes say CRLF'],
  ['i/      w/crlf  attr/eol=lf           \tnew.txt', 'line-endings: CRLF, where the git attributes say LF'],
  [
    'i/mixed w/mixed attr/                 \ta b.txt',
    'mixed-line-endings: some lines end in CRLF, others in LF',
  ],
  ['i/mixed w/mixed attr/-text            \ta.bin', undefined],
  ['i/-text w/-text attr/text=auto        \ta.png', undefined],
  ['i/none  w/none  attr/eol=lf           \tone-line', undefined],
  ['i/lf    w/crlf  attr/text=auto        \ta.txt', 'line-endings: CRLF on disk, LF in git'],
  ['i/crlf  w/crlf  attr/                 \ta.txt', undefined],
  ['', undefined],
])('%s', (line, expected) => {
  const [found] = lineEndingProblem(line);
  expect(found && `${found.code}: ${found.detail}`).toBe(expected);
});
