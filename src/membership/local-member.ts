/** What this node says of itself, and how it answers what others say of it. */
import { compareIpAddresses, equalEndpoints, type Endpoint } from '../wire/address.ts';
import type { Announcement } from './announcement.ts';
import { sealAnnouncement } from './announcement-codec.ts';
import { MAX_INCARNATION } from './limits.ts';
import type { Claim, SealedAnnouncement } from './message.ts';
import type { Parameters } from './parameters.ts';

/**
 * How a claim about this node was taken: it says nothing against us; we outbid it and must spread that; another process
 * that bears our identity has prevailed and we hold our tongue from now on.
 */
export type ContestOutcome = 'agrees' | 'outbid' | 'yielded';

/**
 * The local member. Whatever is claimed of it in an incarnation it did not give out itself, or worse than alive, is
 * refuted with the next higher incarnation. So a restarted node, which begins at 1, takes its place over at once.
 *
 * Clones: two processes with one identity (a copied state directory) would outbid each other for ever. Chosen: each
 * counts how often the other outbid it; beyond `maxContests` within `contestWindowMs` the one with the higher gossip
 * endpoint yields, and claims its place again only when the other is declared dead or gone. Instead of: the first wins.
 * Because: a node that moved to another address is right to outbid what is left of its former self, and cannot be told
 * from a clone until the other answers back; and both sides must reach the same result without a clock in common.
 */
export class LocalMember {
  readonly #parameters: Pick<Parameters, 'maxContests' | 'contestWindowMs'>;
  #sealed: SealedAnnouncement;
  #incarnation: number;
  #hasLeft = false;
  #contestedBy: Endpoint | undefined;
  /** When another process last outbid us. */
  #contestsMs: readonly number[] = [];

  /** @throws WeftError `announcement-invalid` */
  constructor(
    announcement: Announcement,
    incarnation: number,
    parameters: Pick<Parameters, 'maxContests' | 'contestWindowMs'>,
  ) {
    this.#sealed = sealAnnouncement(announcement);
    this.#incarnation = incarnation;
    this.#parameters = parameters;
  }

  get announcement(): Announcement {
    return this.#sealed.announcement;
  }

  get hasLeft(): boolean {
    return this.#hasLeft;
  }

  /** Endpoint of another process with our identity, to which this node has yielded. */
  get contestedBy(): Endpoint | undefined {
    return this.#contestedBy;
  }

  /** What this node claims of itself. */
  claim(): Claim & { readonly sealed: SealedAnnouncement } {
    return {
      identity: this.announcement.identity,
      incarnation: this.#incarnation,
      state: this.#hasLeft ? 'left' : 'alive',
      sealed: this.#sealed,
      announcedAt: this.#incarnation,
      ageSeconds: 0,
    };
  }

  /** Says something else from now on. @throws WeftError `announcement-invalid`, and then nothing has changed. */
  announce(announcement: Announcement): void {
    this.#sealed = sealAnnouncement(announcement);
    this.#incarnation = Math.min(this.#incarnation + 1, MAX_INCARNATION);
  }

  /** Says from now on that this node has left, and refutes nothing any more. */
  leave(): void {
    this.#hasLeft = true;
  }

  /** Takes what another claims of this node. */
  contest(claim: Claim, nowMs: number): ContestOutcome {
    if (this.#hasLeft || this.#agreesWith(claim) || claim.incarnation >= MAX_INCARNATION) return 'agrees';

    const rival = this.#rivalIn(claim);
    if (this.#contestedBy !== undefined) {
      const rivalIsGone = claim.state === 'dead' || claim.state === 'left';
      if (!rivalIsGone) return 'yielded';
      this.#contestedBy = undefined;
      this.#contestsMs = [];
    } else if (rival !== undefined && claim.state === 'alive') {
      const windowMs = this.#parameters.contestWindowMs;
      this.#contestsMs = [...this.#contestsMs.filter((atMs) => nowMs - atMs < windowMs), nowMs];
      if (this.#contestsMs.length > this.#parameters.maxContests && isBelow(rival, this.announcement.gossipEndpoint)) {
        this.#contestedBy = rival;
        return 'yielded';
      }
    }
    this.#incarnation = claim.incarnation + 1;
    return 'outbid';
  }

  #agreesWith(claim: Claim): boolean {
    if (claim.incarnation !== this.#incarnation) return claim.incarnation < this.#incarnation;
    return (
      claim.state === 'alive' && (claim.sealed === undefined || equalBytes(claim.sealed.bytes, this.#sealed.bytes))
    );
  }

  #rivalIn(claim: Claim): Endpoint | undefined {
    const endpoint = claim.sealed?.announcement.gossipEndpoint;
    return endpoint === undefined || equalEndpoints(endpoint, this.announcement.gossipEndpoint) ? undefined : endpoint;
  }
}

function isBelow(a: Endpoint, b: Endpoint): boolean {
  const order = compareIpAddresses(a.address, b.address);
  return order === 0 ? a.port < b.port : order < 0;
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, index) => octet === b[index]);
}
