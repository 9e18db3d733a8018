/** Datagrams on their way out, each filled up with news. */
import type { Clock } from '../env/clock.ts';
import type { GossipTransport } from '../env/transport.ts';
import type { Endpoint } from '../wire/address.ts';
import { encodeClaim, fieldCostBytes, type EncodedField } from './claim-codec.ts';
import { appendNews, DatagramTag, encodeDatagram } from './codec.ts';
import { encodedNow, type Dissemination, type News } from './dissemination.ts';
import { MAX_ANNOUNCEMENT_BYTES, MAX_SENT_DATAGRAM_BYTES } from './limits.ts';
import { claimOf, type MemberTable } from './member-table.ts';
import type { Claim, DatagramBody } from './message.ts';

export interface OutboxOptions {
  readonly network: string;
  /** Identity of this node. */
  readonly self: string;
  readonly clock: Clock;
  readonly table: MemberTable;
  readonly dissemination: Dissemination;
  readonly transport: Pick<GossipTransport, 'sendDatagram' | 'datagramRoomBytes'>;
  /** Called where there is news that no datagram to `to` has room for: a stream carries it. Says whether one was begun. */
  readonly onTooLong?: (to: Endpoint) => boolean;
}

export class Outbox {
  readonly #options: OutboxOptions;
  datagramsSent = 0;
  bytesSent = 0;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /**
   * Sends a datagram.
   *
   * @param first members of whom the receiver shall hear by all means, before other news; those not known are left out
   */
  send(to: Endpoint, body: DatagramBody, first: readonly string[] = []): void {
    const { network, self, clock, table, dissemination, transport } = this.#options;
    const head = encodeDatagram(network, self, body);
    const nowMs = clock.nowMs();
    const fields: EncodedField[] = [];
    const roomBytes = Math.min(MAX_SENT_DATAGRAM_BYTES, transport.datagramRoomBytes?.(to) ?? Infinity) - head.length;
    let leftBytes = roomBytes;
    let isTooLong = false;
    for (const identity of first) {
      const record = table.get(identity);
      const field = record && encodedNow(newsOf(claimOf(record, nowMs), nowMs), nowMs);
      if (field === undefined) continue;
      const costBytes = fieldCostBytes(field.bytes.length);
      if (costBytes > roomBytes) isTooLong = true;
      if (costBytes > leftBytes) continue;
      leftBytes -= costBytes;
      fields.push(field);
    }
    fields.push(...dissemination.take(leftBytes, table.clusterSize(), nowMs));
    if ((isTooLong || dissemination.isLonger(roomBytes)) && this.#options.onTooLong?.(to) === true) {
      dissemination.passOver(roomBytes, table.clusterSize());
    }
    const bytes = appendNews(head, fields);
    this.datagramsSent++;
    this.bytesSent += bytes.length;
    transport.sendDatagram(to, bytes);
  }
}

/** Bytes that a claim takes beside an announcement, at most, if it names no accusers. */
const CLAIM_FIELDS_BYTES = 43;

/**
 * A claim as a piece of news. It fits a datagram, whatever that asks or answers: beside the longest announcements there is no
 * room for accusers, and others learn those when they look for themselves.
 */
export function newsOf(claim: Claim, nowMs: number): News {
  const bytes = encodeClaim(claim);
  const fits = bytes.length <= MAX_ANNOUNCEMENT_BYTES + CLAIM_FIELDS_BYTES;
  return {
    about: claim.identity,
    tag: DatagramTag.claim,
    bytes: fits ? bytes : encodeClaim({ ...claim, accusers: [] }),
    announcedMs: claim.sealed === undefined ? undefined : nowMs - (claim.announcementAgeMs ?? 0),
  };
}
