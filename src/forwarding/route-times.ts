/** Since when each route is in use, whatever else changes about it. */
import type { ResolvedRoute } from '../routing/resolved-route.ts';
import { comparePrefixes } from '../wire/prefix.ts';
import { keyOf } from './active-peers.ts';

/**
 * Two lists in order of their prefixes, as in `route-history.ts`: one walk along them finds what stayed, without a table of its
 * own, which would have a text for each of ten thousands of prefixes.
 */
export class RouteTimes {
  #routes: readonly ResolvedRoute[] = [];
  #sinceMs = new Float64Array(0);

  /** These are the routes now, at most one for each prefix, in order. What is new is in use since `nowMs`. */
  update(routes: readonly ResolvedRoute[], nowMs: number): void {
    const before = this.#routes;
    const sinceMs = new Float64Array(routes.length);
    let was = 0;
    for (const [index, route] of routes.entries()) {
      while (was < before.length && order(before[was]!, route) < 0) was++;
      const old = before[was];
      sinceMs[index] = nowMs;
      if (old === undefined || order(old, route) !== 0) continue;
      if (old === route || keyOf(old) === keyOf(route)) sinceMs[index] = this.#sinceMs[was]!;
      was++;
    }
    this.#routes = routes;
    this.#sinceMs = sinceMs;
  }

  /** Of the route with this index in the list. */
  sinceMs(index: number): number {
    return this.#sinceMs[index]!;
  }
}

/** Most routes are the same objects as before. */
function order(a: ResolvedRoute, b: ResolvedRoute): number {
  return a === b ? 0 : comparePrefixes(a.prefix, b.prefix);
}
