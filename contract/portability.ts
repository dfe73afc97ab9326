/** What `followers check` says of a project, before any follower is touched. */
import { z } from 'zod';
import { HostName } from './names.ts';
import { Capabilities, ExclusionCode } from './trees.ts';

const Code = z.enum([
  ...ExclusionCode.options,
  'path-too-long',
  /** The file arrives, its mark does not. */
  'executable-unsupported',
  /** Others than `.gitattributes` or git's own copy has. */
  'line-endings',
  'mixed-line-endings',
]);

/** `error`: some follower cannot have it as it is. `warning`: it arrives and may not work. `note`: so that nobody wonders. */
const Level = z.enum(['error', 'warning', 'note']);

export const PortabilityProblem = z.looseObject({
  type: z.literal('problem'),
  /** From the project's root, with `/`. */
  path: z.string(),
  code: Code,
  level: Level,
  /** For a person. */
  detail: z.string(),
  /** A free name in the same directory that every system can have. Where paths lie in one another, rename the deeper first. */
  rename: z.string().optional(),
  /** Where. */
  hosts: z.array(HostName),
});
export type PortabilityProblem = z.infer<typeof PortabilityProblem>;

/** What a host was taken for. */
export const PortabilityHost = z.looseObject({
  type: z.literal('host'),
  host: HostName,
  /** `probed` by the follower in its workspace, or `assumed` of its OS. */
  basis: z.enum(['probed', 'assumed']),
  capabilities: Capabilities,
  /** Why it was not probed, although it was tried. */
  error: z.looseObject({ code: z.string(), message: z.string(), remedy: z.string() }).optional(),
});
export type PortabilityHost = z.infer<typeof PortabilityHost>;
