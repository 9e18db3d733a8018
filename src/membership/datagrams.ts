/** Datagrams as they come in. */
import type { Endpoint } from '../wire/address.ts';
import type { AnnouncementCache } from './announcement-cache.ts';
import type { Claims } from './claims.ts';
import { parseDatagram } from './codec.ts';
import type { FailureDetector } from './failure-detector.ts';
import type { MemberTable } from './member-table.ts';
import type { Claim, DatagramBody } from './message.ts';
import type { Orders } from './orders.ts';
import type { Outbox } from './outbox.ts';
import type { PodGossip } from './pod-gossip.ts';
import type { PushPull } from './push-pull.ts';
import type { Refusals } from './refusals.ts';
import type { RulebookGossip } from './rulebook-gossip.ts';

export interface DatagramsOptions {
  readonly network: string;
  /** Identity of this node. */
  readonly self: string;
  readonly announcements: AnnouncementCache;
  readonly table: MemberTable;
  readonly refusals: Refusals;
  readonly outbox: Outbox;
  readonly claims: Claims;
  readonly orders: Orders;
  readonly detector: FailureDetector;
  readonly pushPull: PushPull;
  readonly pods: PodGossip | undefined;
  readonly rulebook: RulebookGossip | undefined;
}

export class Datagrams {
  readonly #options: DatagramsOptions;

  constructor(options: DatagramsOptions) {
    this.#options = options;
  }

  /** Takes what a datagram brings, and answers. */
  take(from: Endpoint, bytes: Uint8Array): void {
    const { network, self, announcements, table, refusals, outbox, claims, orders, pushPull } = this.#options;
    const { pods, rulebook } = this.#options;
    const datagram = parseDatagram(bytes, network, announcements);
    if (typeof datagram === 'string') return refusals.count(datagram, from);
    if (datagram.sender === self) return refusals.count('sender-self', from);
    for (const aged of datagram.directives) orders.take(from, aged);
    for (const claim of datagram.claims) claims.take(from, claim);
    if (pods !== undefined) for (const change of datagram.podChanges) pods.takeChange(from, change);
    if (datagram.rulebookRumour !== undefined) rulebook?.takeRumour(from, datagram.rulebookRumour);
    this.#takeBody(from, datagram.sender, datagram.body);
    if (this.#isAccusedBy(datagram.claims)) outbox.send(from, { kind: 'none' }, [self]);
    const sender = table.get(datagram.sender);
    if (sender === undefined || sender.state === 'dead') pushPull.introduce(from);
  }

  #takeBody(from: Endpoint, sender: string, body: DatagramBody): void {
    const { self, detector, refusals, outbox } = this.#options;
    const refusal = detector.handle(from, sender, body);
    if (refusal === undefined) return;
    refusals.count(refusal, from);
    // Whoever asks here for another has not heard yet who moved where. It may be about to suspect that node.
    if (refusal === 'probe-misdirected' && body.kind === 'ping')
      outbox.send(from, { kind: 'none' }, [body.target, self]);
  }

  /** Whether claims say that this node is suspect or dead: their sender is the first who should hear otherwise. */
  #isAccusedBy(claims: readonly Claim[]): boolean {
    const { self } = this.#options;
    return claims.some(({ identity, state }) => identity === self && (state === 'suspect' || state === 'dead'));
  }
}
