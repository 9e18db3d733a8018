/**
 * Where the sequence numbers of TCP connections begin, so that they can be shown relative to that, as tcpdump does: small numbers
 * tell how much of a stream has been sent.
 */

/** Directions of connections that are remembered; of more, those that were heard of longest ago are forgotten. */
const MAX_DIRECTIONS = 10_000;

/** 2^32: sequence numbers are 32 bits wide, and wrap (RFC 9293, section 3.4). */
const WRAP = 2 ** 32;

export class TcpOrigins {
  /** By direction, the one heard of last at the end. */
  readonly #origins = new Map<string, number>();

  /**
   * The sequence number relative to the first one that was seen in this direction.
   *
   * @param from end that sends, such as `10.244.1.2.40312`.
   * @param isSyn it begins the stream, whatever was seen of an earlier one between the same ends.
   */
  relative(from: string, to: string, sequence: number, isSyn: boolean): number {
    const key = `${from} ${to}`;
    const known = this.#origins.get(key);
    const origin = known === undefined || isSyn ? sequence : known;
    this.#remember(key, origin);
    return difference(sequence, origin);
  }

  /** An acknowledgment relative to where the other direction begins, as far as that was seen; else as it is. */
  relativeAcknowledgment(from: string, to: string, acknowledgment: number): number {
    const origin = this.#origins.get(`${to} ${from}`);
    return origin === undefined ? acknowledgment : difference(acknowledgment, origin);
  }

  #remember(key: string, origin: number): void {
    this.#origins.delete(key);
    this.#origins.set(key, origin);
    if (this.#origins.size <= MAX_DIRECTIONS) return;
    const [oldest] = this.#origins.keys();
    this.#origins.delete(oldest!);
  }
}

function difference(sequence: number, origin: number): number {
  return (sequence - origin + WRAP) % WRAP;
}
