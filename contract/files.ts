/** What leader and follower tell each other when files are brought back: `POST /v1/files`, answered in frames. */
import { z } from 'zod';

const Path = z.string().min(1).max(4096);

export const FilesRequest = z.looseObject({
  /** Absolute, of the follower. */
  root: z.string().min(1).max(4096),
  /** Patterns of paths below the root, with `/`. What is ignored is not left out. */
  globs: z.array(z.string().min(1).max(4096)).min(1).max(1000),
  maxFiles: z.int().positive(),
  maxBytes: z.int().positive(),
});
export type FilesRequest = z.infer<typeof FilesRequest>;

/** A file begins: so many bytes of content follow, then its `FileEnd`. */
export const FileStart = z.looseObject({
  path: Path,
  size: z.int().nonnegative(),
  executable: z.boolean(),
});
export type FileStart = z.infer<typeof FileStart>;

/** With `error` the content is not all of it, or not of one moment. */
export const FileEnd = z.union([
  z.looseObject({ sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
  z.looseObject({ error: z.string() }),
]);
export type FileEnd = z.infer<typeof FileEnd>;

/** A path that matches and cannot be brought: a link, a file that must not be read. */
export const FileProblem = z.looseObject({ path: Path, reason: z.string() });
export type FileProblem = z.infer<typeof FileProblem>;

/** All was said. An answer without this was cut off. */
export const FilesEnd = z.looseObject({
  /** There is more that matches than was asked for at most. */
  more: z.boolean(),
});
export type FilesEnd = z.infer<typeof FilesEnd>;
