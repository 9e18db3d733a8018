/**
 * Who this node is, for good: random, made at the first start, kept in the state directory.
 *
 * The identity is not the address and not the name: both may change. A node whose state directory is lost is another
 * node; it gets the name of its old self as soon as that is dead.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { Store } from '../env/store.ts';
import { WeftError } from '../errors.ts';
import type { MacAddress } from '../wire/address.ts';

export interface NodeIdentity {
  /** 32 lower-case hex digits. */
  readonly identity: string;
  /** Incarnation to begin with: above the one that the previous run began with. */
  readonly incarnation: number;
}

/**
 * Reads the identity, or makes one, and counts this start.
 *
 * @throws WeftError `store-corrupt` if the document is there but is not an identity: a silent new one would orphan the
 * node's name until its old self is declared dead.
 */
export function openNodeIdentity(store: Store): NodeIdentity {
  const document = store.load();
  const known =
    document === undefined ? { identity: randomBytes(16).toString('hex'), incarnation: 0 } : parse(document);
  const next = { identity: known.identity, incarnation: known.incarnation + 1 };
  store.save(next);
  return next;
}

/** MAC address of a node: locally administered, unicast, the same after every start (design: derived from the identity). */
export function macOfIdentity(identity: string): MacAddress {
  const digest = createHash('sha256').update(identity).digest();
  return Uint8Array.of(0x02, digest[0]!, digest[1]!, digest[2]!, digest[3]!, digest[4]!);
}

function parse(document: unknown): NodeIdentity {
  const { identity, incarnation } = (document ?? {}) as Partial<NodeIdentity>;
  if (typeof identity !== 'string' || !/^[0-9a-f]{32}$/.test(identity) || !Number.isSafeInteger(incarnation)) {
    throw new WeftError(
      'store-corrupt',
      'identity.json in the state directory is not an identity: restore it, or delete it to become a new node',
    );
  }
  return { identity, incarnation: incarnation! };
}
