/** Who makes a request, and what a route asks of them. */
import type { Grant } from '../store/index.ts';

/** `host`: a follower's token, good for one host of one session. */
export type Principal = { readonly kind: 'admin' } | ({ readonly kind: 'host' } & Grant);

/** `none`: no token needed. `host`: a host's token will do, too; the route checks what exactly it allows. */
export type Scope = 'none' | 'admin' | 'host';

declare module 'fastify' {
  interface FastifyContextConfig {
    scope?: Scope;
  }
  interface FastifyRequest {
    /** Null on routes of scope `none`. */
    principal: Principal | null;
  }
}
