/**
 * What two nodes tell each other over a stream, so that both hold the same afterwards.
 *
 *     A                                                              B
 *     | request: A's own claim, digest of A's table                  |
 *     |------------------------------------------------------------->|  compares, bucket by bucket
 *     |     reply: which buckets differ, all that B holds of them    |
 *     |<-------------------------------------------------------------|
 *     | second request, if A holds newer: A's claims of them         |
 *     |------------------------------------------------------------->|
 *     |     reply: what B holds newer than that (a refutation)       |
 *     |<-------------------------------------------------------------|
 *
 * Beside these there are pings, questions of the pod directory, which bring claims of whom they are about, and of the rulebook.
 *
 * A node of version 0.1.0 ignores the digest and replies with everything, and sends everything without a digest, which is
 * answered with everything.
 */
import type { Clock } from '../env/clock.ts';
import type { Endpoint } from '../wire/address.ts';
import type { AnnouncementCache } from './announcement-cache.ts';
import type { Claims } from './claims.ts';
import type { Directives } from './directives.ts';
import type { Dissemination } from './dissemination.ts';
import { encodeExchange, parseExchange } from './exchange-codec.ts';
import { DIGEST_BUCKET_BYTES } from './limits.ts';
import { announcesNewer, claimOf, supersedes, type MemberTable } from './member-table.ts';
import type { Claim, Difference, Digest, Exchange, ProbeMessage } from './message.ts';
import type { Orders } from './orders.ts';
import type { PodGossip } from './pod-gossip.ts';
import type { Refusals } from './refusals.ts';
import type { RulebookGossip } from './rulebook-gossip.ts';
import { bucketCount, differingBuckets } from './table-digest.ts';

export interface ExchangesOptions {
  readonly network: string;
  /** Identity of this node. */
  readonly self: string;
  readonly clock: Clock;
  readonly table: MemberTable;
  readonly claims: Claims;
  readonly directives: Directives;
  readonly dissemination: Dissemination;
  readonly announcements: AnnouncementCache;
  readonly refusals: Refusals;
  readonly orders: Orders;
  readonly pods: PodGossip | undefined;
  readonly rulebook: RulebookGossip | undefined;
}

export class Exchanges {
  readonly #options: ExchangesOptions;

  constructor(options: ExchangesOptions) {
    this.#options = options;
  }

  /** The first request: what this node holds, in short. */
  request(): Uint8Array {
    const { self, table, directives } = this.#options;
    const buckets = table.digest(bucketCount(table.size));
    return this.#encode({ claims: this.#claimsOf([self]), digest: { buckets, directives: directives.digest() } });
  }

  /** A request that only asks whether `target` is there. */
  ping(ping: ProbeMessage): Uint8Array {
    return this.#encode({ claims: this.#claimsOf([this.#options.self, ping.target]), ping });
  }

  /** Takes the reply to {@link ping}; whether it came from `target` itself. */
  takePong(from: Endpoint, bytes: Uint8Array, target: string): boolean {
    // Version 0.1.0 replies with everything it knows, which is as good a sign of life as an ack.
    return this.#take(from, bytes)?.sender === target;
  }

  /** A request for pods. */
  podRequest(podRequest: Uint8Array): Uint8Array {
    return this.#encode({ podRequest, difference: nothingDiffers, claims: this.#claimsOf([this.#options.self]) });
  }

  /** Takes the reply to {@link podRequest}, and gives the answer in it; `undefined`: there is none. */
  takePodReply(from: Endpoint, bytes: Uint8Array): Uint8Array | undefined {
    return this.#take(from, bytes)?.podAnswer;
  }

  /** A request for what two nodes hold differently of the rulebook. */
  rulebookRequest(rulebookRequest: Uint8Array): Uint8Array {
    return this.#encode({ rulebookRequest, difference: nothingDiffers, claims: this.#claimsOf([this.#options.self]) });
  }

  /** Takes the reply to {@link rulebookRequest}, and gives the answer in it; `undefined`: there is none. */
  takeRulebookReply(from: Endpoint, bytes: Uint8Array): Uint8Array | undefined {
    return this.#take(from, bytes)?.rulebookAnswer;
  }

  /** Takes a request and gives the reply; `undefined` if it is refused. */
  answer(from: Endpoint, bytes: Uint8Array): Uint8Array | undefined {
    const { self, clock, table, directives } = this.#options;
    const request = this.#take(from, bytes);
    if (request === undefined) return undefined;
    const { ping, digest, difference, podRequest, rulebookRequest } = request;
    if (ping !== undefined) {
      if (ping.target === self) return this.#encode({ ack: ping, claims: this.#claimsOf([self]) });
      this.#options.refusals.count('probe-misdirected', from);
      return this.#encode({ claims: this.#claimsOf([self, ping.target]) });
    }
    if (digest !== undefined) return this.#compare(digest);
    if (podRequest !== undefined) return this.#answerPods(from, podRequest);
    if (rulebookRequest !== undefined) return this.#answerRulebook(from, rulebookRequest);
    if (difference !== undefined) {
      return this.#encode({
        difference: nothingDiffers,
        claims: this.#claimsOf(request.claims.map(({ identity }) => identity)).filter(isNewerThan(request.claims)),
      });
    }
    return this.#encode({ claims: table.claims(clock.nowMs()), directives: directives.aged() });
  }

  /** Takes the reply to {@link request}. Gives the second request, if the other lacks something. */
  takeReply(from: Endpoint, bytes: Uint8Array): Uint8Array | undefined {
    const { clock, table, directives, dissemination } = this.#options;
    const reply = this.#take(from, bytes);
    if (reply === undefined) return undefined;
    // Without a difference it is of version 0.1.0 and holds everything.
    const difference = reply.difference ?? everythingMayDiffer;
    if (difference.buckets.length === 0 && !difference.directives) {
      dissemination.dropStale(clock.nowMs());
      return undefined;
    }
    const claims = table
      .claims(clock.nowMs(), new Set(difference.buckets), difference.bucketCount)
      .filter(isNewerThan(reply.claims));
    const ordered = difference.directives ? directives.newerThan(reply.directives) : [];
    if (claims.length === 0 && ordered.length === 0) return undefined;
    return this.#encode({ difference: nothingDiffers, claims, directives: ordered });
  }

  /** Takes the reply to the second request. */
  takeLastReply(from: Endpoint, bytes: Uint8Array): void {
    this.#take(from, bytes);
  }

  #answerPods(from: Endpoint, request: Uint8Array): Uint8Array | undefined {
    const { self, pods } = this.#options;
    const answer = pods?.answer(from, request);
    if (answer === undefined) return undefined;
    const claims = this.#claimsOf([self, ...answer.about.filter((identity) => identity !== self)]);
    return this.#encode({ difference: nothingDiffers, podAnswer: answer.bytes, claims });
  }

  #answerRulebook(from: Endpoint, request: Uint8Array): Uint8Array | undefined {
    const { self, rulebook } = this.#options;
    const rulebookAnswer = rulebook?.answer(from, request);
    if (rulebookAnswer === undefined) return undefined;
    return this.#encode({ difference: nothingDiffers, rulebookAnswer, claims: this.#claimsOf([self]) });
  }

  #compare(theirs: Digest): Uint8Array {
    const { clock, table, directives, dissemination } = this.#options;
    const count = theirs.buckets.length / DIGEST_BUCKET_BYTES;
    const buckets = differingBuckets(table.digest(count), theirs.buckets);
    const ordersDiffer = differingBuckets(directives.digest(), theirs.directives).length > 0;
    if (buckets.length === 0 && !ordersDiffer) dissemination.dropStale(clock.nowMs());
    return this.#encode({
      difference: { buckets, bucketCount: count, directives: ordersDiffer },
      claims: buckets.length === 0 ? [] : table.claims(clock.nowMs(), new Set(buckets), count),
      directives: ordersDiffer ? directives.aged() : [],
    });
  }

  /** Decodes a message and merges what it brings. */
  #take(from: Endpoint, bytes: Uint8Array): Exchange | undefined {
    const { network, self, claims, announcements, refusals, orders } = this.#options;
    const parsed = parseExchange(bytes, network, announcements);
    const message = typeof parsed === 'object' && parsed.sender === self ? 'sender-self' : parsed;
    if (typeof message === 'string') {
      refusals.count(message, from);
      return undefined;
    }
    // First the orders: what is forgotten must not come back with the claims.
    for (const aged of message.directives) orders.take(from, aged);
    for (const claim of message.claims) claims.takeExchanged(from, claim);
    return message;
  }

  #claimsOf(identities: readonly string[]): Claim[] {
    const { clock, table } = this.#options;
    const records = identities.map((identity) => table.get(identity)).filter((record) => record !== undefined);
    return records.map((record) => claimOf(record, clock.nowMs()));
  }

  #encode(exchange: Partial<Exchange>): Uint8Array {
    const { network, self } = this.#options;
    return encodeExchange(network, { sender: self, claims: [], directives: [], ...exchange });
  }
}

const nothingDiffers: Difference = { buckets: [], bucketCount: 1, directives: false };
const everythingMayDiffer: Difference = { buckets: [0], bucketCount: 1, directives: true };

/** Tells which claims say more than `others` do. */
function isNewerThan(others: readonly Claim[]): (claim: Claim) => boolean {
  const byIdentity = new Map(others.map((claim) => [claim.identity, claim]));
  return (claim) => {
    const other = byIdentity.get(claim.identity);
    if (other === undefined || supersedes(claim, other)) return true;
    return (
      other.sealed === undefined || announcesNewer(claim, { sealed: other.sealed, announcedAt: other.announcedAt })
    );
  };
}
