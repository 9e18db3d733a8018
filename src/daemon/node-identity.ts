/**
 * Who this node is, for good: random, made at the first start, kept in the state directory.
 *
 * The identity is not the address and not the name: both may change. A node whose state directory is lost is another
 * node; it gets the name of its old self as soon as that is dead.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { Logger } from '../env/logger.ts';
import type { Store } from '../env/store.ts';
import { WeftError } from '../errors.ts';
import type { MacAddress } from '../wire/address.ts';

export interface NodeIdentity {
  /** 32 lower-case hex digits. */
  readonly identity: string;
  /** Incarnation to begin with: above all that the previous run is known to have used. */
  readonly incarnation: number;
}

/** Incarnations that count as used as soon as one of them is: one write for so many changes of what a node announces. */
const INCARNATIONS_PER_SAVE = 100;

/** Nobody comes to more by himself: somebody with a key drives the number up, and it shall not outlast him. */
const MAX_KEPT_INCARNATION = 2 ** 31;

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

/**
 * Sees to it that the next run begins above every incarnation of this one. So whatever is left of this run, such as that the
 * node has left, is older than the first word of the next; and gossip need not tell a node how far it once was, which it would
 * not believe beyond a limit.
 */
export class IncarnationKeeper {
  readonly #store: Store;
  readonly #logger: Logger;
  readonly #identity: string;
  #kept: number;

  /** @param opened as {@link openNodeIdentity} has given it, from the same store. */
  constructor(store: Store, { identity, incarnation }: NodeIdentity, logger: Logger) {
    this.#store = store;
    this.#logger = logger;
    this.#identity = identity;
    this.#kept = incarnation;
  }

  /** The node has come to `incarnation`. */
  used(incarnation: number): void {
    if (incarnation <= this.#kept || incarnation > MAX_KEPT_INCARNATION) return;
    this.#kept = incarnation + INCARNATIONS_PER_SAVE - 1;
    try {
      this.#store.save({ identity: this.#identity, incarnation: this.#kept });
    } catch (error) {
      // A full disk is no reason to stop: others still tell the next run where it was.
      this.#logger.warn({ err: error }, 'the incarnation of this node cannot be saved');
    }
  }
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
