/** The records and leases of the pods: a {@link LeaseStore} in which pods are found by their keys. */
import { dirname } from 'node:path';
import type { BootClock } from '../../env/boot-clock.ts';
import { WeftError } from '../../errors.ts';
import type { PoolUsage } from '../../ipam/lease-book.ts';
import { LeaseStore } from '../../ipam/lease-store.ts';
import type { IpAddress } from '../../wire/address.ts';
import type { Prefix } from '../../wire/prefix.ts';
import type { StateJournal } from '../state/state-journal.ts';
import { checkAnnounced, type AddressedPod } from './announced-pods.ts';
import { readEarlierPods, removeEarlierPods } from './earlier-pods.ts';
import { keyOf, leaseKeyOfPod } from './pod-key.ts';
import { parsePodRecord, type PodRecord } from './pod-record.ts';

export class PodBook {
  readonly #store: LeaseStore<PodRecord>;
  readonly #stateDir: string;
  readonly #bootId: string;
  /** Whether a file of an earlier version waits for its content to be stored elsewhere. */
  #hasEarlierFile: boolean;

  /** @throws WeftError `store-corrupt`. */
  constructor(stateJournal: StateJournal, nodePrefixes: readonly Prefix[], clock: BootClock) {
    const { journal } = stateJournal;
    this.#stateDir = dirname(journal.path);
    this.#bootId = clock.bootId;
    this.#store = new LeaseStore({
      journal,
      prefixes: nodePrefixes,
      clock,
      parseKnown: parsePodRecord,
      onSaved: (failure) => stateJournal.saved(failure),
    });
    stateJournal.savesBy(() => this.save());
    const earlier = readEarlierPods(this.#stateDir);
    this.#hasEarlierFile = earlier !== undefined;
    // Another one than was taken over: somebody went back to the earlier version, and it has seen more since.
    if (earlier !== undefined && earlier.checksum !== this.#store.imported)
      this.#store.adopt(earlier.stored, earlier.freed, earlier.checksum);
    this.#removeEarlierFile();
  }

  /** @param key as {@link keyOf} gives it. */
  get(key: string): PodRecord | undefined {
    return this.#store.all().find(({ known }) => keyOf(known) === key)?.known;
  }

  /** Oldest first. */
  all(): readonly PodRecord[] {
    return this.#store.all().map(({ known }) => known);
  }

  /** The pods that are there, with their addresses, oldest first. */
  ready(): readonly AddressedPod[] {
    return this.leased().filter(({ record }) => record.phase === 'ready');
  }

  /** All pods, whatever becomes of them, with their addresses, oldest first. */
  leased(): readonly AddressedPod[] {
    return this.#store.all().map(({ known, lease: { addresses } }) => ({ record: known, addresses }));
  }

  /**
   * Leases addresses to a new pod and stores its record. Throws as {@link LeaseStore.enter}.
   *
   * @throws ConflictError `pod-not-announced`; ExhaustedError `pods-full`
   */
  enter(record: PodRecord, wanted: readonly IpAddress[] | undefined): void {
    checkAnnounced(this.ready(), { record, addresses: wanted ?? [] });
    this.#store.enter(leaseKeyOfPod(record), record, wanted);
  }

  /**
   * Stores what becomes of a pod before it does.
   *
   * @throws WeftError `store-failed`, ConflictError `pod-not-announced`, ExhaustedError `pods-full`, and nothing has changed
   */
  settle(record: PodRecord): void {
    const key = keyOf(record);
    const others = this.ready().filter((one) => keyOf(one.record) !== key);
    if (record.phase === 'ready') checkAnnounced(others, { record, addresses: this.addressesOf(record) });
    this.#store.settle(leaseKeyOfPod(record), record);
  }

  /** Notes what became of a pod, and that it is there in this boot of the machine. */
  keep(record: PodRecord): void {
    this.#store.keep(leaseKeyOfPod(record), record);
  }

  /** Frees the addresses of a pod that is gone, and forgets it. */
  forget(record: PodRecord): void {
    this.#store.forget(leaseKeyOfPod(record));
  }

  addressesOf(record: PodRecord): readonly IpAddress[] {
    return this.#store.get(leaseKeyOfPod(record))?.lease.addresses ?? [];
  }

  /** Those that a pod of this node could not get any more, since the node's prefixes were changed. */
  addressesOutside(record: PodRecord): readonly IpAddress[] {
    return this.addressesOf(record).filter((address) => !this.#store.mayLease(address));
  }

  /** Whether a pod was seen to be there in this boot of the machine. */
  isOfThisBoot(record: PodRecord): boolean {
    return this.#store.get(leaseKeyOfPod(record))?.bootId === this.#bootId;
  }

  /** Of each pool, in the order in which they are used. */
  usage(): PoolUsage[] {
    return this.#store.usage();
  }

  /** Stores everything anew. @throws WeftError `store-failed` */
  save(): void {
    this.#store.save();
    this.#removeEarlierFile();
  }

  /** Stores everything anew if what is on the disk is not known, or lacks something: at once, or as soon as that can be done. */
  flush(): void {
    this.#store.flush();
    this.#removeEarlierFile();
  }

  /** Why the store does not hold what it should: it is not there, cannot be read, or was changed. `undefined`: it does. */
  damage(): string | undefined {
    return this.#store.damage();
  }

  /** Why the store lacks what counts already, or may have what does not; `undefined`: it holds what counts. */
  get behind(): string | undefined {
    return this.#store.behind;
  }

  /** Path of the journal, and its length. */
  get journal(): { readonly file: string; readonly lengthBytes: number } {
    return { file: this.#store.path, lengthBytes: this.#store.lengthBytes };
  }

  #removeEarlierFile(): void {
    if (!this.#hasEarlierFile || this.#store.behind !== undefined) return;
    removeEarlierPods(this.#stateDir);
    this.#hasEarlierFile = false;
  }
}

/** Stores something; if it cannot be stored, the error says what that means for the pod. */
export function refusing(title: string, outcome: string, store: () => void): void {
  try {
    store();
  } catch (error) {
    if (!(error instanceof WeftError) || error.code !== 'store-failed') throw error;
    const message = `pod ${title} ${outcome}: ${error.message}; try again when that can be written`;
    throw new WeftError(error.code, message, { ...error.details, pod: title }, error);
  }
}
