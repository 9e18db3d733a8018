/**
 * The records and leases of the pods, stored after each change.
 *
 * What a crash must not undo, such as that an address is taken, is stored before it counts ({@link PodBook.enter},
 * {@link PodBook.settle}). What the next start finds out by itself counts at once, and is stored when that can be done.
 */
import { WeftError } from '../../errors.ts';
import type { PatientStore } from '../../env/store.ts';
import { LeaseBook } from '../../ipam/lease-book.ts';
import type { IpAddress } from '../../wire/address.ts';
import type { Prefix } from '../../wire/prefix.ts';
import { parsePodsDocument, podsDocument, type PodRecord, type PodsDocument } from './pod-record.ts';

export class PodBook {
  readonly #store: PatientStore;
  readonly #leases: LeaseBook;
  readonly #records = new Map<string, PodRecord>();
  /** Of {@link readBootId} when it was last stored; `undefined` if there was nothing. */
  readonly storedBootId: string | undefined;

  /** @throws WeftError `store-corrupt`. */
  constructor(store: PatientStore, nodePrefixes: readonly Prefix[]) {
    this.#store = store;
    this.#leases = new LeaseBook(nodePrefixes);
    const stored = store.load();
    if (stored === undefined) return;
    const document = parsePodsDocument(stored);
    this.#leases.restore(document.leases);
    this.storedBootId = document.bootId;
    for (const record of document.pods) this.#records.set(record.name, record);
  }

  get(name: string): PodRecord | undefined {
    return this.#records.get(name);
  }

  /** Oldest first. */
  all(): readonly PodRecord[] {
    return [...this.#records.values()];
  }

  /** Leases addresses to a new pod and stores its record. Throws as {@link LeaseBook.allocate}, or when it cannot be stored. */
  enter(record: PodRecord, wanted: readonly IpAddress[] | undefined): void {
    this.#leases.allocate(record.network, record.name, wanted);
    try {
      this.settle(record);
    } catch (error) {
      this.#drop(record);
      throw error;
    }
  }

  /** Stores what becomes of a pod before it does. @throws WeftError `store-failed`, and nothing has changed */
  settle(record: PodRecord): void {
    const before = this.#records.get(record.name);
    this.#records.set(record.name, record);
    try {
      this.save();
    } catch (error) {
      if (before === undefined) this.#records.delete(record.name);
      else this.#records.set(record.name, before);
      throw error;
    }
  }

  /** Notes what became of a pod. */
  keep(record: PodRecord): void {
    this.#records.set(record.name, record);
    this.keepAll();
  }

  /** Frees the addresses of a pod that is gone, and forgets it. */
  forget(record: PodRecord): void {
    this.#drop(record);
    this.keepAll();
  }

  addressesOf({ name, network }: PodRecord): readonly IpAddress[] {
    return this.#leases.get(network, name)?.addresses ?? [];
  }

  /** Those that a pod of this node could not get any more, since the node's prefixes were changed. */
  addressesOutside(record: PodRecord): readonly IpAddress[] {
    return this.addressesOf(record).filter((address) => !this.#leases.mayLease(address));
  }

  /** Stores everything, with the boot id of now. @throws WeftError `store-failed` */
  save(): void {
    this.#store.save(this.#document());
  }

  /** Stores everything, with the boot id of now: at once, or as soon as that can be done. */
  keepAll(): void {
    this.#store.keep(this.#document());
  }

  /** Why the store does not hold what it should: it is not there, cannot be read, or was changed. `undefined`: it does. */
  damage(): string | undefined {
    return this.#store.damage();
  }

  #document(): PodsDocument {
    return podsDocument(this.all(), this.#leases.document());
  }

  #drop({ name, network }: PodRecord): void {
    this.#leases.release(network, name);
    this.#records.delete(name);
  }
}

/** Stores something; if it cannot be stored, the error says what that means for the pod. */
export function refusing(name: string, outcome: string, store: () => void): void {
  try {
    store();
  } catch (error) {
    if (!(error instanceof WeftError) || error.code !== 'store-failed') throw error;
    const message = `pod ${name} ${outcome}: ${error.message}; try again when that can be written`;
    throw new WeftError(error.code, message, { ...error.details, pod: name }, error);
  }
}
