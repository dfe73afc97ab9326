import { describe, expect, test } from 'vitest';
import type { Content, Missing, Recipe } from '../../contract/trees.ts';
import { type LargeFiles, missingPieces, sendChunks } from './large-files.ts';

const digest = (digit: number) => String(digit).repeat(64);
const recipe: Recipe = {
  sha256: digest(9),
  size: 60,
  bits: 16,
  chunks: [
    [digest(1), 10],
    [digest(2), 20],
    [digest(3), 30],
  ],
};
const content: Content = { sha256: recipe.sha256, size: 60 };
const missing = (...ranges: [number, number][]): Missing => ({ sha256: recipe.sha256, ranges });

describe('what a follower lacks', () => {
  test('is read where it is', () => {
    expect(missingPieces(recipe, missing())).toEqual([]);
    expect(missingPieces(recipe, missing([0, 1], [2, 3]))).toEqual([
      { position: 0, length: 10, sha256: digest(1) },
      { position: 30, length: 30, sha256: digest(3) },
    ]);
  });

  test.each<[string, Missing]>([
    ['of another file', { sha256: digest(8), ranges: [] }],
    ['beyond the end', missing([2, 4])],
    ['of nothing', missing([1, 1])],
    ['backwards', missing([2, 1])],
    ['twice', missing([0, 2], [1, 3])],
    ['in another order', missing([2, 3], [0, 1])],
  ])('is refused when it is %s', (_, each) => {
    expect(() => missingPieces(recipe, each)).toThrow(
      expect.objectContaining({ code: 'AW_PROTOCOL_GARBAGE' }),
    );
  });
});

describe('a follower', () => {
  const files: LargeFiles = {
    recipe: async () => recipe,
    pieces: async (_, pieces) => Buffer.concat(pieces.map(({ length }) => Buffer.alloc(length, 'x'))),
  };
  /** @param failed what it says has not become what it is to be */
  const talk = async (answer: Missing[], failed: Content[] = []) => {
    let got = 0;
    const chunks = async (source: AsyncIterable<Buffer>) => {
      for await (const { length } of source) got += length;
      return failed;
    };
    const whole = await sendChunks({ recipes: async () => answer, chunks }, files, [content]);
    return { got, whole };
  };

  test('gets what it lacks, and is told when that is nothing', async () => {
    expect(await talk([missing([0, 2])])).toEqual({ got: 30, whole: [] });
    expect(await talk([missing()])).toEqual({ got: 0, whole: [] });
  });

  test('gets all of what could not be put together', async () => {
    expect(await talk([missing([0, 2])], [content])).toEqual({ got: 30, whole: [content] });
  });

  test('gets nothing that it was not told of, and once', async () => {
    for (const failed of [[{ sha256: digest(7), size: 60 }], [content, content]]) {
      await expect(talk([missing()], failed)).rejects.toMatchObject({ code: 'AW_PROTOCOL_GARBAGE' });
    }
    await expect(talk([])).rejects.toMatchObject({ code: 'AW_PROTOCOL_GARBAGE' });
  });

  test('gets all of a file that has too many chunks', async () => {
    const none = { recipes: async () => [], chunks: async () => [] };
    expect(await sendChunks(none, { ...files, recipe: async () => undefined }, [content])).toEqual([content]);
  });
});
