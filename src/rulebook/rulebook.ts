/** What operators gave to the cluster, on this node: the one class that owns the parts and connects them. */
import type { Clock } from '../env/clock.ts';
import type { Random } from '../env/random.ts';
import { ConflictError, ExhaustedError, WeftError } from '../errors.ts';
import type { MemberChange } from '../membership/announcement.ts';
import { MAX_POD_VERSION } from '../membership/limits.ts';
import type { RulebookGossip } from '../membership/rulebook-gossip.ts';
import { differingBuckets } from '../membership/table-digest.ts';
import type { Endpoint } from '../wire/address.ts';
import { CatchingUp, fitting } from './catching-up.ts';
import { type EntryName, keyOf, type RulebookEntry, type SealedEntry } from './entry.ts';
import { parseEntry, sealEntry } from './entry-codec.ts';
import { Knowledge } from './knowledge.ts';
import {
  ENTRY_HASH_BYTES,
  MAX_OBJECT_BYTES,
  MAX_OBJECTS,
  MAX_OBJECTS_BYTES,
  MESSAGE_ENTRIES_BYTES,
  RUMOUR_ENTRIES_BYTES,
  RUMOUR_MS,
  UNASKED_ENTRIES_BYTES,
} from './limits.ts';
import { encodeAnswer, encodeRumour, parseRequest, parseRumour, type RulebookSummary } from './message-codec.ts';
import { RefusedEntries, type RulebookRefusal } from './refused-entries.ts';
import type { RulebookCarrier } from './rulebook-carrier.ts';
import { RulebookTable } from './rulebook-table.ts';

export interface RulebookOptions {
  /** Of this node. */
  readonly nodeName: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Time of day, in ms: versions come from it. */
  readonly timeOfDayMs: () => number;
  /** What an earlier run held, and knew to be all. Absent: none did. */
  readonly entries?: readonly SealedEntry[];
  /** False: what an earlier run held is lost. */
  readonly mayBeFirst?: boolean;
  /** Entries are others from now on: those that were given here, which are stored already, and those that came from elsewhere. */
  readonly onChange?: (changed: readonly RulebookEntry[], isStored: boolean) => void;
  /** For the first time somebody said what the cluster holds: this node holds that, too. */
  readonly onHeard?: () => void;
}

/** Somebody gives an object to the cluster, or deletes it. */
export interface RulebookWish extends EntryName {
  /** JSON; `undefined`: it is to be deleted. */
  readonly object: string | undefined;
}

/** What came of it. */
export type WishOutcome = 'created' | 'configured' | 'unchanged' | 'deleted' | 'absent';

/** What it is, and did since its start. */
export interface RulebookStatistics {
  readonly objects: number;
  readonly lengthBytes: number;
  readonly deletions: number;
  readonly exchangesStarted: number;
  readonly exchangesFailed: number;
}

/**
 * Every node holds all of it. Changes spread as rumours of what their sender holds, in short; who holds something else asks for it, and
 * tells others in turn.
 *
 * To be attached to a carrier before anything comes in. Driven by its input methods and by the clock only.
 */
export class Rulebook implements RulebookGossip {
  readonly #options: RulebookOptions;
  readonly #table = new RulebookTable();
  readonly #refused: RefusedEntries;
  #carrier: RulebookCarrier | undefined;
  #catchingUp: CatchingUp | undefined;
  #knowledge: Knowledge | undefined;
  /** Others were not told yet of what is held now. */
  #isNews = false;
  /** What changed last, the latest first, as far as a rumour has room for it. */
  #recent: readonly { readonly sealed: SealedEntry; readonly atMs: number }[] = [];

  constructor(options: RulebookOptions) {
    this.#options = options;
    this.#refused = new RefusedEntries(() => options.clock.nowMs());
    for (const sealed of options.entries ?? []) this.#table.take(sealed);
  }

  /** Takes part from now on. */
  attach(carrier: RulebookCarrier): void {
    const { clock, random, entries, mayBeFirst = true, onHeard } = this.#options;
    this.#carrier = carrier;
    this.#knowledge = new Knowledge({
      clock,
      random,
      carrier,
      wasHeard: entries !== undefined,
      mayBeFirst,
      holdsNothing: () => this.#table.size === 0,
      onHeard: () => {
        onHeard?.();
        this.#tellUnlessBusy();
      },
    });
    this.#catchingUp = new CatchingUp({
      clock,
      random,
      table: this.#table,
      carrier,
      refused: this.#refused,
      onEntries: (entries) => this.#takeEntries(entries),
      knowledge: this.#knowledge,
      onEnd: () => this.#tell(),
    });
  }

  /** Does nothing any more. */
  stop(): void {
    this.#catchingUp?.stop();
  }

  /** What is held, in short. */
  get summary(): RulebookSummary {
    return this.#table.summary;
  }

  /** Whether somebody told what the cluster holds, now or in an earlier run, so that this is what is held. */
  get isHeard(): boolean {
    return this.#knowledge?.isHeard ?? this.#options.entries !== undefined;
  }

  /** Whether what is held counts: somebody told, or there is nobody who could. */
  get isKnown(): boolean {
    return this.#knowledge?.isSure ?? this.#options.entries !== undefined;
  }

  /** Objects that are there, in no order. */
  objects(): readonly RulebookEntry[] {
    return [...this.#table.all()].map(({ entry }) => entry).filter(({ object }) => object !== undefined);
  }

  /** The object of a name; `undefined`: there is none. */
  object(name: EntryName): RulebookEntry | undefined {
    const entry = this.#table.get(name)?.entry;
    return entry?.object === undefined ? undefined : entry;
  }

  /** All entries, in no order: to be stored. */
  entries(): readonly SealedEntry[] {
    return [...this.#table.all()];
  }

  /**
   * Gives objects to the cluster, or deletes them: all or, if it throws, none. Where nobody is there who could tell more, they are all there is.
   *
   * @param store told what all entries are to be: nothing has changed yet. What it throws comes out
   * @returns what came of each
   * @throws WeftError `rulebook-full`, `rulebook-object-invalid`, `policies-unknown`
   */
  give(wishes: readonly RulebookWish[], store: (entries: readonly SealedEntry[]) => void): readonly WishOutcome[] {
    const hasOthers = (this.#carrier?.liveOthers().length ?? 0) > 0;
    if (!this.isKnown && this.#table.size > 0 && hasOthers) throw notFetched();
    const outcomes = wishes.map((wish) => this.#outcomeOf(wish));
    const changing = wishes.filter((_, index) => outcomes[index] !== 'unchanged' && outcomes[index] !== 'absent');
    const given = this.#seal(changing);
    this.#refuseIfFull(given);
    if (given.length === 0) return outcomes;
    const replaced = new Set(given.map(({ entry }) => keyOf(entry)));
    const kept = [...this.#table.all()].filter(({ entry }) => !replaced.has(keyOf(entry)));
    store([...kept, ...given]);
    for (const one of given) this.#table.take(one);
    this.#knowledge?.hear();
    this.#changed(given, true);
    this.#tell();
    return outcomes;
  }

  takeRumour(from: Endpoint, bytes: Uint8Array): void {
    const rumour = parseRumour(bytes);
    if (rumour === undefined) return this.#refused.count('rumour-invalid');
    if (rumour.digest !== this.#table.summary.digest) this.#merge(rumour.entries);
    // Only those who know begin one.
    if (rumour.digest === this.#table.summary.digest) this.#knowledge?.take(from, 'knows');
    else this.#catchingUp?.hear(from, rumour);
    this.#tellUnlessBusy();
  }

  answer(_from: Endpoint, bytes: Uint8Array): Uint8Array | undefined {
    const request = parseRequest(bytes);
    if (request === undefined) {
      this.#refused.count('request-invalid');
      return undefined;
    }
    const { buckets, wanted, entries } = request;
    this.#takeEntries(entries);
    const table = this.#table;
    const { digest } = table.summary;
    const knowledge = this.#knowledge?.word ?? 'seeks';
    if (buckets === undefined) {
      const found = wanted.flatMap((hash) => table.byHash(hash)?.bytes ?? []);
      const fitted = fitting(found, MESSAGE_ENTRIES_BYTES);
      return encodeAnswer({ digest, knowledge, differing: [], hashes: [], entries: fitted });
    }
    const count = buckets.length / ENTRY_HASH_BYTES;
    const differing = differingBuckets(table.buckets(count), buckets);
    const within = table.within(differing, count);
    const newest = within.map((one) => one.bytes);
    return encodeAnswer({
      digest,
      knowledge,
      differing,
      hashes: within.map(({ hash }) => hash),
      entries: fitting(newest, UNASKED_ENTRIES_BYTES),
    });
  }

  /** Members changed. */
  follow(changes: readonly MemberChange[]): void {
    const come = changes.filter(({ before, after }) => isLive(after) && !isLive(before)).map(({ after }) => after!);
    if (come.length > 0) this.#catchingUp?.meet(come.at(-1)!.announcement.gossipEndpoint, come.length);
  }

  /** What was refused since the start, by reason; every reason is a key. */
  refused(): Record<RulebookRefusal, number> {
    return this.#refused.counts();
  }

  /** Whether something of others is refused for this reason, as far as was seen of late. */
  refuses(reason: RulebookRefusal): boolean {
    return this.#refused.wasLately(reason);
  }

  statistics(): RulebookStatistics {
    const { objects, lengthBytes, size } = this.#table;
    return {
      objects,
      lengthBytes,
      deletions: size - objects,
      exchangesStarted: this.#catchingUp?.started ?? 0,
      exchangesFailed: this.#catchingUp?.failed ?? 0,
    };
  }

  #outcomeOf(wish: RulebookWish): WishOutcome {
    const before = this.object(wish)?.object;
    if (wish.object === undefined) return before === undefined ? 'absent' : 'deleted';
    if (before === undefined) return 'created';
    return before === wish.object ? 'unchanged' : 'configured';
  }

  #seal(wishes: readonly RulebookWish[]): readonly SealedEntry[] {
    const { nodeName: origin, timeOfDayMs } = this.#options;
    const version = Math.max(1, Math.floor(timeOfDayMs()), this.#table.newestVersion + 1);
    return wishes.map(({ kind, namespace, name, object }) => {
      const sealed = sealEntry({ kind, namespace, name, version, origin, object });
      // What others would refuse is not given.
      if (parseEntry(sealed.bytes) === undefined) throw invalid(sealed);
      return sealed;
    });
  }

  #refuseIfFull(given: readonly SealedEntry[]): void {
    let { objects, lengthBytes } = this.#table;
    const before = { objects, lengthBytes };
    for (const { entry, bytes } of given) {
      const known = this.#table.get(entry);
      if (known?.entry.object !== undefined) {
        objects--;
        lengthBytes -= known.bytes.length;
      }
      if (entry.object === undefined) continue;
      objects++;
      lengthBytes += bytes.length;
    }
    // Where others gave something at the same time there may be more than that: then there can be less of it.
    if (objects > Math.max(MAX_OBJECTS, before.objects))
      throw new ExhaustedError(
        'rulebook-full',
        `there would be ${objects} policies, services and namespaces, more than ${MAX_OBJECTS}`,
      );
    if (lengthBytes > Math.max(MAX_OBJECTS_BYTES, before.lengthBytes)) {
      const message = `all policies, services and namespaces would take ${lengthBytes} bytes, more than ${MAX_OBJECTS_BYTES}`;
      throw new ExhaustedError('rulebook-full', message);
    }
  }

  /** Whether any was new. */
  #takeEntries(entries: readonly Uint8Array[]): boolean {
    const hasChanged = this.#merge(entries);
    this.#tellUnlessBusy();
    return hasChanged;
  }

  #merge(entries: readonly Uint8Array[]): boolean {
    const changed = entries.flatMap((bytes) => this.#takeEntry(bytes) ?? []);
    if (changed.length > 0) this.#changed(changed, false);
    return changed.length > 0;
  }

  #takeEntry(bytes: Uint8Array): SealedEntry | undefined {
    const sealed = parseEntry(bytes);
    const outcome = sealed === undefined ? 'invalid' : this.#table.take(sealed);
    if (outcome === 'invalid') this.#refused.count('entry-invalid');
    if (outcome === 'full') this.#refused.count('rulebook-full');
    return outcome === 'new' ? sealed : undefined;
  }

  #changed(changed: readonly SealedEntry[], isStored: boolean): void {
    const nowMs = this.#options.clock.nowMs();
    const recent = [...changed.map((sealed) => ({ sealed, atMs: nowMs })), ...this.#recent].filter(
      ({ sealed, atMs }) => nowMs - atMs < RUMOUR_MS && this.#table.byHash(sealed.hash) === sealed,
    );
    let lengthBytes = 0;
    this.#recent = recent.filter(({ sealed }) => (lengthBytes += costOf(sealed)) <= RUMOUR_ENTRIES_BYTES);
    this.#isNews = true;
    this.#options.onChange?.(
      changed.map(({ entry }) => entry),
      isStored,
    );
  }

  /** What is held on the way to something else is not told: others would ask for it. */
  #tellUnlessBusy(): void {
    if (this.#catchingUp?.isBusy !== true) this.#tell();
  }

  /** Who does not know what the cluster holds tells nobody: others would take it for that. */
  #tell(): void {
    if (!this.#isNews || !this.isKnown) return;
    this.#isNews = false;
    const entries = this.#recent.map(({ sealed }) => sealed.bytes);
    this.#carrier?.spreadRulebook(encodeRumour({ ...this.#table.summary, entries }));
  }
}

/** What an entry takes of a rumour: tag and length come before it. */
function costOf({ bytes }: SealedEntry): number {
  return bytes.length + 3;
}

function invalid({ entry, bytes }: SealedEntry): WeftError {
  const title = keyOf(entry);
  const why =
    bytes.length > MAX_OBJECT_BYTES
      ? `takes ${bytes.length} bytes, more than ${MAX_OBJECT_BYTES}`
      : entry.version > MAX_POD_VERSION
        ? 'cannot be changed: somebody has used up all versions; stop all nodes, and run weft reset on each'
        : 'is not an object of this kind and name';
  return new WeftError('rulebook-object-invalid', `${title} ${why}`, { object: title });
}

function notFetched(): WeftError {
  return new ConflictError(
    'policies-unknown',
    'other nodes hold policies that this node has not got from them yet: try again soon, or at another node; weft peers says which are reached',
  );
}

function isLive(member: MemberChange['after']): boolean {
  return member?.state === 'alive' || member?.state === 'suspect';
}
