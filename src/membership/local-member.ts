/** What this node says of itself, and how it answers what others say of it. */
import { compareIpAddresses, equalEndpoints, type Endpoint } from '../wire/address.ts';
import type { Announcement } from './announcement.ts';
import { equalBytes } from '../wire/octets.ts';
import { checkRoomForKeys, sealAnnouncement } from './announcement-codec.ts';
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
  readonly #firstIncarnation: number;
  #incarnation: number;
  /** Incarnation in which the announcement was made: a refutation repeats it under a higher one. */
  #announcedAt: number;
  #slowness = 0;
  #hasLeft = false;
  #contestedBy: Endpoint | undefined;
  /** When another process last outbid us. */
  #contestsMs: readonly number[] = [];

  /** @throws WeftError `announcement-invalid`, also if it would not fit with more keys: those come while it runs. */
  constructor(
    announcement: Announcement,
    incarnation: number,
    parameters: Pick<Parameters, 'maxContests' | 'contestWindowMs'>,
  ) {
    checkRoomForKeys(announcement);
    this.#sealed = sealAnnouncement(announcement);
    this.#firstIncarnation = incarnation;
    this.#incarnation = incarnation;
    this.#announcedAt = incarnation;
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
      announcedAt: this.#announcedAt,
      ageSeconds: 0,
      slowness: this.#slowness,
    };
  }

  /** Says something else from now on. @throws WeftError `announcement-invalid`, and then nothing has changed. */
  announce(announcement: Announcement): void {
    this.#sealed = sealAnnouncement(announcement);
    this.#incarnation = Math.min(this.#incarnation + 1, MAX_INCARNATION);
    this.#announcedAt = this.#incarnation;
  }

  /** Says with its claims that others should give it so many probe intervals more than usual. */
  slow(slowness: number): void {
    this.#slowness = slowness;
  }

  /** Says the same under a higher incarnation. */
  renew(): void {
    this.#incarnation = Math.min(this.#incarnation + 1, MAX_INCARNATION);
  }

  /** Says from now on that this node has left, and refutes nothing any more. */
  leave(): void {
    this.#hasLeft = true;
  }

  /** Was ordered to be forgotten up to `incarnation`, and is there; whether that changes anything. */
  outlive(incarnation: number): boolean {
    if (this.#hasLeft || incarnation < this.#incarnation || incarnation >= MAX_INCARNATION) return false;
    this.#incarnation = incarnation + 1;
    // Whoever forgot it needs the announcement again.
    this.#announcedAt = this.#incarnation;
    return true;
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
    const isOfOurWords = this.#isOfOurWords(claim);
    this.#incarnation = claim.incarnation + 1;
    if (!isOfOurWords) this.#announcedAt = this.#incarnation;
    return 'outbid';
  }

  #agreesWith(claim: Claim): boolean {
    if (claim.incarnation !== this.#incarnation) return claim.incarnation < this.#incarnation;
    return (
      claim.state === 'alive' && (claim.sealed === undefined || equalBytes(claim.sealed.bytes, this.#sealed.bytes))
    );
  }

  /**
   * Whether the claimant certainly holds our announcement, so that it need not be made anew. Under an incarnation that
   * this life did not give out, or that it began with, there may be one of an earlier life.
   */
  #isOfOurWords({ incarnation, sealed }: Claim): boolean {
    if (incarnation !== this.#incarnation || incarnation === this.#firstIncarnation) return false;
    return sealed === undefined || equalBytes(sealed.bytes, this.#sealed.bytes);
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
