/** News that is passed on with every message until it has been sent often enough. */
import { claimCostBytes } from './codec.ts';
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

interface News {
  readonly identity: string;
  readonly bytes: Uint8Array;
  readonly hasAnnouncement: boolean;
}

/** Claims that do not fit are passed over; after this many a datagram counts as full. */
const MAX_PASSED_OVER = 16;

/**
 * The queue. One claim per member, the latest: so it is never longer than the member table. What was sent least often
 * goes first; among those, what came first.
 */
export class Dissemination {
  readonly #parameters: Pick<Parameters, 'retransmitMultiplier' | 'extraTransmits'>;
  /** By how often it was sent, then by identity. */
  readonly #bySends: Map<string, News>[] = [];

  constructor(parameters: Pick<Parameters, 'retransmitMultiplier' | 'extraTransmits'>) {
    this.#parameters = parameters;
  }

  /** Members whose news waits. */
  get length(): number {
    return this.#bySends.reduce((sum, news) => sum + news.size, 0);
  }

  /** Whether an announcement of the member waits: then what replaces it must carry one too, or it would get lost. */
  holdsAnnouncement(identity: string): boolean {
    return this.#bySends.some((news) => news.get(identity)?.hasAnnouncement === true);
  }

  /** Puts an encoded claim in the place of what is queued for the member. */
  enqueue(identity: string, bytes: Uint8Array, hasAnnouncement: boolean): void {
    for (const news of this.#bySends) news.delete(identity);
    this.#bucket(0).set(identity, { identity, bytes, hasAnnouncement });
  }

  /** Takes encoded claims for one datagram with `budgetBytes` left; each counts as sent once more. */
  take(budgetBytes: number, clusterSize: number): Uint8Array[] {
    const limit = transmitLimit(this.#parameters, clusterSize);
    const taken: { readonly news: News; readonly sends: number }[] = [];
    let leftBytes = budgetBytes;
    let passedOver = 0;
    for (const [sends, bucket] of this.#bySends.entries()) {
      for (const news of bucket.values()) {
        const costBytes = claimCostBytes(news.bytes.length);
        if (costBytes <= leftBytes) {
          leftBytes -= costBytes;
          taken.push({ news, sends });
        } else if (++passedOver > MAX_PASSED_OVER) break;
      }
      if (passedOver > MAX_PASSED_OVER) break;
    }
    for (const { news, sends } of taken) {
      this.#bySends[sends]!.delete(news.identity);
      if (sends + 1 < limit) this.#bucket(sends + 1).set(news.identity, news);
    }
    return taken.map(({ news }) => news.bytes);
  }

  #bucket(sends: number): Map<string, News> {
    while (this.#bySends.length <= sends) this.#bySends.push(new Map());
    return this.#bySends[sends]!;
  }
}
