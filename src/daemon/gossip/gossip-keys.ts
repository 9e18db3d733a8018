/**
 * The keys of this node: from the key file, from an earlier run, from orders that gossip brings, and from an operator.
 *
 * What the file says counts whenever it says something new; otherwise what was kept does, which orders may have changed
 * since. A new file is the way out when a key has leaked: whoever has a key can give orders, too.
 */
import type { ClusterKey } from '../../authentication/cluster-key.ts';
import type { CarriedOrder, KeyOrder } from '../../authentication/key-order.ts';
import { KeyRing, MAX_KEYS, type KnownOrders } from '../../authentication/key-ring.ts';
import type { Logger } from '../../env/logger.ts';
import type { PatientStore } from '../../env/store.ts';
import { ConflictError, ExhaustedError, NotFoundError, WeftError } from '../../errors.ts';
import { nodeCipher } from '../../linux/node-cipher.ts';
import type { Announcement, Member } from '../../membership/announcement.ts';
import type { Key, Notice } from '../../api/control-api.ts';
import type { EventSink } from '../process/event-log.ts';
import { readKeyFile } from './key-file.ts';
import { keepKeys, loadKeys } from './key-store.ts';

/** What carries orders: the membership. */
export interface OrderCarrier {
  directives(): readonly CarriedOrder[];
  issue(subject: string, content: Uint8Array): void;
  retainDirectives(isKept: (order: CarriedOrder) => boolean): void;
  /** @throws WeftError `announcement-invalid` if there is no room for it beside the path reports */
  announce(change: { readonly keyIds: readonly string[]; readonly pathReports?: readonly never[] }): void;
  members(): readonly Member[];
}

export interface GossipKeysOptions {
  /** Path of the key file. */
  readonly file: string;
  readonly store: PatientStore;
  readonly events: EventSink;
  readonly logger: Logger;
}

export class GossipKeys {
  readonly ring: KeyRing;
  readonly #options: GossipKeysOptions;
  #fingerprint: string;
  #carrier: OrderCarrier | undefined;
  #unheard: () => readonly string[] = () => [];
  #invalidFile: Notice | undefined;

  /** @throws ConfigError if the key file is not one; WeftError `store-corrupt` */
  constructor(options: GossipKeysOptions) {
    this.#options = options;
    const file = readKeyFile(options.file);
    const stored = loadKeys(options.store);
    this.#fingerprint = file.fingerprint;
    const known = stored ?? { orders: [], outdated: [] };
    this.ring = new KeyRing(nodeCipher, { keys: file.keys, orders: known.orders, outdated: known.outdated });
    if (stored !== undefined && stored.fingerprint !== file.fingerprint) {
      this.ring.replace(file.keys, this.orders);
      options.logger.warn({ file: options.file, keys: this.ring.ids }, 'the key file has changed: its keys count');
    }
    this.#save();
  }

  /** Orders of earlier runs, for the membership to begin with. */
  get orders(): readonly CarriedOrder[] {
    const { orders, outdated } = this.ring.known();
    const newer = new Set(orders.map(({ subject }) => subject));
    return [...orders, ...outdated.filter(({ subject }) => !newer.has(subject))];
  }

  /**
   * Begins to follow what the membership brings.
   *
   * @param unheard names of those that should be members and have not been heard of since the start
   */
  attach(carrier: OrderCarrier, unheard: () => readonly string[]): void {
    this.#carrier = carrier;
    this.#unheard = unheard;
    this.ring.keepWhile((id) => this.#members().some(({ announcement }) => announcement.keyIds.includes(id)));
  }

  /** Orders came, or were given here. */
  follow(): void {
    this.#change(() => this.ring.follow(this.#orders()));
  }

  /** Reads the key file again. What is wrong with it is a notice from then on, and the keys stay as they were. */
  reload(): void {
    const { file, logger } = this.#options;
    try {
      const { keys, fingerprint } = readKeyFile(file);
      this.#invalidFile = undefined;
      if (fingerprint === this.#fingerprint) return logger.info({ file }, 'the key file is as it was');
      this.#change(() => {
        const known = this.#orders();
        this.ring.replace(keys, known);
        this.#fingerprint = fingerprint;
      });
      // Orders that nobody proved with these keys are not passed on: a stolen key may be behind any of them.
      const proven = new Set(this.orders.map(({ subject }) => subject));
      this.#carrier?.retainDirectives(({ subject }) => proven.has(subject));
      logger.warn({ file, keys: this.ring.ids }, 'the key file has changed: its keys count');
    } catch (error) {
      const { message } = error as Error;
      this.#invalidFile = { code: 'key-file-invalid', message: `${message}; the keys from before are still in use` };
      logger.error({ err: error }, 'the key file cannot be used');
    }
  }

  /** What a person has to do: about a key file that cannot be used, or keys that cannot be saved. */
  notices(): Notice[] {
    const { behind } = this.#options.store;
    const unsaved =
      behind === undefined
        ? undefined
        : { code: 'keys-not-saved', message: `${behind}; if the daemon ends before it can be, older keys count` };
    return [this.#invalidFile, unsaved].filter((notice) => notice !== undefined);
  }

  /** All keys that are held here or announced by others: the primary first, then the others here, then those elsewhere. */
  list(): Key[] {
    const members = this.#members();
    const here = this.ring.ids;
    const elsewhere = members.flatMap(({ announcement }) => announcement.keyIds).filter((id) => !here.includes(id));
    return [...here, ...new Set(elsewhere.sort())].map((id) => this.#describe(id, members));
  }

  /** Adds a key on all nodes; again does no harm. @throws ExhaustedError `key-ring-full` */
  add(key: ClusterKey): Key {
    const isHeld = this.ring.holds(key.id);
    if (!isHeld && this.ring.ids.length >= MAX_KEYS) {
      throw new ExhaustedError('key-ring-full', `there are ${MAX_KEYS} keys already: remove one first`);
    }
    // Held by the key file of this node alone, it is as good as none to others.
    if (!isHeld || this.#isLackedBy(({ keyIds }) => keyIds.includes(key.id))) this.#issue({ kind: 'add', key });
    return this.#describe(key.id, this.#members());
  }

  /**
   * Has all nodes seal with a key.
   *
   * @param force also if nodes that are alive do not hold it, or were not heard of yet: they will be cut off.
   * @throws NotFoundError `key-unknown`; ConflictError `key-not-held`, `members-unheard`
   */
  use(id: string, force: boolean): Key {
    if (!this.ring.holds(id)) throw this.#unknown(id);
    if (!force) this.#checkAllHeard();
    const without = this.#members().filter(
      ({ state, announcement }) => (state === 'alive' || state === 'suspect') && !announcement.keyIds.includes(id),
    );
    if (without.length > 0 && !force) {
      const names = namesOf(without);
      const remedy = 'try again in a moment, or use --force, which cuts them off';
      throw new ConflictError('key-not-held', `${names.join(', ')} did not announce key ${id} yet: ${remedy}`, {
        id,
        nodes: names,
      });
    }
    // Others may have begun with another key file, or not know that an order is outdated by it.
    if (this.ring.primary.id !== id || this.#isLackedBy(({ keyIds }) => keyIds[0] === id)) {
      this.#issue({ kind: 'use', id });
    }
    return this.#describe(id, this.#members());
  }

  /**
   * Removes a key on all nodes; `false` if there was none.
   *
   * @param force also if nodes that are not forgotten, dead ones included, do not seal with the present primary: they may be
   *   unable to come back. Also if some were not heard of yet.
   * @throws ConflictError `key-in-use`, `key-not-confirmed`, `members-unheard`
   */
  remove(id: string, force: boolean): boolean {
    if (!this.ring.holds(id)) return false;
    const primary = this.ring.primary.id;
    if (id === primary) {
      throw new ConflictError('key-in-use', `key ${id} is the primary one: have the nodes use another first`, { id });
    }
    if (!force) this.#checkAllHeard();
    const unconfirmed = this.#members().filter(({ announcement }) => announcement.keyIds[0] !== primary);
    if (unconfirmed.length > 0 && !force) {
      const names = namesOf(unconfirmed);
      const remedy = 'wait for them, have them forgotten (weft peer forget), or use --force, which may lock them out';
      const message = `${names.join(', ')} did not confirm the primary key ${primary}: ${remedy}`;
      throw new ConflictError('key-not-confirmed', message, { id, primary, nodes: names });
    }
    this.#issue({ kind: 'remove', id });
    return true;
  }

  /** A node that has just started knows nobody, and so nobody who would not agree. */
  #checkAllHeard(): void {
    const nodes = this.#unheard();
    if (nodes.length === 0) return;
    const remedy = 'wait until weft peers shows them; use --force if they are gone for good, which may lock them out';
    const verb = nodes.length === 1 ? 'was' : 'were';
    const message = `${nodes.join(', ')} ${verb} not heard of since this node started: ${remedy}`;
    throw new ConflictError('members-unheard', message, { nodes });
  }

  #issue(order: KeyOrder): void {
    const { subject, content } = this.ring.encode(order);
    this.#carrier?.issue(subject, content);
    this.follow();
  }

  /** Changes the ring, and sees to it that what is known is kept, and what is different announced and noted. */
  #change(change: () => void): void {
    const before = this.ring.ids;
    const [known, fingerprint] = [this.ring.known(), this.#fingerprint];
    change();
    // Whatever the membership hears leads here, and mostly has nothing to do with keys.
    if (this.#fingerprint !== fingerprint || !isSame(known, this.ring.known())) this.#save();
    const after = this.ring.ids;
    if (before.join() === after.join()) return;
    this.#announce(after);
    this.#note(before, after);
  }

  /** Path reports give way: whoever makes them finds out how many there is room for the next time. */
  #announce(keyIds: readonly string[]): void {
    try {
      this.#carrier?.announce({ keyIds });
    } catch (error) {
      if (!(error instanceof WeftError) || error.code !== 'announcement-invalid') throw error;
      this.#carrier?.announce({ keyIds, pathReports: [] });
    }
  }

  #note(before: readonly string[], after: readonly string[]): void {
    const { events, logger } = this.#options;
    const note = (id: string, what: string): void => {
      const details = { key: id, primary: after[0]! };
      events.add('key-changed', { subject: id, message: `key ${id} ${what}`, details });
      logger.info(details, `key ${what}`);
    };
    for (const id of after) if (!before.includes(id)) note(id, 'was added');
    if (before[0] !== after[0]) note(after[0]!, 'is the primary one');
    for (const id of before) if (!after.includes(id)) note(id, 'was removed');
  }

  #describe(id: string, members: readonly Member[]): Key {
    const holders = members.filter(({ announcement }) => announcement.keyIds.includes(id));
    return {
      id,
      primary: id === this.ring.primary.id,
      held: this.ring.holds(id),
      holders: namesOf(holders),
      users: namesOf(holders.filter(({ announcement }) => announcement.keyIds[0] === id)),
      missing: namesOf(members.filter((member) => !holders.includes(member))),
    };
  }

  /** Whether what is announced by a node that is alive is not as wanted. */
  #isLackedBy(isWanted: (announcement: Announcement) => boolean): boolean {
    return this.#members().some(({ state, announcement }) => state === 'alive' && !isWanted(announcement));
  }

  #members(): readonly Member[] {
    return this.#carrier?.members() ?? [];
  }

  #orders(): readonly CarriedOrder[] {
    return this.#carrier?.directives() ?? this.orders;
  }

  #unknown(id: string): NotFoundError {
    return new NotFoundError('key-unknown', `there is no key ${id} here: weft key list shows those there are`, {
      id,
      keys: this.ring.ids,
    });
  }

  /** A full disk is no reason to go on with another key than everybody else. */
  #save(): void {
    keepKeys(this.#options.store, { fingerprint: this.#fingerprint, ...this.ring.known() });
  }
}

function isSame(a: KnownOrders, b: KnownOrders): boolean {
  return isSameList(a.orders, b.orders) && isSameList(a.outdated, b.outdated);
}

function isSameList(a: readonly CarriedOrder[], b: readonly CarriedOrder[]): boolean {
  return a.length === b.length && a.every((order, index) => order === b[index]);
}

function namesOf(members: readonly Member[]): string[] {
  return members.map(({ announcement }) => announcement.name).sort();
}
