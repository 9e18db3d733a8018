/** What every node holds true, followed change by change. */
import type { Announcement, Member, MemberChange, MemberState } from '../membership/announcement.ts';
import { NO_MIX, mix, type Mix } from './mix.ts';

/** One node's view of one member changed. */
export interface ViewChange {
  /** Number of the node that sees. */
  readonly viewer: number;
  /** Number of the node that is seen; -1 if it is none of the cluster's. */
  readonly subject: number;
  readonly before: Member | undefined;
  readonly after: Member | undefined;
}

const stateNumbers: Readonly<Record<MemberState, number>> = { alive: 1, suspect: 2, dead: 3, left: 4 };

/** How views are looked into: as the nodes themselves do. */
export interface Windows {
  /** All that a node sees, ordered by identity. */
  readonly membersOf: (viewer: number) => readonly Member[];
  /** What a node sees of the one of that identity. */
  readonly find: (viewer: number, identity: string) => Member | undefined;
}

/**
 * The views of all nodes. Nothing is copied: a change costs what changed.
 *
 * Each view has a digest over identities, incarnations, states and announcements; equal digests are equal views.
 */
export class Views {
  readonly #subjects: ReadonlyMap<string, number>;
  readonly #windows: Windows;
  readonly #onChange: (change: ViewChange) => void;
  readonly #digests = new Map<number, Mix>();
  /** Nodes per digest. */
  readonly #alike = new Map<number, number>();

  /** @param subjects numbers of nodes by their identities */
  constructor(subjects: ReadonlyMap<string, number>, windows: Windows, onChange: (change: ViewChange) => void) {
    this.#subjects = subjects;
    this.#windows = windows;
    this.#onChange = onChange;
  }

  /** Takes what changed in the view of a node. */
  update(viewer: number, changes: readonly MemberChange[]): void {
    const digest: Mix = this.#digests.get(viewer) ?? { ...NO_MIX };
    this.#leave(viewer);
    for (const { before, after } of changes) {
      if (before !== undefined) toggle(digest, before);
      if (after !== undefined) toggle(digest, after);
    }
    this.#digests.set(viewer, digest);
    this.#join(viewer);
    for (const { before, after } of changes) {
      const subject = this.#subjects.get((after ?? before)!.announcement.identity) ?? -1;
      this.#onChange({ viewer, subject, before, after });
    }
  }

  /** Drops the view of a node that ended. */
  drop(viewer: number): void {
    this.#leave(viewer);
    this.#digests.delete(viewer);
  }

  /** Nodes that have a view, in the order in which they came. */
  viewers(): IterableIterator<number> {
    return this.#digests.keys();
  }

  /** How many nodes have a view. */
  get size(): number {
    return this.#digests.size;
  }

  /** All that a node sees, ordered by identity. */
  of(viewer: number): readonly Member[] {
    return this.#windows.membersOf(viewer);
  }

  /** What a node sees of the one of that identity. */
  find(viewer: number, identity: string): Member | undefined {
    return this.#windows.find(viewer, identity);
  }

  /** How many different views there are. */
  get distinct(): number {
    return this.#alike.size;
  }

  /** The digest of a node's view: equal for equal views. */
  digestOf(viewer: number): number {
    return digestNumber(this.#digests.get(viewer) ?? NO_MIX);
  }

  #leave(viewer: number): void {
    const digest = this.#digests.get(viewer);
    if (digest === undefined) return;
    const key = digestNumber(digest);
    const count = this.#alike.get(key)! - 1;
    if (count === 0) this.#alike.delete(key);
    else this.#alike.set(key, count);
  }

  #join(viewer: number): void {
    const key = this.digestOf(viewer);
    this.#alike.set(key, (this.#alike.get(key) ?? 0) + 1);
  }
}

/** What a member counts for in comparisons: everything but since when it is in its state. */
function toggle(digest: Mix, { announcement, incarnation, state }: Member): void {
  const mixed = mix(mix(announcementMix(announcement), incarnation), stateNumbers[state]);
  digest.high ^= mixed.high;
  digest.low ^= mixed.low;
}

/** Mixes of announcements: nodes that share an object compute it once. */
const announcementMixes = new WeakMap<Announcement, Mix>();

function announcementMix(announcement: Announcement): Mix {
  let mixed = announcementMixes.get(announcement);
  if (mixed !== undefined) return mixed;
  mixed = NO_MIX;
  const text = (value: string): void => {
    for (let index = 0; index < value.length; index++) mixed = mix(mixed!, value.charCodeAt(index));
    mixed = mix(mixed!, value.length);
  };
  const octets = (value: Uint8Array): void => {
    for (const octet of value) mixed = mix(mixed!, octet);
  };
  text(announcement.identity);
  text(announcement.name);
  octets(announcement.gossipEndpoint.address.bytes);
  mixed = mix(mixed, announcement.gossipEndpoint.port);
  for (const { endpoint } of announcement.dataEndpoints) octets(endpoint.address.bytes);
  for (const { address, lengthBits } of announcement.prefixes) {
    octets(address.bytes);
    mixed = mix(mixed, lengthBits);
  }
  for (const id of announcement.keyIds) text(id);
  mixed = mix(mixed, announcement.mtuBytes);
  const { podSummary } = announcement;
  if (podSummary !== undefined) {
    mixed = mix(mixed, podSummary.version % 0x1_0000_0000);
    text(podSummary.digest);
  }
  announcementMixes.set(announcement, mixed);
  return mixed;
}

/** 53 bits of the 64, as one number. */
function digestNumber({ high, low }: Mix): number {
  return (high >>> 0) * 0x20_0000 + (low >>> 11);
}
