/**
 * Who this node is, for good: random, made at the first start, kept in the state directory.
 *
 * The identity is not the address and not the name: both may change. A node whose state directory is lost is another
 * node; it gets the name of its old self as soon as that is dead.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { PatientStore } from '../../env/store.ts';
import { WeftError } from '../../errors.ts';
import type { MacAddress } from '../../wire/address.ts';

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

/** Others believe no larger jump than twice that: see `MAX_INCARNATION_JUMP`. */
const MAX_UNSTORED_AHEAD = 500_000;

const MS_PER_SECOND = 1_000;

/**
 * Reads the identity, or makes one, and counts this start.
 *
 * An identity that is there serves even if the start cannot be counted. The next run may then begin with this number as
 * well, or below what this run comes to. Gossip puts that right as soon as the node hears what is known of it, and until
 * then others keep what they last heard. So such a run begins further ahead the longer nothing was stored: a second for
 * each incarnation is more than a node needs.
 *
 * @throws WeftError `store-corrupt` if the document is there but is not an identity: a silent new one would orphan the
 * node's name until its old self is declared dead. `store-failed` for a new identity that cannot be stored: the node would
 * be another one after each start.
 */
export function openNodeIdentity(store: PatientStore, wallClockMs: () => number): NodeIdentity {
  const document = store.load();
  if (document === undefined) return makeNodeIdentity(store, wallClockMs);
  const known = parse(document);
  const next = { identity: known.identity, incarnation: known.incarnation + 1 };
  store.keep(identityDocument(next, wallClockMs));
  if (store.behind === undefined) return next;
  const unstoredSeconds = Math.floor((wallClockMs() - known.storedAtMs) / MS_PER_SECOND);
  const ahead = Math.max(0, Math.min(unstoredSeconds, MAX_UNSTORED_AHEAD));
  const further = { ...next, incarnation: next.incarnation + ahead };
  store.keep(identityDocument(further, wallClockMs));
  return further;
}

function makeNodeIdentity(store: PatientStore, wallClockMs: () => number): NodeIdentity {
  const made = { identity: randomBytes(16).toString('hex'), incarnation: 1 };
  try {
    store.save(identityDocument(made, wallClockMs));
  } catch (error) {
    if (!(error instanceof WeftError)) throw error;
    const why = 'a node that cannot store its identity would be another one after each start';
    throw new WeftError(error.code, `${error.message}: ${why}`, error.details, error);
  }
  return made;
}

function identityDocument({ identity, incarnation }: NodeIdentity, wallClockMs: () => number): object {
  return { identity, incarnation, storedAt: new Date(wallClockMs()).toISOString() };
}

/**
 * Sees to it that the next run begins above every incarnation of this one. So whatever is left of this run, such as that the
 * node has left, is older than the first word of the next; and gossip need not tell a node how far it once was, which it would
 * not believe beyond a limit.
 */
export class IncarnationKeeper {
  readonly #store: PatientStore;
  readonly #wallClockMs: () => number;
  readonly #identity: string;
  #kept: number;

  /** @param opened as {@link openNodeIdentity} has given it, from the same store. */
  constructor(store: PatientStore, { identity, incarnation }: NodeIdentity, wallClockMs: () => number) {
    this.#store = store;
    this.#wallClockMs = wallClockMs;
    this.#identity = identity;
    this.#kept = incarnation;
  }

  /** The node has come to `incarnation`. */
  used(incarnation: number): void {
    if (incarnation <= this.#kept || incarnation > MAX_KEPT_INCARNATION) return;
    this.#kept = incarnation + INCARNATIONS_PER_SAVE - 1;
    // A full disk is no reason to stop: others still tell the next run where it was.
    this.#store.keep(this.#document());
  }

  /** Stores it anew, after somebody changed the file. @throws WeftError `store-failed` */
  saveAgain(): void {
    this.#store.save(this.#document());
  }

  #document(): object {
    return identityDocument({ identity: this.#identity, incarnation: this.#kept }, this.#wallClockMs);
  }
}

/** MAC address of a node: locally administered, unicast, the same after every start (design: derived from the identity). */
export function macOfIdentity(identity: string): MacAddress {
  const digest = createHash('sha256').update(identity).digest();
  return Uint8Array.of(0x02, digest[0]!, digest[1]!, digest[2]!, digest[3]!, digest[4]!);
}

function parse(document: unknown): NodeIdentity & { readonly storedAtMs: number } {
  const { identity, incarnation, storedAt } = (document ?? {}) as Partial<
    NodeIdentity & { readonly storedAt: unknown }
  >;
  if (typeof identity !== 'string' || !/^[0-9a-f]{32}$/.test(identity) || !Number.isSafeInteger(incarnation)) {
    throw new WeftError(
      'store-corrupt',
      'identity.json in the state directory is not an identity: restore it, or delete it to become a new node',
    );
  }
  // Versions before 0.2.0 stored no time: then nothing is known of how long that was ago.
  const storedAtMs = Date.parse(String(storedAt));
  return { identity, incarnation: incarnation!, storedAtMs: Number.isNaN(storedAtMs) ? Infinity : storedAtMs };
}
