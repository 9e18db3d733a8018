/** Whether the routes that follow from a view are those that should. */
import type { Member } from '../membership/announcement.ts';
import { resolveRoutes } from '../routing/resolve-routes.ts';
import { formatPrefix } from '../wire/prefix.ts';
import { clusterPrefixes } from './node-announcement.ts';

/** Views whose outcome is remembered; then all are forgotten. */
const MAX_REMEMBERED = 4_096;

/** Runs the real decision about routes, once for all nodes that see the same. */
export class RouteCheck {
  readonly #outcomes = new Map<number, string | undefined>();

  /**
   * What is wrong with the routes that follow from `members`; `undefined` if nothing.
   *
   * @param digest equal for equal members
   */
  problemOf(self: Member, members: readonly Member[], digest: number): string | undefined {
    if (this.#outcomes.has(digest)) return this.#outcomes.get(digest);
    if (this.#outcomes.size >= MAX_REMEMBERED) this.#outcomes.clear();
    const problem = findProblem(self, members);
    this.#outcomes.set(digest, problem);
    return problem;
  }
}

function findProblem(self: Member, members: readonly Member[]): string | undefined {
  const { routes, refusals } = resolveRoutes({ self, members, staticPeers: [], clusterPrefixes });
  const refused = new Set(refusals.map(({ identity }) => identity));
  const claims = new Map<string, Member>();
  for (const member of members) {
    if (member.state !== 'alive' && member.state !== 'suspect') continue;
    for (const prefix of member.announcement.prefixes) claims.set(formatPrefix(prefix), member);
  }
  for (const { prefix, owner } of routes) {
    const claimant = claims.get(formatPrefix(prefix));
    if (claimant === undefined) return `route ${formatPrefix(prefix)} to ${owner.name}, which is not there`;
    claims.delete(formatPrefix(prefix));
  }
  for (const [prefix, { announcement }] of claims) {
    if (!refused.has(announcement.identity)) return `no route ${prefix} to ${announcement.name}, which is there`;
  }
  return undefined;
}
