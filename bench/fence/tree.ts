/** A tree of files as projects have them: many small, few large, the same for the same seed. And what is done to it. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { seededFractions } from '../../test/support/random.ts';

/** Bytes: the median of the files, and the largest. With `SPREAD` that makes 4.6 KB on average. */
const MEDIAN = 1500;
const LARGEST = 2_000_000;
const SPREAD = 1.5;
const FILES_IN_DIRECTORY = 12;

export interface BenchTree {
  root: string;
  files: number;
  bytes: number;
  /** Files in the directory that `rename` moves: a tenth of all, 10,000 of 100,000. */
  moving: number;
  /** Gives so many files other content of the same size. */
  change(count: number): void;
  /** Renames the directory. */
  rename(): void;
}

export function makeTree(root: string, files: number, seed = 1): BenchTree {
  const random = seededFractions(seed);
  const text = words(random);
  const moving = Math.floor(files / 10);
  let movingName = 'moving';
  let edits = 0;
  let bytes = 0;

  const sizes = Array.from({ length: files }, () =>
    Math.min(LARGEST, Math.ceil(MEDIAN * Math.exp(SPREAD * normal(random)))),
  );
  const pathOf = (index: number) => {
    const inMoving = index < moving;
    const number = Math.floor((inMoving ? index : index - moving) / FILES_IN_DIRECTORY);
    const digits = number.toString(12).padStart(4, '0');
    const directory = [...digits.slice(0, -1)].map(digit => `part-${digit}`).join('/');
    return join(inMoving ? movingName : 'src', directory, `module-${digits.at(-1)}`, `file-${index}.ts`);
  };
  const write = (index: number) => {
    const size = sizes[index]!;
    const head = `// ${index} ${edits}\n`;
    const start = Math.floor(random() * (text.length - LARGEST));
    writeFileSync(join(root, pathOf(index)), (head + text.slice(start, start + size)).slice(0, size));
  };

  mkdirSync(join(root, '.agents'), { recursive: true });
  for (let index = 0; index < files; index++) {
    mkdirSync(dirname(join(root, pathOf(index))), { recursive: true });
    write(index);
    bytes += sizes[index]!;
  }
  return {
    root,
    files,
    bytes,
    moving,
    change: count => {
      edits++;
      const step = Math.max(1, Math.floor((files - moving) / count));
      for (let each = 0; each < count; each++) write(moving + ((each * step + edits) % (files - moving)));
    },
    rename: () => {
      const to = movingName === 'moving' ? 'moved' : 'moving';
      renameSync(join(root, movingName), join(root, to));
      movingName = to;
    },
  };
}

/** As compressible as text is. */
function words(random: () => number): string {
  const all = Array.from({ length: 4000 }, () => {
    const length = 2 + Math.floor(random() * 9);
    return Array.from({ length }, () => String.fromCharCode(97 + Math.floor(random() * 26))).join('');
  });
  let text = '';
  while (text.length < 2 * LARGEST) {
    // Common words come more often.
    text += all[Math.floor(random() ** 3 * all.length)] + (random() < 0.1 ? ';\n' : ' ');
  }
  return text;
}

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
