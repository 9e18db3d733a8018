/** The cluster's keys at one node, as `daemon/gossip/gossip-keys.ts` handles them: kept over a restart, changed by orders. */
import { clusterKey, type ClusterKey } from '../authentication/cluster-key.ts';
import type { KeyOrder } from '../authentication/key-order.ts';
import { KeyRing } from '../authentication/key-ring.ts';
import { KEY_BYTES, type Cipher } from '../env/cipher.ts';
import type { Membership } from '../membership/membership.ts';
import type { Directive } from '../membership/message.ts';
import { SeededRandom } from './seeded-random.ts';

/** Key number `serial` of the cluster: the same for everybody. */
export function keyNumber(cipher: Cipher, serial: number): ClusterKey {
  const random = new SeededRandom(serial, 0x6b_65_79);
  return clusterKey(
    cipher,
    Uint8Array.from({ length: KEY_BYTES }, () => random.below(256)),
  );
}

export class NodeKeys {
  readonly cipher: Cipher;
  readonly ring: KeyRing;
  readonly #onChange: (ids: readonly string[]) => void;

  /** @param onChange called with the ids of all keys, the primary's first, when they have changed */
  constructor(cipher: Cipher, first: ClusterKey, onChange: (ids: readonly string[]) => void) {
    this.cipher = cipher;
    this.ring = new KeyRing(cipher, { keys: [first], orders: [], outdated: [] });
    this.#onChange = onChange;
  }

  /** Orders of earlier runs, for the membership to begin with. */
  get orders(): readonly Directive[] {
    return this.ring.known().orders;
  }

  /** A process begins. */
  attach(membership: Membership): void {
    this.ring.keepWhile((id) => membership.members().some(({ announcement }) => announcement.keyIds.includes(id)));
  }

  /** Orders came. */
  follow(orders: readonly Directive[]): void {
    if (this.ring.follow(orders)) this.#onChange(this.ring.ids);
  }

  /** An operator gives an order here. */
  give(order: KeyOrder, membership: Membership): void {
    const { subject, content } = this.ring.encode(order);
    membership.issue(subject, content);
    this.follow(membership.directives());
  }
}
