/** Routes in use, and claims that are not. */
import type { Prefix } from '../wire/prefix.ts';
import type { Refusal } from './refusal.ts';

/** A prefix and the one node that has it. */
export interface ResolvedRoute {
  readonly network: string;
  readonly prefix: Prefix;
  /** `identity` is empty for a static peer. */
  readonly owner: { readonly kind: 'local' | 'gossip' | 'static'; readonly identity: string; readonly name: string };
  /** Incarnation of the announcement, the same on every node; 0 for static ones. */
  readonly version: number;
}

/** What `resolveRoutes` decided. */
export interface Resolution {
  /** In order of their prefixes. */
  readonly routes: ResolvedRoute[];
  /** In order of who is refused. */
  readonly refusals: Refusal[];
}
