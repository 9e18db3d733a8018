/**
 * Whose a received packet is: its sender's, or, where the sender relays, that of another peer, under whose MAC address it
 * comes. No more than that is believed: a relay speaks for peers, and each of them for its own prefixes.
 */
import { ETHERNET_DESTINATION_OFFSET, ETHERNET_SOURCE_OFFSET } from '../wire/ethernet.ts';
import { DropReason } from './drop-reason.ts';
import type { ForwardingReader } from './forwarding-table.ts';

/**
 * Why a packet must not come from the underlay address at `senderAt`, that of `sender`, or -1. `way` is what the inner source
 * address was found to belong to: a peer, a relayed way to one, this node, or nobody.
 *
 * Several peers may share an underlay address, and only one of them is what the index of senders finds.
 */
export function judgeOrigin(
  forwarding: ForwardingReader,
  bytes: Uint8Array,
  ethernetAt: number,
  way: number,
  sender: number,
  senderFamily: 4 | 6,
  senderAt: number,
): DropReason | -1 {
  if (way <= 0) return DropReason.forgedSource;
  const owner = forwarding.targetOf(way);
  if (owner === sender || forwarding.peerHasAddress(owner, bytes, senderAt, senderFamily)) return -1;
  if (!forwarding.hasMac(owner, bytes, ethernetAt + ETHERNET_SOURCE_OFFSET)) return DropReason.forgedSource;
  return forwarding.mayRelay(sender) ? -1 : DropReason.relayNotAnnounced;
}

/** The peer for which `sender` relays the frame at `ethernetAt`, by its source address; -1 if it relays it for nobody. */
export function relayedOrigin(
  forwarding: ForwardingReader,
  bytes: Uint8Array,
  ethernetAt: number,
  sender: number,
): number {
  if (!forwarding.mayRelay(sender)) return -1;
  const origin = forwarding.peerByMac(bytes, ethernetAt + ETHERNET_SOURCE_OFFSET);
  return origin === sender ? -1 : origin;
}

/**
 * Whether Remote Checksum Offload in a frame of `sender`, with which it was not agreed on, is none of this node's business, as
 * the frame is for another peer, or was agreed on with whom the frame is relayed for.
 */
export function mayHaveRemoteChecksum(
  forwarding: ForwardingReader,
  bytes: Uint8Array,
  ethernetAt: number,
  sender: number,
): boolean {
  const destinationAt = ethernetAt + ETHERNET_DESTINATION_OFFSET;
  if (!forwarding.hasMac(0, bytes, destinationAt))
    return forwarding.relays && forwarding.peerByMac(bytes, destinationAt) > 0;
  const origin = relayedOrigin(forwarding, bytes, ethernetAt, sender);
  return origin !== -1 && forwarding.hasRemoteChecksum(origin);
}
