/** Who is a member, and in which state: everything this node holds true of the others and of itself. */
import type { Member, MemberState } from './announcement.ts';
import type { Claim, SealedAnnouncement } from './message.ts';

/** A member with what is needed to pass it on. */
export interface MemberRecord extends Member {
  readonly sealed: SealedAnnouncement;
  /** Incarnation in which the announcement was made; older than `incarnation` if only bad news came since. */
  readonly announcedAt: number;
}

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

/** What {@link MemberTable.apply} did. `unknown`: a claim without announcement about nobody we know. */
export type ApplyOutcome = 'changed' | 'unchanged' | 'unknown' | 'full';

/**
 * The table. State and announcement merge independently, each by a rule that does not depend on the order of claims, so
 * that nodes which heard the same claims hold the same table.
 *
 *              claim of a newer incarnation
 *         +-----------------------------------------+
 *         v                                         |
 *       alive --no answer--> suspect --time out--> dead --24 h--> forgotten
 *         |                     |                   |               ^
 *         +---------------------+------leaves-----> left --24 h-----+
 */
export class MemberTable {
  readonly #self: string;
  readonly #maxMembers: number;
  readonly #forgetAfterMs: number;
  readonly #records = new Map<string, MemberRecord>();
  #sorted: readonly MemberRecord[] | undefined;
  #others: readonly MemberRecord[] | undefined;
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

  get(identity: string): MemberRecord | undefined {
    return this.#records.get(identity);
  }

  /** All members, this node included, ordered by identity. The same array until something changes. */
  members(): readonly MemberRecord[] {
    this.#sorted ??= [...this.#records.values()].sort((a, b) =>
      a.announcement.identity < b.announcement.identity ? -1 : 1,
    );
    return this.#sorted;
  }

  /** Members that are alive or suspect, without this node, ordered by identity. */
  liveOthers(): readonly MemberRecord[] {
    this.#others ??= this.members().filter(
      ({ state, announcement }) => isLive(state) && announcement.identity !== this.#self,
    );
    return this.#others;
  }

  /** Live members, this node included. The n of the protocol's formulas. */
  clusterSize(): number {
    return this.liveOthers().length + 1;
  }

  /** Puts in what this node says of itself, whatever was there. */
  setSelf(claim: Claim & { readonly sealed: SealedAnnouncement }, nowMs: number): void {
    const known = this.#records.get(this.#self);
    const sinceMs = known?.state === claim.state ? known.sinceMs : nowMs;
    this.#put({ ...recordOf(claim, claim.sealed), sinceMs });
  }

  /** Merges a claim about another member. */
  apply(claim: Claim, nowMs: number): ApplyOutcome {
    const enteredMs = nowMs - claim.ageSeconds * 1_000;
    const known = this.#records.get(claim.identity);
    if (known === undefined) {
      if (claim.sealed === undefined) return 'unknown';
      const isOver = !isLive(claim.state) && nowMs - enteredMs >= this.#forgetAfterMs;
      if (isOver) return 'unchanged';
      if (this.#records.size >= this.#maxMembers && !this.#dropLongestGone()) return 'full';
      this.#put({ ...recordOf(claim, claim.sealed), sinceMs: enteredMs });
      return 'changed';
    }

    const stateChanges = supersedes(claim, known);
    const announcementChanges = announcesNewer(claim, known);
    if (!stateChanges && !announcementChanges) return 'unchanged';
    const { sealed, announcedAt } = announcementChanges ? (claim as MemberRecord & Claim) : known;
    const { incarnation, state } = stateChanges ? claim : known;
    const sinceMs = state === known.state ? known.sinceMs : enteredMs;
    this.#put({ announcement: sealed.announcement, sealed, announcedAt, incarnation, state, sinceMs });
    return 'changed';
  }

  /** Everything as claims, for an exchange. */
  claims(nowMs: number): Claim[] {
    return this.members().map((record) => claimOf(record, nowMs));
  }

  /** Drops members that have been dead or gone for long. Others agree on when that was: claims carry their age. */
  forgetExpired(nowMs: number): void {
    for (const [identity, { state, sinceMs }] of this.#records) {
      if (isLive(state) || identity === this.#self || nowMs - sinceMs < this.#forgetAfterMs) continue;
      this.#records.delete(identity);
      this.#changed();
    }
  }

  #dropLongestGone(): boolean {
    let oldest: MemberRecord | undefined;
    for (const record of this.#records.values()) {
      if (isLive(record.state) || record.announcement.identity === this.#self) continue;
      if (oldest === undefined || record.sinceMs < oldest.sinceMs) oldest = record;
    }
    return oldest !== undefined && this.#records.delete(oldest.announcement.identity);
  }

  #put(record: MemberRecord): void {
    this.#records.set(record.announcement.identity, record);
    this.#changed();
  }

  #changed(): void {
    this.#version++;
    this.#sorted = undefined;
    this.#others = undefined;
  }
}

/** What this node claims of a member, with its announcement. */
export function claimOf(record: MemberRecord, nowMs: number): Claim {
  const { announcement, incarnation, state, sealed, announcedAt } = record;
  const ageSeconds = Math.max(0, Math.floor((nowMs - record.sinceMs) / 1_000));
  return { identity: announcement.identity, incarnation, state, sealed, announcedAt, ageSeconds };
}

function recordOf(claim: Claim, sealed: SealedAnnouncement): Omit<MemberRecord, 'sinceMs'> {
  const { incarnation, state, announcedAt } = claim;
  return { announcement: sealed.announcement, sealed, announcedAt, incarnation, state };
}

/** Order of two byte strings: by the first byte that differs, then the shorter first. */
function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let index = 0; index < shared; index++) {
    if (a[index] !== b[index]) return a[index]! - b[index]!;
  }
  return a.length - b.length;
}
