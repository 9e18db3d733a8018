/** News that is passed on with every message until it has been sent often enough. */
import { ANNOUNCEMENT_AGE_BYTES, fieldCostBytes, withAnnouncementAge, type EncodedField } from './claim-codec.ts';
import { DatagramTag } from './codec.ts';
import { MAX_DATAGRAM_DIRECTIVES, MAX_DATAGRAM_POD_CHANGES } from './limits.ts';
import type { Parameters } from './parameters.ts';

/**
 * How often one claim is sent by each node that heard it: lambda x log10(n + 1), as in SWIM (section 4.1) and
 * memberlist, and some more. If all n nodes send s times to random others, one of them is missed with a probability of
 * about n x e^-s: 5 % for 20 nodes and memberlist's 6 sends, 0.1 % with 4 more.
 */
export function transmitLimit(
  parameters: Pick<Parameters, 'retransmitMultiplier' | 'extraTransmits'>,
  clusterSize: number,
): number {
  return Math.ceil(parameters.retransmitMultiplier * Math.log10(clusterSize + 1)) + parameters.extraTransmits;
}

/** One piece of news: an encoded claim or directive. */
export interface News extends EncodedField {
  /** What it is about: an identity, or the subject of a directive. What comes later about the same takes its place. */
  readonly about: string;
  /** When the announcement in it was made, on this node's clock, in ms; `undefined` if there is none. */
  readonly announcedMs: number | undefined;
}

/** News that does not fit is passed over; after so much of it a datagram counts as full. */
const MAX_PASSED_OVER = 16;

/** If little is queued it has been sent often enough after half as many rounds of gossip. */
const STALE_ROUNDS = 15;

/** Most in one datagram, by tag: a receiver refuses one with more, and claims are too long for as many as it takes. */
const mostPerDatagram: Readonly<Record<number, number>> = {
  [DatagramTag.directive]: MAX_DATAGRAM_DIRECTIVES,
  [DatagramTag.podChange]: MAX_DATAGRAM_POD_CHANGES,
  [DatagramTag.rulebookRumour]: 1,
};

type DisseminationParameters = Pick<Parameters, 'retransmitMultiplier' | 'extraTransmits' | 'gossipIntervalMs'>;

/**
 * The queue. One piece of news per member and per directive, the latest: so it is never longer than the two tables. What
 * was sent least often goes first; among those, what came first.
 */
export class Dissemination {
  readonly #parameters: DisseminationParameters;
  /** By how often it was sent, then by what it is about. */
  readonly #bySends: Map<string, News>[] = [];
  /** How often each was sent. */
  readonly #sends = new Map<string, number>();
  /** When each was queued, the first first. */
  readonly #queuedMs = new Map<string, number>();

  /** No news that waits takes more of a datagram. */
  #longestBytes = 0;

  constructor(parameters: DisseminationParameters) {
    this.#parameters = parameters;
  }

  /** Pieces of news that wait. */
  get length(): number {
    return this.#sends.size;
  }

  /** Whether something has waited for so long that it is on its way by other means, or should be. */
  isCongested(nowMs: number): boolean {
    const [longestMs] = this.#queuedMs.values();
    return longestMs !== undefined && this.#isStale(longestMs, nowMs);
  }

  /** Whether an announcement of the member waits: then what replaces it must carry one too, or it would get lost. */
  holdsAnnouncement(identity: string): boolean {
    const sends = this.#sends.get(identity);
    return sends !== undefined && this.#bySends[sends]!.get(identity)!.announcedMs !== undefined;
  }

  /** Puts news in the place of what is queued about the same. */
  enqueue(news: News, nowMs: number): void {
    this.drop(news.about);
    this.#bucket(0).set(news.about, news);
    this.#sends.set(news.about, 0);
    this.#queuedMs.set(news.about, nowMs);
    this.#longestBytes = Math.max(this.#longestBytes, costOf(news));
  }

  /**
   * A random other turned out to hold the same as this node: what has waited for long need not be told any more. Only where
   * a great many changed at once does anything wait for long; and who is missed all the same learns it by an exchange.
   */
  dropStale(nowMs: number): void {
    for (const [about, queuedMs] of this.#queuedMs) {
      if (!this.#isStale(queuedMs, nowMs)) return;
      this.drop(about);
    }
  }

  /** Forgets what is queued about a member or a directive. */
  drop(about: string): void {
    const sends = this.#sends.get(about);
    if (sends === undefined) return;
    this.#bySends[sends]!.delete(about);
    this.#sends.delete(about);
    this.#queuedMs.delete(about);
  }

  /** Takes news for one datagram with `budgetBytes` left; each counts as sent once more. */
  take(budgetBytes: number, clusterSize: number, nowMs: number): EncodedField[] {
    if (this.#sends.size === 0) return [];
    const taken = this.#choose(budgetBytes);
    const limit = transmitLimit(this.#parameters, clusterSize);
    return taken.map((news) => {
      this.#countSend(news, limit);
      return encodedNow(news, nowMs);
    });
  }

  /**
   * Whether there is news too long for any datagram of `mostBytes` bytes, the least that every path takes being less than an
   * announcement may be: it has to go another way.
   */
  isLonger(mostBytes: number): boolean {
    if (mostBytes >= this.#longestBytes) return false;
    this.#longestBytes = Math.max(0, ...this.#bySends.flatMap((bucket) => [...bucket.values()].map(costOf)));
    return mostBytes < this.#longestBytes;
  }

  /** Counts such news as sent once more: it went another way. */
  passOver(mostBytes: number, clusterSize: number): void {
    const limit = transmitLimit(this.#parameters, clusterSize);
    const news = this.#bySends.flatMap((bucket) => [...bucket.values()]).filter((one) => costOf(one) > mostBytes);
    for (const one of news) this.#countSend(one, limit);
  }

  #countSend(news: News, limit: number): void {
    const sends = this.#sends.get(news.about)! + 1;
    if (sends >= limit) return this.drop(news.about);
    this.#bucket(sends - 1).delete(news.about);
    this.#bucket(sends).set(news.about, news);
    this.#sends.set(news.about, sends);
  }

  #isStale(queuedMs: number, nowMs: number): boolean {
    return nowMs - queuedMs >= STALE_ROUNDS * this.#parameters.gossipIntervalMs;
  }

  #choose(budgetBytes: number): News[] {
    const chosen: News[] = [];
    const counts = new Map<number, number>();
    let leftBytes = budgetBytes;
    let passedOver = 0;
    for (const bucket of this.#bySends) {
      for (const news of bucket.values()) {
        const costBytes = costOf(news);
        const count = counts.get(news.tag) ?? 0;
        if (costBytes <= leftBytes && count < (mostPerDatagram[news.tag] ?? Infinity)) {
          leftBytes -= costBytes;
          counts.set(news.tag, count + 1);
          chosen.push(news);
        } else if (++passedOver > MAX_PASSED_OVER) return chosen;
      }
    }
    return chosen;
  }

  #bucket(sends: number): Map<string, News> {
    while (this.#bySends.length <= sends) this.#bySends.push(new Map());
    return this.#bySends[sends]!;
  }
}

/** Bytes that it takes of a datagram. */
function costOf({ announcedMs, bytes }: News): number {
  return fieldCostBytes(bytes.length + (announcedMs === undefined ? 0 : ANNOUNCEMENT_AGE_BYTES));
}

/** News as it is sent now: with the age that its announcement has got meanwhile. */
export function encodedNow({ tag, bytes, announcedMs }: News, nowMs: number): EncodedField {
  return { tag, bytes: announcedMs === undefined ? bytes : withAnnouncementAge(bytes, nowMs - announcedMs) };
}
