/** From one set of ways to the next: whose packets go through a relay now, as events. */
import type { EventSink } from '../process/event-log.ts';
import type { NamedWay } from '../../forwarding/relayed-ways.ts';

export class WayHistory {
  readonly #events: EventSink;
  #ways: ReadonlyMap<string, NamedWay> = new Map();

  constructor(events: EventSink) {
    this.#events = events;
  }

  /** Takes the ways through relays that are in use now, by the peer's identity. @param isPeer whether that is a peer still. */
  update(ways: ReadonlyMap<string, NamedWay>, isPeer: (identity: string) => boolean): void {
    const before = this.#ways;
    this.#ways = ways;
    for (const [identity, { name, relay }] of ways) {
      if (before.get(identity)?.relay === relay) continue;
      const message = `packets for ${name} go through ${relay}`;
      this.#events.add('way-changed', { subject: name, message, details: { identity, relay } });
    }
    for (const [identity, { name, relay }] of before) {
      if (ways.has(identity) || !isPeer(identity)) continue;
      const message = `packets for ${name} go straight, no longer through ${relay}`;
      this.#events.add('way-changed', { subject: name, message, details: { identity, relay: '' } });
    }
  }
}
