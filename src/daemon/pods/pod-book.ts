/** The records and leases of the pods, stored after each change. */
import type { Store } from '../../env/store.ts';
import { LeaseBook } from '../../ipam/lease-book.ts';
import type { IpAddress } from '../../wire/address.ts';
import type { Prefix } from '../../wire/prefix.ts';
import { parsePodsDocument, podsDocument, type PodRecord } from './pod-record.ts';

export class PodBook {
  readonly #store: Store;
  readonly #leases: LeaseBook;
  readonly #records = new Map<string, PodRecord>();
  /** Of {@link readBootId} when it was last stored; `undefined` if there was nothing. */
  readonly storedBootId: string | undefined;

  /** @throws WeftError `store-corrupt`. */
  constructor(store: Store, nodePrefixes: readonly Prefix[]) {
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
      this.keep(record);
    } catch (error) {
      this.#drop(record);
      throw error;
    }
  }

  /** Stores what became of a pod. */
  keep(record: PodRecord): void {
    this.#records.set(record.name, record);
    this.save();
  }

  /** Frees the addresses of a pod that is gone, and forgets it. */
  forget(record: PodRecord): void {
    this.#drop(record);
    this.save();
  }

  addressesOf({ name, network }: PodRecord): readonly IpAddress[] {
    return this.#leases.get(network, name)?.addresses ?? [];
  }

  /** Those that a pod of this node could not get any more, since the node's prefixes were changed. */
  addressesOutside(record: PodRecord): readonly IpAddress[] {
    return this.addressesOf(record).filter((address) => !this.#leases.mayLease(address));
  }

  /** Stores everything, with the boot id of now. */
  save(): void {
    this.#store.save(podsDocument(this.all(), this.#leases.document()));
  }

  /** Why the store does not hold what it should: it is not there, cannot be read, or was changed. `undefined`: it does. */
  damage(): string | undefined {
    try {
      const stored = this.#store.load();
      if (stored === undefined) return 'pods.json is gone from the state directory';
      const isSame = JSON.stringify(stored) === JSON.stringify(podsDocument(this.all(), this.#leases.document()));
      return isSame
        ? undefined
        : 'pods.json in the state directory is not what this daemon stored: somebody changed it';
    } catch (error) {
      const why = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
      return `pods.json in the state directory cannot be read: ${why}`;
    }
  }

  #drop({ name, network }: PodRecord): void {
    this.#leases.release(network, name);
    this.#records.delete(name);
  }
}
