/** From one list of routes to the next: what happened in between, as events. */
import type { ResolvedRoute } from '../../routing/resolved-route.ts';
import { comparePrefixes, formatPrefix } from '../../wire/prefix.ts';
import type { EventSink } from '../process/event-log.ts';

/**
 * Both lists are in order of their prefixes, so that one walk along them finds what differs, without a table of its own.
 *
 * A new version alone is no event of the route: it comes with one of the member, and would come once for each of its routes.
 */
export class RouteHistory {
  readonly #events: EventSink;
  #routes: readonly ResolvedRoute[] = [];

  constructor(events: EventSink) {
    this.#events = events;
  }

  /** Takes the routes that are in use now, at most one for each prefix, in order. */
  update(routes: readonly ResolvedRoute[]): void {
    const before = this.#routes;
    this.#routes = routes;
    for (let was = 0, is = 0; was < before.length || is < routes.length;) {
      const old = before[was];
      const now = routes[is];
      if (old === now) {
        was++;
        is++;
        continue;
      }
      const order = old === undefined ? 1 : now === undefined ? -1 : comparePrefixes(old.prefix, now.prefix);
      if (order <= 0) was++;
      if (order >= 0) is++;
      if (order < 0) this.#removed(old!);
      else if (order > 0) this.#added(now!);
      else if (!sameOwner(old!, now!)) this.#changed(old!, now!);
    }
  }

  #added(route: ResolvedRoute): void {
    this.#add('route-added', route, `${formatPrefix(route.prefix)} is at ${ownerOf(route)}`);
  }

  #removed(route: ResolvedRoute): void {
    this.#add('route-removed', route, `${formatPrefix(route.prefix)} is no longer at ${ownerOf(route)}`);
  }

  #changed(before: ResolvedRoute, route: ResolvedRoute): void {
    const prefix = formatPrefix(route.prefix);
    this.#add('route-changed', route, `${prefix} is at ${ownerOf(route)}, no longer at ${ownerOf(before)}`);
  }

  #add(kind: 'route-added' | 'route-changed' | 'route-removed', route: ResolvedRoute, message: string): void {
    const { network, prefix, owner, version } = route;
    const { kind: routeKind, name, identity } = owner;
    const subject = formatPrefix(prefix);
    this.#events.add(kind, {
      subject,
      message,
      details: { network, node: name, kind: routeKind, origin: identity, version },
    });
  }
}

function sameOwner({ owner: a }: ResolvedRoute, { owner: b }: ResolvedRoute): boolean {
  return a.kind === b.kind && a.identity === b.identity && a.name === b.name;
}

function ownerOf({ owner, version }: ResolvedRoute): string {
  if (owner.kind === 'local') return 'this node';
  return owner.kind === 'static' ? `static peer ${owner.name}` : `${owner.name}, version ${version}`;
}
