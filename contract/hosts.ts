/** The host catalogue, `.agents/hosts.json`: which followers there are and how each is reached. */
import { z } from 'zod';
import { HostName, Os, ShellName } from './names.ts';

/** An absolute path of the follower's OS. */
const Workspace = z.string().min(1).max(4096);

/**
 * Where SSH connects to: a name, an IP address, or a `Host` of ~/.ssh/config. It and the user's name reach the command lines
 * of ssh and of a ProxyCommand, so both are free of everything a shell or an option parser could act on.
 */
const Address = z
  .string()
  .max(255)
  .regex(/^[A-Za-z0-9_:][A-Za-z0-9._:%-]*$/, 'an address is a host name or an IP address');
const Port = z.int().min(1).max(65535);
const SshUser = z
  .string()
  .max(255)
  .regex(/^[A-Za-z0-9_][A-Za-z0-9._@+\\-]*$/, 'a user name has only letters, digits and ._@+\\-');
/** The fingerprint of the one key a host may show, as `ssh-keygen -l` prints it; known_hosts is not looked at then. */
const HostKey = z
  .string()
  .regex(/^SHA256:[A-Za-z0-9+/]{43}$/, 'a host key is its fingerprint: SHA256: and 43 characters');
/** A private key to log in with. */
const IdentityFile = z.string().min(1).max(4096);

/** A host that SSH goes through. Its fields are those of a follower. */
export const JumpHost = z.strictObject({
  address: Address,
  port: Port.optional(),
  sshUser: SshUser.optional(),
  hostKey: HostKey.optional(),
  identityFile: IdentityFile.optional(),
});
export type JumpHost = z.infer<typeof JumpHost>;

/** Of `[USER@]ADDRESS[:PORT]`, an IPv6 address in brackets, as ProxyJump has it. */
export function jumpFields(text: string): unknown {
  const [, sshUser, bracketed, plain, port] =
    /^(?:([^@]+)@)?(?:\[([^\][]+)\]|([^:@[\]]+))(?::(\d+))?$/.exec(text.trim()) ?? [];
  return {
    address: bracketed ?? plain ?? text,
    ...(port === undefined ? {} : { port: Number(port) }),
    ...(sshUser === undefined ? {} : { sshUser }),
  };
}

export const MAX_JUMPS = 8;

/** In the order in which they are passed; a comma list is one as well. */
const Jumps = z.preprocess(
  value => (typeof value === 'string' ? value.split(',') : value),
  z
    .array(z.preprocess(value => (typeof value === 'string' ? jumpFields(value) : value), JumpHost))
    .min(1, 'there is no jump host')
    .max(MAX_JUMPS),
);

const sshTransports: ReadonlySet<string> = new Set(['openssh', 'ssh', 'auto']);

export const HostEntry = z
  .looseObject({
    name: HostName,
    os: Os,
    /**
     * `local`: a follower process of this machine. `openssh`: the system's ssh. `ssh`: the built-in SSH. `auto`: one of
     * these two (docs/adr/0006).
     */
    transport: z.string().min(1).default('local'),
    /** The project's root on the follower. */
    workspace: Workspace,
    /**
     * More path rules beside the workspace: a leader prefix (relative ones are below the project) and an absolute follower
     * prefix. The longest leader prefix wins.
     */
    paths: z.array(z.strictObject({ leader: z.string().min(1), follower: z.string().min(1) })).optional(),
    /** Login environment and the shell of `-c`; default the follower's own login shell. */
    shell: ShellName.optional(),
    /** `key=value` labels for `--tag`. `os`, `name` and `transport` need no tag of their own. */
    tags: z.array(z.string().regex(/^[^=\s!]+=\S*$/, 'a tag is key=value')).optional(),
    /** Set for every run on this host. */
    env: z.record(z.string(), z.string()).optional(),
    /** Of an agent that already runs: a Unix socket, a named pipe, or `tcp://127.0.0.1:PORT`. */
    socket: z.string().min(1).optional(),
    /** The token for `tcp://`, in a file only its owner can read. */
    tokenFile: z.string().min(1).optional(),
    /** For SSH. */
    address: Address.optional(),
    port: Port.optional(),
    sshUser: SshUser.optional(),
    hostKey: HostKey.optional(),
    /** Before what ~/.ssh/config names and instead of everything else. */
    identityFile: IdentityFile.optional(),
    /** The way there. An address that is the name of another entry of the catalogue means that host. */
    jump: Jumps.optional(),
    /** The agent's program there, when sshd's PATH does not lead to it; relative to the home directory. */
    agent: z
      .string()
      .max(255)
      .regex(/^[A-Za-z0-9._/][A-Za-z0-9._/-]*$/, 'the path of the agent has only letters, digits and ._/-')
      .optional(),
    /** There is no agent and none is looked for: commands run as children of a login, with fewer guarantees. Over SSH only. */
    agentless: z.boolean().optional(),
  })
  .superRefine((host, context) => {
    if (sshTransports.has(host.transport) && host.address === undefined) {
      context.addIssue({
        code: 'custom',
        path: ['address'],
        message: `transport "${host.transport}" needs an address`,
      });
    }
    if (host.agentless === true && (!sshTransports.has(host.transport) || host.agent !== undefined)) {
      const problem = host.agent === undefined ? 'needs an SSH transport' : 'and "agent" exclude each other';
      context.addIssue({ code: 'custom', path: ['agentless'], message: `"agentless" ${problem}` });
    }
    if (!isAbsolute(host.os, host.workspace)) {
      context.addIssue({
        code: 'custom',
        path: ['workspace'],
        message: `"${host.workspace}" is not an absolute ${host.os} path`,
      });
    }
    for (const [index, { follower }] of (host.paths ?? []).entries()) {
      if (isAbsolute(host.os, follower)) continue;
      context.addIssue({
        code: 'custom',
        path: ['paths', index, 'follower'],
        message: `"${follower}" is not an absolute ${host.os} path`,
      });
    }
  });
export type HostEntry = z.infer<typeof HostEntry>;

export const HostCatalogue = z
  .looseObject({ hosts: z.array(HostEntry).min(1, 'there are no hosts').max(1000) })
  .superRefine((catalogue, context) => {
    const seen = new Map<string, number>();
    for (const [index, { name }] of catalogue.hosts.entries()) {
      const first = seen.get(name.toLowerCase());
      if (first !== undefined) {
        context.addIssue({
          code: 'custom',
          path: ['hosts', index, 'name'],
          message: `"${name}" is also the name of host ${first}`,
        });
      }
      seen.set(name.toLowerCase(), index);
    }
  });
export type HostCatalogue = z.infer<typeof HostCatalogue>;

/** On Windows `S:\x`, `\\server\share` or, as MSYS spells it, `/s/x`. */
function isAbsolute(os: Os, path: string): boolean {
  return os === 'windows'
    ? /^(?:[A-Za-z]:[\\/]|\\\\[^\\/]+[\\/][^\\/]+|\/[A-Za-z](?:\/|$))/.test(path)
    : path.startsWith('/');
}
