/**
 * Leases, and what is known of those who have them, in a {@link Journal}.
 *
 * What a crash must not undo, such as that an address is taken, is stored before it counts ({@link LeaseStore.enter},
 * {@link LeaseStore.settle}). What the next start finds out by itself counts at once, and is stored when that can be done
 * ({@link LeaseStore.keep}, {@link LeaseStore.forget}): the store is then behind, until the journal was written anew.
 */
import type { BootClock } from '../env/boot-clock.ts';
import { WeftError } from '../errors.ts';
import { equalIpAddresses, type IpAddress } from '../wire/address.ts';
import type { Prefix } from '../wire/prefix.ts';
import type { Journal } from './journal.ts';
import {
  changesDocument,
  corrupt,
  parseChanges,
  parseSnapshot,
  snapshotDocument,
  type KnownParser,
  type LeaseChange,
  type LeaseSnapshot,
  type StoredLease,
} from './lease-document.ts';
import { LeaseBook, type PoolUsage } from './lease-book.ts';
import { leaseKeyOf, leaseKeyText, type Lease, type LeaseKey } from './lease.ts';

/** A journal is written anew when its changes are twice as long as its first line, and at least this long, in bytes. */
const MIN_CHANGES_BYTES = 16 * 1024;

export interface LeaseStoreOptions<Known> {
  readonly journal: Journal;
  /** Of this node. */
  readonly prefixes: readonly Prefix[];
  readonly clock: BootClock;
  readonly parseKnown: KnownParser<Known>;
  /** Told how it went whenever something was to be stored: the error, or `undefined`. */
  readonly onSaved: (failure: Error | undefined) => void;
  /** How long the changes of a journal have to be, at least, before it is written anew, in bytes. */
  readonly minChangesBytes?: number;
}

export class LeaseStore<Known> {
  readonly #options: LeaseStoreOptions<Known>;
  readonly #book: LeaseBook;
  /** By {@link leaseKeyText}. Oldest first. */
  readonly #stored = new Map<string, StoredLease<Known>>();
  #imported: string | undefined;
  /** Why the journal lacks what counts already, or may have what does not; `undefined`: it holds what counts. */
  #behind: Error | undefined;
  /** Length of the journal at which it is written anew. */
  #compactAtBytes = 0;
  /** Whether there was a journal. */
  readonly wasThere: boolean;

  /** @throws WeftError `store-corrupt`. */
  constructor(options: LeaseStoreOptions<Known>) {
    this.#options = options;
    this.#book = new LeaseBook(options.prefixes, () => options.clock.sinceBootMs());
    const values = options.journal.load();
    this.wasThere = values !== undefined;
    if (values !== undefined) this.#restore(values);
  }

  get(key: LeaseKey): StoredLease<Known> | undefined {
    return this.#stored.get(leaseKeyText(key));
  }

  /** Oldest first. */
  all(): StoredLease<Known>[] {
    return [...this.#stored.values()];
  }

  /**
   * Leases addresses to a pod, and stores what is known of it, at once.
   *
   * @throws as {@link LeaseBook.choose}; WeftError `store-failed`. Nothing has changed then.
   */
  enter(key: LeaseKey, known: Known, wanted: readonly IpAddress[] | undefined): Lease {
    const lease = this.#book.choose(key, wanted);
    this.#commit({ kind: 'put', stored: { lease, known, bootId: this.#options.clock.bootId } });
    return lease;
  }

  /** Stores what becomes of a pod before it does. @throws WeftError `store-failed`, and nothing has changed */
  settle(key: LeaseKey, known: Known): void {
    this.#commit(this.#changed(key, known));
  }

  /** Notes what became of a pod, if it is anything new. */
  keep(key: LeaseKey, known: Known): void {
    const { bootId, known: before } = this.get(key) ?? {};
    if (bootId === this.#options.clock.bootId && JSON.stringify(before) === JSON.stringify(known)) return;
    this.#count(this.#changed(key, known));
  }

  /** Frees the addresses of a pod that is gone, and forgets it. */
  forget(key: LeaseKey): void {
    const stored = this.get(key);
    if (stored === undefined) return;
    const { clock } = this.#options;
    // What a reboot took away was there before it.
    const freedAtMs = stored.bootId === clock.bootId ? clock.sinceBootMs() : 0;
    this.#count({ kind: 'drop', key: leaseKeyOf(key), bootId: clock.bootId, freedAtMs });
  }

  /** Whether a pod of this node could be given this address: no longer, if the node's prefixes were changed. */
  mayLease(address: IpAddress): boolean {
    return this.#book.mayLease(address);
  }

  /** Of each pool, in the order in which they are used. */
  usage(): PoolUsage[] {
    return this.#book.usage();
  }

  /** Writes everything anew. @throws WeftError `store-failed` */
  save(): void {
    this.#rewrite([]);
  }

  /** Writes everything anew if the journal lacks something, or what is on the disk is not known; otherwise nothing. Never throws. */
  flush(): void {
    if (this.#behind === undefined && this.#options.journal.canAppend()) return;
    try {
      this.save();
    } catch {
      // Who observes it was told, and has it tried again.
    }
  }

  /** Why the journal lacks what counts already, or may have what does not; `undefined`: it holds what counts. */
  get behind(): string | undefined {
    return this.#behind?.message;
  }

  /** Why the journal is not what this run stored; `undefined`: it is, or that cannot be known. */
  damage(): string | undefined {
    return this.#options.journal.damage();
  }

  /** Path of the journal, for messages. */
  get path(): string {
    return this.#options.journal.path;
  }

  /** Bytes of the journal; 0 if that is not known. */
  get lengthBytes(): number {
    return this.#options.journal.lengthBytes;
  }

  /** Checksum of what {@link adopt} took over; `undefined`: nothing was. */
  get imported(): string | undefined {
    return this.#imported;
  }

  /**
   * Takes over what an earlier version of weft stored, instead of what there is.
   *
   * @param freed oldest first; they count as freed now.
   * @throws WeftError `store-corrupt` if an address would be two pods'.
   */
  adopt(stored: readonly StoredLease<Known>[], freed: readonly IpAddress[], imported: string): void {
    if (this.wasThere) this.#options.journal.setAside();
    const { clock } = this.#options;
    const freedAtMs = clock.sinceBootMs();
    this.#take({ stored, bootId: clock.bootId, freed: freed.map((address) => ({ address, freedAtMs, holder: '' })) });
    this.#imported = imported;
    this.#behind = new WeftError('store-failed', 'it was taken over from an earlier version, and is not stored yet');
    this.flush();
  }

  #restore([first, ...rest]: readonly unknown[]): void {
    const { parseKnown } = this.#options;
    const snapshot = parseSnapshot(first, parseKnown);
    this.#take(snapshot);
    this.#imported = snapshot.imported;
    for (const line of rest) for (const change of parseChanges(line, parseKnown)) this.#replay(change);
  }

  #take({ stored, bootId, freed }: LeaseSnapshot<Known>): void {
    this.#book.clear();
    this.#stored.clear();
    for (const one of freed) this.#book.noteFreed({ ...one, freedAtMs: this.#inThisBoot(bootId, one.freedAtMs) });
    for (const one of stored) this.#replay({ kind: 'put', stored: one });
  }

  /** Applies a change of an earlier run, after a look at whether it makes sense. */
  #replay(change: LeaseChange<Known>): void {
    if (change.kind === 'drop') {
      if (this.get(change.key) === undefined) throw corrupt('take away what is not there: run "weft reset"');
      this.#apply({ ...change, freedAtMs: this.#inThisBoot(change.bootId, change.freedAtMs) });
      return;
    }
    const { lease } = change.stored;
    const before = this.get(lease);
    if (before === undefined ? this.#book.contradicts(lease) : !sameAddresses(before.lease, lease))
      throw corrupt('name an address, or a pod, twice: run "weft reset"');
    this.#apply(change);
  }

  /** What was freed before a reboot was freed at the latest when the machine was booted. */
  #inThisBoot(bootId: string, freedAtMs: number): number {
    const { clock } = this.#options;
    return bootId === clock.bootId ? Math.min(freedAtMs, clock.sinceBootMs()) : 0;
  }

  #changed(key: LeaseKey, known: Known): LeaseChange<Known> {
    const stored = this.get(key);
    if (stored === undefined) throw new RangeError('nobody has a lease under this key');
    return { kind: 'put', stored: { lease: stored.lease, known, bootId: this.#options.clock.bootId } };
  }

  /** Stores a change, then applies it. */
  #commit(change: LeaseChange<Known>): void {
    try {
      this.#write(change);
    } catch (error) {
      throw error instanceof WeftError ? this.#refused(error) : error;
    }
    this.#apply(change);
    this.#compact();
  }

  /** Applies a change, then stores it. */
  #count(change: LeaseChange<Known>): void {
    // Before it is applied: if the journal is written anew, that is what was, and then the change.
    let failure: Error | undefined;
    try {
      this.#write(change);
    } catch (error) {
      failure = error as Error;
    }
    this.#apply(change);
    this.#behind = failure;
    this.#compact();
  }

  #apply(change: LeaseChange<Known>): void {
    if (change.kind === 'drop') {
      this.#book.release(change.key, change.freedAtMs);
      this.#stored.delete(leaseKeyText(change.key));
      return;
    }
    const { stored } = change;
    if (this.get(stored.lease) === undefined) this.#book.insert(stored.lease);
    this.#stored.set(leaseKeyText(stored.lease), stored);
  }

  #write(change: LeaseChange<Known>): void {
    const { journal } = this.#options;
    if (this.#behind !== undefined || !journal.canAppend()) {
      this.#rewrite([change]);
      return;
    }
    this.#observed(() => journal.append(changesDocument([change])));
  }

  /** Writes the journal anew: what counts, and changes that are to count. */
  #rewrite(changes: readonly LeaseChange<Known>[]): void {
    this.#observed(() => this.#replaceJournal(changes));
    this.#behind = undefined;
  }

  #replaceJournal(changes: readonly LeaseChange<Known>[]): void {
    const { journal, clock } = this.#options;
    const { bootId } = clock;
    const all = snapshotDocument({ stored: this.all(), bootId, freed: this.#book.freed(), imported: this.#imported });
    journal.rewrite([all, ...(changes.length === 0 ? [] : [changesDocument(changes)])]);
    this.#compactLater(0);
  }

  /** The changes of a journal are not to grow longer and longer. Where there is no room for a new one, the old one goes on. */
  #compact(): void {
    const { journal } = this.#options;
    if (journal.lengthBytes < this.#compactAtBytes) return;
    try {
      this.#replaceJournal([]);
    } catch {
      this.#compactLater(journal.lengthBytes);
    }
  }

  /** @param notBeforeBytes length of a journal that could not be written anew. */
  #compactLater(notBeforeBytes: number): void {
    const { journal, minChangesBytes = MIN_CHANGES_BYTES } = this.#options;
    const { firstLineBytes } = journal;
    this.#compactAtBytes = Math.max(firstLineBytes, notBeforeBytes) + Math.max(minChangesBytes, 2 * firstLineBytes);
  }

  #observed(write: () => void): void {
    const { onSaved } = this.#options;
    try {
      write();
    } catch (error) {
      onSaved(error as Error);
      throw error;
    }
    onSaved(undefined);
  }

  /**
   * What was refused is not to be found by the next start. Where it may be on the disk, the journal is written anew without it; and where
   * that is not possible either, the error says so.
   */
  #refused(error: WeftError): WeftError {
    if (error.details['inDoubt'] !== true) return error;
    try {
      this.#rewrite([]);
      const { inDoubt: _, ...details } = error.details;
      return new WeftError(error.code, error.message, details, error.cause);
    } catch {
      this.#behind ??= error;
      const message = `${error.message}; whether it is on the disk all the same is not known until that can be written`;
      return new WeftError(error.code, message, error.details, error.cause);
    }
  }
}

function sameAddresses(a: Lease, b: Lease): boolean {
  return (
    a.addresses.length === b.addresses.length &&
    a.addresses.every((address, index) => equalIpAddresses(address, b.addresses[index]!))
  );
}
