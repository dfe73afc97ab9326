/** What leader and follower tell each other about trees of files. */
import { z } from 'zod';
import { CHUNK_BITS, LARGEST_CHUNK, MOST_CHUNKS } from './limits.ts';

/** What a directory of a follower can hold, found by trying. */
export const Capabilities = z.looseObject({
  /** `Foo` and `foo` are two files. */
  caseSensitive: z.boolean(),
  /** An é of one code point and one of two are two names. */
  normalizationSensitive: z.boolean(),
  /** Files can be marked executable. */
  executable: z.boolean(),
  symlinks: z.boolean(),
  /** Names that Win32 cannot have are refused, or worse, changed. */
  windowsNames: z.boolean(),
  /** What the 255 of a longest name are. */
  nameUnit: z.enum(['byte', 'utf16']),
});
export type Capabilities = z.infer<typeof Capabilities>;

/** Why a path of the leader is not, or cannot be, on a follower. */
export const ExclusionCode = z.enum([
  /** Another path of the same directory is the same name there, and comes first. */
  'name-collision',
  'reserved-name',
  'illegal-character',
  'trailing-dot-or-space',
  'name-too-long',
  'symlink-unsupported',
  'symlink-target-unportable',
  /** Some file system takes it for `.git`. */
  'git-alias',
  /** A socket, a pipe, a device. */
  'special-file',
  'name-not-utf8',
  'unreadable',
]);
export type ExclusionCode = z.infer<typeof ExclusionCode>;

export const Exclusion = z.looseObject({
  path: z.string(),
  code: ExclusionCode,
  /** For a person: the other name of a collision, the character, the reason of the system. */
  detail: z.string().optional(),
});
export type Exclusion = z.infer<typeof Exclusion>;

/** A file of a follower that was another than the leader's, and how little that was. */
export const Rewritten = z.looseObject({ path: z.string(), code: z.literal('line-endings') });
export type Rewritten = z.infer<typeof Rewritten>;

const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const Path = z.string().min(1).max(16_384);

/** One step from a tree to another. Paths are below the root, with `/`. */
export const Change = z.discriminatedUnion('op', [
  /** Another spelling of one name, in place, with all that is below, also what is ignored. */
  z.looseObject({ op: z.literal('respell'), from: Path, to: Path }),
  /** A file, a link, or a directory with all that is not ignored in it. */
  z.looseObject({ op: z.literal('remove'), path: Path }),
  z.looseObject({ op: z.literal('mkdir'), path: Path }),
  /** A directory that stands elsewhere as it is wanted here, and is wanted there no more. */
  z.looseObject({ op: z.literal('move'), from: Path, to: Path }),
  z.looseObject({
    op: z.literal('write'),
    path: Path,
    size: z.int().nonnegative(),
    sha256: Sha256,
    executable: z.boolean(),
  }),
  z.looseObject({ op: z.literal('link'), path: Path, target: z.string().min(1).max(16_384) }),
  /** The content is right, only the mark is not. */
  z.looseObject({ op: z.literal('mode'), path: Path, executable: z.boolean() }),
]);
export type Change = z.infer<typeof Change>;

/**
 * The calls of a fence, beside those of follower-api.ts. What can be long is NDJSON.
 *
 * | call | body | answer |
 * |---|---|---|
 * | `POST /v1/fences/{id}/hold` | `FenceHold` | a line, `FenceHeld`, and then nothing: the root is held while this stream is open |
 * | `POST /v1/fences/{id}/scan` | `FenceScan` | `FenceScanned` |
 * | `POST /v1/fences/{id}/names` | `NameQuestion` | `NameAnswer` |
 * | `POST /v1/fences/{id}/differing` | lines of `DirectoryDigest` | lines of `Listing` |
 * | `POST /v1/fences/{id}/list` | lines of `DirectoryName` | lines of `Listing` |
 * | `POST /v1/fences/{id}/same-lines` | lines of `LinesDigest`, at most 16 | the paths of those that hold, each a line |
 * | `POST /v1/fences/{id}/claim` | | 204: another program may write there for this fence |
 * | `POST /v1/fences/{id}/plan` | lines of `Change` | lines of `Content`: what the leader has to send |
 * | `POST /v1/fences/{id}/content` | frames, see `follower/tree/content-frames.ts` | 204 when all of it is kept |
 * | `POST /v1/fences/{id}/recipes` | lines of `Recipe`, of what `plan` has said there is a basis for | lines of `Missing`, one for each |
 * | `POST /v1/fences/{id}/chunks` | the missing chunks in that order, nothing in between | lines of `Content`: what has not become what it should, and is to be sent whole |
 * | `POST /v1/fences/{id}/apply` | | `FenceApplied` |
 *
 * A body with `content-encoding: zstd` is compressed; for followers that know it (`FenceHeld.knows`).
 */
export const FenceHold = z.looseObject({
  /** Absolute, of the follower. */
  root: z.string().min(1).max(4096),
  /** Who asks, for whoever else wants the same root meanwhile. */
  leader: z.string().min(1).max(255),
});
export type FenceHold = z.infer<typeof FenceHold>;

export const FenceHeld = z.looseObject({
  capabilities: Capabilities,
  /** A fence has made this root like a leader's tree before. */
  isKnown: z.boolean(),
  /** Whose tree it was, or what stood at its path before, when a fence last changed it: as `FenceHold.leader`. */
  filledBy: z.string().max(255).optional(),
  /** Where the root really is: equal for two roots of one machine that are one. */
  place: z.looseObject({ bootId: z.string(), path: z.string() }),
  /** What it can do besides: `zstd`, take compressed bodies. */
  knows: z.array(z.string().max(64)).max(64).optional(),
  /** What the last look at it has found, and by which rules, if nothing was changed by a fence since. */
  last: z.looseObject({ digest: Sha256, rules: Sha256 }).optional(),
});
export type FenceHeld = z.infer<typeof FenceHeld>;

export const FenceScan = z.looseObject({
  /** What does not belong to the tree. */
  patterns: z.array(z.string().min(1).max(4096)).max(10_000),
  /** Read every file again, whatever is remembered of it. */
  rehash: z.boolean().default(false),
});
export type FenceScan = z.infer<typeof FenceScan>;

export const FenceScanned = z.looseObject({
  digest: Sha256,
  files: z.int().nonnegative(),
  directories: z.int().nonnegative(),
  /** Files that were read, and their bytes. */
  hashed: z.int().nonnegative(),
  hashedBytes: z.int().nonnegative(),
  tookMs: z.number().nonnegative(),
  /** What is there but cannot be told; at most 100. */
  problems: z.array(Exclusion),
});
export type FenceScanned = z.infer<typeof FenceScanned>;

/** Groups of names that may be one name for the follower's file system; the answer has the pairs that are. */
export const NameQuestion = z.looseObject({ groups: z.array(z.array(z.string())).max(10_000) });
export const NameAnswer = z.looseObject({ same: z.array(z.tuple([z.string(), z.string()])) });

export const DirectoryDigest = z.tuple([z.string(), Sha256]);
export type DirectoryDigest = z.infer<typeof DirectoryDigest>;
export const DirectoryName = z.string();

/** A file, and the digest of what is in its lines, as `follower/tree/line-endings.ts` makes it. */
export const LinesDigest = z.tuple([Path, Sha256]);
export type LinesDigest = z.infer<typeof LinesDigest>;

/** Name and what it is; of a directory the digest, and whether it is there only for what is ignored in it. */
export const ListedChild = z.union([
  z.tuple([z.string(), z.literal('f'), z.int().nonnegative(), Sha256, z.boolean()]),
  z.tuple([z.string(), z.literal('l'), z.string()]),
  z.tuple([z.string(), z.literal('d'), Sha256, z.boolean()]),
]);
export type ListedChild = z.infer<typeof ListedChild>;

/** A directory, or a part of a large one: the next line of the same path goes on. */
export const Listing = z.looseObject({ path: z.string(), children: z.array(ListedChild) });
export type Listing = z.infer<typeof Listing>;

export const Content = z.looseObject({
  sha256: Sha256,
  size: z.int().nonnegative(),
  /** There is something that much of it may be found in: a file it is to replace, a part of it that has come before. */
  basis: z.literal(true).optional(),
});
export type Content = z.infer<typeof Content>;

/** A large content as the chunks it is made of, in order, cut as `follower/tree/chunks.ts` does. */
export const Recipe = z
  .looseObject({
    sha256: Sha256,
    size: z.int().positive(),
    /** Of the average length of a chunk, as a power of two. */
    bits: z.int().min(CHUNK_BITS.least).max(CHUNK_BITS.most),
    /** Digest and length. */
    chunks: z.array(z.tuple([Sha256, z.int().positive().max(LARGEST_CHUNK)])).max(MOST_CHUNKS),
  })
  .refine(({ size, chunks }) => chunks.reduce((sum, [, length]) => sum + length, 0) === size, {
    message: 'its chunks are not all of it',
  });
export type Recipe = z.infer<typeof Recipe>;

/** Chunks that are to be sent, each once: ranges of their numbers, from and to before which, ascending. */
export const Missing = z.looseObject({
  sha256: Sha256,
  ranges: z.array(z.tuple([z.int().nonnegative(), z.int().positive()])).max(MOST_CHUNKS),
});
export type Missing = z.infer<typeof Missing>;

export const FenceApplied = z.looseObject({
  done: z.int().nonnegative(),
  bytes: z.int().nonnegative(),
  /** Steps that failed; at most 100, with their number. */
  problems: z.array(z.looseObject({ path: z.string(), code: z.string(), reason: z.string() })),
  failed: z.int().nonnegative(),
});
export type FenceApplied = z.infer<typeof FenceApplied>;
