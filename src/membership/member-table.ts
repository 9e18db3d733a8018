/** Who is a member, and in which state: everything this node holds true of the others and of itself. */
import type { Member, MemberChange, MemberState } from './announcement.ts';
import { LiveMembers } from './live-members.ts';
import type { Claim, SealedAnnouncement } from './message.ts';
import type { MemberRecord } from './member-record.ts';
import { bucketOf, TableDigest } from './table-digest.ts';

const severity: Readonly<Record<MemberState, number>> = { alive: 0, suspect: 1, dead: 2, left: 3 };

/**
 * Whether `claim` replaces `known`: the newer incarnation wins, then the worse news.
 *
 * The SWIM paper makes `dead` final. Here, as in memberlist, a newer incarnation revives: a node that returns keeps its
 * identity. `left` is worse than `dead`, so that a departure that was overtaken by a suspicion still ends as one.
 */
export function supersedes(
  claim: Pick<Member, 'incarnation' | 'state'>,
  known: Pick<Member, 'incarnation' | 'state'>,
): boolean {
  if (claim.incarnation !== known.incarnation) return claim.incarnation > known.incarnation;
  return severity[claim.state] > severity[known.state];
}

/**
 * Whether the announcement of `claim` replaces that of `known`: the later one wins. One incarnation has two only if two
 * processes bear one identity; then the lower bytes win, so that everybody at least holds the same.
 */
export function announcesNewer(
  claim: Pick<Claim, 'sealed' | 'announcedAt'>,
  known: Pick<MemberRecord, 'sealed' | 'announcedAt'>,
): boolean {
  if (claim.sealed === undefined) return false;
  if (claim.announcedAt !== known.announcedAt) return claim.announcedAt > known.announcedAt;
  return compareBytes(claim.sealed.bytes, known.sealed.bytes) < 0;
}

/** Whether a member in `state` counts: may have routes, is probed, is gossiped to. */
export function isLive(state: MemberState): boolean {
  return state === 'alive' || state === 'suspect';
}

/**
 * What {@link MemberTable.apply} did. `unknown`: a claim without announcement about nobody we know. `full`: as many as may
 * be are there, and nobody's place is less deserved.
 */
export type ApplyOutcome = 'changed' | 'unchanged' | 'unknown' | 'full';

/**
 * The table. State and announcement merge independently, each by a rule that does not depend on the order of claims, so
 * that nodes which heard the same claims hold the same table. A change costs the same whatever the number of members.
 *
 *              claim of a newer incarnation
 *         +-----------------------------------------+
 *         v                                         |
 *       alive --no answer--> suspect --time out--> dead --operator--> forgotten
 *         |                     |                   |                   ^
 *         +---------------------+------leaves-----> left --24 h---------+
 *
 * The dead are kept: they are what a partition heals by.
 */
export class MemberTable {
  readonly #self: string;
  readonly #maxMembers: number;
  readonly #forgetAfterMs: number;
  readonly #records = new Map<string, MemberRecord>();
  readonly #live = new LiveMembers();
  /** The dead and those who left, in the order in which this node learned it. */
  readonly #gone = new Map<string, MemberRecord>();
  readonly #digest = new TableDigest();
  /** Number of members that are alive, by endpoint. */
  readonly #aliveAt = new Map<string, number>();
  #sortedIdentities: readonly string[] | undefined;
  #sorted: readonly MemberRecord[] | undefined;
  #changes: MemberChange[] = [];
  #version = 0;

  /** @param self identity of this node: never dropped, and not among {@link liveOthers}. */
  constructor(self: string, limits: { readonly maxMembers: number; readonly forgetAfterMs: number }) {
    this.#self = self;
    this.#maxMembers = limits.maxMembers;
    this.#forgetAfterMs = limits.forgetAfterMs;
  }

  /** Grows with every change. */
  get version(): number {
    return this.#version;
  }

  /** Members, this node and the dead included. */
  get size(): number {
    return this.#records.size;
  }

  get(identity: string): MemberRecord | undefined {
    return this.#records.get(identity);
  }

  /** All members, this node included, ordered by identity. The same array until something changes; made when asked for. */
  members(): readonly MemberRecord[] {
    this.#sortedIdentities ??= [...this.#records.keys()].sort();
    this.#sorted ??= this.#sortedIdentities.map((identity) => this.#records.get(identity)!);
    return this.#sorted;
  }

  /** Members that are alive or suspect, without this node, in no order. Changes under the eyes of its reader. */
  liveOthers(): readonly MemberRecord[] {
    return this.#live.members;
  }

  /** Members that are dead or left, by identity, in the order in which this node learned it. */
  gone(): ReadonlyMap<string, MemberRecord> {
    return this.#gone;
  }

  /** Whether a member that is alive has its gossip at an endpoint: one by {@link SealedAnnouncement.endpointKey}. */
  isAliveAt(endpointKey: string): boolean {
    return this.#aliveAt.has(endpointKey);
  }

  /** Live members, this node included. The n of the protocol's formulas. */
  clusterSize(): number {
    return this.#live.members.length + 1;
  }

  /** What has changed since this was asked last, in order. */
  takeChanges(): readonly MemberChange[] {
    const changes = this.#changes;
    this.#changes = [];
    return changes;
  }

  /** Puts in what this node says of itself, whatever was there. */
  setSelf(claim: Claim & { readonly sealed: SealedAnnouncement }, nowMs: number): void {
    const known = this.#records.get(this.#self);
    const sinceMs = known?.state === claim.state ? known.sinceMs : nowMs;
    const announcedMs = known?.sealed === claim.sealed ? known.announcedMs : nowMs;
    this.#put({ ...recordOf(claim, claim.sealed), sinceMs, announcedMs });
  }

  /** Merges a claim about another member. */
  apply(claim: Claim, nowMs: number): ApplyOutcome {
    const enteredMs = nowMs - claim.ageSeconds * 1_000;
    const madeMs = nowMs - (claim.announcementAgeMs ?? 0);
    const known = this.#records.get(claim.identity);
    if (known === undefined) {
      if (claim.sealed === undefined) return 'unknown';
      if (claim.state === 'left' && nowMs - enteredMs >= this.#forgetAfterMs) return 'unchanged';
      if (this.#records.size >= this.#maxMembers && !this.#makeRoom(claim.state, enteredMs)) return 'full';
      this.#put({ ...recordOf(claim, claim.sealed), sinceMs: enteredMs, announcedMs: madeMs });
      return 'changed';
    }

    const stateChanges = supersedes(claim, known);
    const announcementChanges = announcesNewer(claim, known);
    if (!stateChanges && !announcementChanges) return 'unchanged';
    const { sealed, announcedAt } = announcementChanges ? (claim as MemberRecord & Claim) : known;
    const { incarnation, state } = stateChanges ? claim : known;
    // How slow a member is it says itself, when it raises its incarnation; others only repeat it.
    const slowness = incarnation > known.incarnation ? (claim.slowness ?? 0) : known.slowness;
    const sinceMs = state === known.state ? known.sinceMs : enteredMs;
    // A refutation says the same once more, under another number: nothing new was announced.
    const announcedMs = sealed === known.sealed ? known.announcedMs : madeMs;
    const { announcement } = sealed;
    this.#put({ announcement, sealed, announcedAt, incarnation, state, slowness, sinceMs, announcedMs });
    return 'changed';
  }

  /** Everything as claims, or what is in some of `count` buckets. */
  claims(nowMs: number, buckets?: ReadonlySet<number>, count = 1): Claim[] {
    const claims: Claim[] = [];
    for (const record of this.#records.values()) {
      if (buckets === undefined || buckets.has(bucketOf(record.announcement.identity, count))) {
        claims.push(claimOf(record, nowMs));
      }
    }
    return claims;
  }

  /** See {@link TableDigest.buckets}. */
  digest(count: number): Uint8Array {
    return this.#digest.buckets(count);
  }

  /** Drops members that left long ago. Others agree on when that was: claims carry their age. */
  forgetExpired(nowMs: number): void {
    for (const record of this.#gone.values()) {
      if (record.state === 'left' && nowMs - record.sinceMs >= this.#forgetAfterMs) this.#drop(record);
    }
  }

  /** Drops a member that is known in `incarnation` or an earlier one; whether it was. */
  forget(identity: string, incarnation: number): boolean {
    const known = this.#records.get(identity);
    if (known === undefined || identity === this.#self || known.incarnation > incarnation) return false;
    this.#drop(known);
    return true;
  }

  /** Drops whoever has been gone longest; not for somebody who has been gone even longer. */
  #makeRoom(state: MemberState, sinceMs: number): boolean {
    let oldest: MemberRecord | undefined;
    for (const record of this.#gone.values()) {
      if (oldest === undefined || record.sinceMs < oldest.sinceMs) oldest = record;
    }
    if (oldest === undefined || (!isLive(state) && sinceMs <= oldest.sinceMs)) return false;
    this.#drop(oldest);
    return true;
  }

  #put(record: MemberRecord): void {
    const { identity } = record.announcement;
    const before = this.#records.get(identity);
    if (before === undefined) this.#sortedIdentities = undefined;
    else this.#takeOut(before);
    this.#records.set(identity, record);
    this.#digest.add(record);
    if (record.state === 'alive') this.#countAliveAt(record.sealed.endpointKey, 1);
    if (identity !== this.#self) {
      if (isLive(record.state)) {
        this.#live.put(record);
        this.#gone.delete(identity);
      } else {
        this.#live.delete(identity);
        this.#gone.set(identity, record);
      }
    }
    this.#changed({ before, after: record });
  }

  #drop(record: MemberRecord): void {
    const { identity } = record.announcement;
    this.#takeOut(record);
    this.#records.delete(identity);
    this.#live.delete(identity);
    this.#gone.delete(identity);
    this.#sortedIdentities = undefined;
    this.#changed({ before: record, after: undefined });
  }

  #takeOut(record: MemberRecord): void {
    this.#digest.remove(record);
    if (record.state === 'alive') this.#countAliveAt(record.sealed.endpointKey, -1);
  }

  #countAliveAt(endpointKey: string, by: 1 | -1): void {
    const count = (this.#aliveAt.get(endpointKey) ?? 0) + by;
    if (count === 0) this.#aliveAt.delete(endpointKey);
    else this.#aliveAt.set(endpointKey, count);
  }

  #changed(change: MemberChange): void {
    this.#version++;
    this.#sorted = undefined;
    this.#changes.push(change);
  }
}

/** What this node claims of a member, with its announcement. */
export function claimOf(record: MemberRecord, nowMs: number): Claim & { readonly sealed: SealedAnnouncement } {
  const { announcement, incarnation, state, sealed, announcedAt, slowness } = record;
  const ageSeconds = Math.max(0, Math.floor((nowMs - record.sinceMs) / 1_000));
  const announcementAgeMs = nowMs - record.announcedMs;
  const { identity } = announcement;
  const claim = { identity, incarnation, state, sealed, announcedAt, ageSeconds, announcementAgeMs };
  return slowness === 0 ? claim : { ...claim, slowness };
}

function recordOf(claim: Claim, sealed: SealedAnnouncement): Omit<MemberRecord, 'sinceMs' | 'announcedMs'> {
  const { incarnation, state, announcedAt } = claim;
  return { announcement: sealed.announcement, sealed, announcedAt, incarnation, state, slowness: claim.slowness ?? 0 };
}

/** Order of two byte strings: by the first byte that differs, then the shorter first. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let index = 0; index < shared; index++) {
    if (a[index] !== b[index]) return a[index]! - b[index]!;
  }
  return a.length - b.length;
}
