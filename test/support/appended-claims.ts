/** Datagrams of gossip that carry nothing but claims, besides their head. */
import { appendNews, DatagramTag } from '../../src/membership/codec.ts';

/** The datagram `head` followed by encoded claims. */
export function appendClaims(head: Uint8Array, claims: readonly Uint8Array[]): Uint8Array {
  return appendNews(
    head,
    claims.map((bytes) => ({ tag: DatagramTag.claim, bytes })),
  );
}
