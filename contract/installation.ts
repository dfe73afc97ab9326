/** What the leader and the script it starts on a host say to each other while an agent is installed there. */
import { z } from 'zod';

/** A version of the agent: that of the package and the first of its SHA-256. */
const AgentName = z.string().regex(/^[0-9A-Za-z.+-]{1,64}-[0-9a-f]{12}$/);

export const InstallRequest = z.discriminatedUnion('act', [
  /** Ready the place for a version; when that is there already, make it the current one. */
  z.strictObject({ act: z.literal('prepare'), name: AgentName, digest: z.string() }),
  /** Check what was put into `staging`, and give it its name. */
  z.strictObject({ act: z.literal('publish'), name: AgentName, digest: z.string(), staging: z.string() }),
  /** Say why `bytes` could not be written into `staging`, and remove that. */
  z.strictObject({ act: z.literal('explain'), staging: z.string(), bytes: z.int() }),
  z.strictObject({ act: z.literal('look') }),
  /** Remove every version, and the agent's own directory. */
  z.strictObject({ act: z.literal('remove') }),
]);
export type InstallRequest = z.infer<typeof InstallRequest>;

export const InstallAnswer = z.discriminatedUnion('answer', [
  /** `name` is the current version. `before`: what was current until now, if anything else was. */
  z.looseObject({
    answer: z.literal('ready'),
    name: AgentName,
    path: z.string(),
    node: z.string(),
    before: z.string().optional(),
    /** Nothing had to be done. */
    unchanged: z.boolean(),
  }),
  /** The file `aw-follower.mjs` is wanted in `staging`, an absolute path. */
  z.looseObject({ answer: z.literal('wanted'), staging: z.string() }),
  /** Absent `name`: none is installed. */
  z.looseObject({ answer: z.literal('seen'), name: z.string().optional() }),
  z.looseObject({ answer: z.literal('removed'), path: z.string().optional() }),
  z.looseObject({ answer: z.literal('altered'), digest: z.string() }),
  z.looseObject({ answer: z.literal('unsupported'), reason: z.string() }),
  z.looseObject({ answer: z.literal('failed'), step: z.string(), reason: z.string() }),
]);
export type InstallAnswer = z.infer<typeof InstallAnswer>;
