/** Arguments that have gone wrong somewhere. Each must arrive as it is, on every target that can carry it. */

export interface Vector {
  id: string;
  /** What it catches. */
  trap: string;
  values: readonly string[];
}

export const vectors: readonly Vector[] = [
  { id: 'A1', trap: 'an empty argument is dropped', values: [''] },
  { id: 'A2', trap: 'blanks are trimmed or split', values: [' ', '  a  '] },
  { id: 'A3', trap: 'a blank splits', values: ['a b'] },
  { id: 'A4', trap: 'single quote', values: ["it's"] },
  { id: 'A5', trap: 'nothing but quotes', values: ["'", "''", "'\\''"] },
  { id: 'A6', trap: "PowerShell's other single quotes", values: ['\u2018x\u2019', '\u201a\u201b'] },
  { id: 'A7', trap: "PowerShell's other double quotes", values: ['\u201cx\u201d\u201e'] },
  { id: 'A8', trap: 'double quotes', values: ['say "hi"', '"', '""'] },
  { id: 'A9', trap: 'backslashes before a quote', values: ['a\\"b', 'a\\\\"b'] },
  { id: 'A10', trap: 'backslashes at the end', values: ['C:\\dir\\', 'a b\\', 'a b\\\\'] },
  { id: 'A11', trap: 'a share', values: ['\\\\srv\\share\\', '\\srv\\share'] },
  { id: 'A12', trap: 'expansion', values: ['$HOME ${x} $(id) `id`'] },
  { id: 'A15', trap: 'other blanks', values: ['\t', 'a\tb', '\v\f'] },
  { id: 'A16', trap: 'file name patterns', values: ['*.js', '?', '[a]', 'pa[c]kage.json', '*'] },
  { id: 'A17', trap: 'brace expansion', values: ['{a,b}', 'a{0..2}b', '{}'] },
  { id: 'A18', trap: 'home directories', values: ['~', '~root', 'a=~', 'x:~'] },
  { id: 'A19', trap: "zsh's =command", values: ['=ls', '=a=b'] },
  { id: 'A20', trap: 'history and delayed expansion', values: ['!!', '!$', 'a!b', '!x!'] },
  { id: 'A21', trap: 'comments and extended patterns', values: ['#x', 'a #b', '^x', 'x~y'] },
  { id: 'A22', trap: "cmd.exe's variables", values: ['%PATH%', '100%', '%', '%%', '%1', '%*', '%cd:~,%'] },
  { id: 'A23', trap: "cmd.exe's operators", values: ['a&b', '&', 'a|b', '<', '>', '^', '(', ')'] },
  { id: 'A24', trap: 'a command behind a quote', values: ['a"&echo PWN>pwn.txt&"b'] },
  { id: 'A25', trap: 'separators of cmd.exe, arrays of PowerShell', values: ['a,b;c=d', ',', ';', '='] },
  { id: 'A26', trap: 'options', values: ['-n', '--', '-', '-x:y', '-x.y', '/c', '/d:x', '--help'] },
  { id: 'A27', trap: "PowerShell's stop-parsing word", values: ['--%'] },
  { id: 'A28', trap: "splatting, Cygwin's @file", values: ['@file', '@args', '@{a=1}'] },
  { id: 'A29', trap: 'JSON', values: ['{"k":"v & w","p":"C:\\\\x"}'] },
  { id: 'A30', trap: "PowerShell's other dashes", values: ['\u2013x', '\u2014'] },
  { id: 'A31', trap: 'blanks and marks of Unicode', values: ['\u00a0', '\u0085', '\u2028', '\ufeff'] },
  { id: 'A32', trap: 'Unicode normalisation', values: ['\u00e9', 'e\u0301'] },
  { id: 'A33', trap: 'code pages', values: ['日本語', '😀', '\u{10ffff}'] },
  { id: 'A34', trap: 'control characters', values: ['\x01\x07\x08\x1b[0m\x7f'] },
  { id: 'A42', trap: 'a backslash before the next argument', values: [`${'x'.repeat(10)}\\`, 'y z'] },
];

/** Line breaks: exact everywhere but in batch files and cmd.exe, which refuse them. */
export const lineBreaks: readonly Vector[] = [
  { id: 'A13', trap: 'a line feed', values: ['a\nb', '\n'] },
  { id: 'A14', trap: 'a carriage return', values: ['a\r\nb', 'a\r'] },
];

/** What no operating system can carry: NUL (A35) and text that is no Unicode (A36). */
export const unrepresentable = { nul: ['a\0b'], loneSurrogate: ['\ud800', 'a\udc00'] } as const;

/** All arguments that every POSIX system and every ordinary Windows program can receive. */
export const representable: readonly string[] = [...vectors, ...lineBreaks].flatMap(vector => vector.values);

/** Those that a batch file can receive too. */
export const batchRepresentable: readonly string[] = vectors.flatMap(vector => vector.values);

/** Command names that a shell would take for something else (A40). */
export const awkwardNames: readonly string[] = [
  '=x',
  'A=B',
  '-x',
  'my tool',
  'true',
  'ls',
  '~',
  '[',
  'if',
  '$x',
  'a"b',
];
