import type { Endpoint } from '../wire/address.ts';

/** How gossip leaves a node. What arrives is handed to the membership's input methods by whoever owns the sockets. */
export interface GossipTransport {
  /** Sends one datagram, best effort. Never throws, never blocks. The bytes are not kept. */
  sendDatagram(to: Endpoint, bytes: Uint8Array): void;
  /** Longest datagram that passes to `to`, in bytes, as far as that is known. Absent: any does. */
  datagramRoomBytes?(to: Endpoint): number;
  /**
   * Sends one request over a reliable stream and hands over the one reply; `undefined` when the stream failed, was
   * refused or timed out. `onReply` is called exactly once, never before this returns.
   */
  exchange(to: Endpoint, request: Uint8Array, onReply: (reply: Uint8Array | undefined) => void): void;
}
