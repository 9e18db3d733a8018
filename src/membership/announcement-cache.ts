/** Announcements that were parsed before: most of what gossip brings is known already. */
import { parseAnnouncement } from './announcement-codec.ts';
import type { SealedAnnouncement } from './message.ts';
import { equalBytes } from '../wire/octets.ts';

/** Nodes whose announcements are kept; whoever was first heard of longest ago makes room. */
const MAX_IDENTITIES = 10_000;

/** Announcements kept per node: while a new one spreads, the one before still comes. */
const MAX_PER_IDENTITY = 2;

/**
 * Gives one value for the same bytes, without parsing them again. Several memberships in one process may share one: then
 * they share the values too, which is what lets a simulation hold thousands of nodes.
 */
export class AnnouncementCache {
  /** The latest first. */
  readonly #known = new Map<string, readonly SealedAnnouncement[]>();

  /** As {@link parseAnnouncement}. */
  parse(identity: string, bytes: Uint8Array): ReturnType<typeof parseAnnouncement> {
    const known = this.#known.get(identity);
    if (known !== undefined) {
      for (const sealed of known) {
        if (equalBytes(sealed.bytes, bytes)) return sealed;
      }
    }
    const sealed = parseAnnouncement(identity, bytes);
    if (typeof sealed === 'string') return sealed;
    if (known === undefined && this.#known.size >= MAX_IDENTITIES) {
      for (const oldest of this.#known.keys()) {
        this.#known.delete(oldest);
        break;
      }
    }
    this.#known.set(identity, [sealed, ...(known ?? [])].slice(0, MAX_PER_IDENTITY));
    return sealed;
  }
}
