/** What was put right of late, and how often: for whoever finds everything in order, and wonders what happened. */
import type { AuditDifference } from '../../api/control-api.ts';

/** How far back, in ms. */
const KEPT_MS = 600_000;

/** Most that are kept; others push out those that were repaired longest ago. */
const MAX_KEPT = 200;

/** So many repairs of the same within {@link CONTEST_MS} are no accident: somebody takes it away again and again. */
const CONTESTED_REPAIRS = 5;
const CONTEST_MS = 120_000;

/** Repairs of one thing within the last ten minutes. */
export interface RecentRepair {
  readonly subject: string;
  /** What was wrong: one thing may lack several. */
  readonly message: string;
  readonly times: number;
  /** ISO 8601. */
  readonly last: string;
  /** Whether somebody takes it away as often as it is put back. */
  readonly isContested: boolean;
  /** Who was the last that is known to have changed it: `process "nft" (pid 4711)`. */
  readonly by?: string | undefined;
}

interface Entry {
  readonly subject: string;
  /** Times of the repairs, in ms since 1970. */
  readonly atMs: number[];
  wasContested: boolean;
  by: string | undefined;
}

export class RepairHistory {
  readonly #wallClockMs: () => number;
  /** By message, the one that was repaired last at the end. */
  readonly #entries = new Map<string, Entry>();

  constructor(wallClockMs: () => number) {
    this.#wallClockMs = wallClockMs;
  }

  /** Notes a repair, and who made it necessary, if that is known. @returns whether it has become contested by it. */
  add({ subject, message }: Pick<AuditDifference, 'subject' | 'message'>, by?: string): boolean {
    const nowMs = this.#wallClockMs();
    const entry = this.#entries.get(message) ?? { subject, atMs: [], wasContested: false, by: undefined };
    entry.by = by ?? entry.by;
    this.#entries.delete(message);
    this.#entries.set(message, entry);
    entry.atMs.push(nowMs);
    this.#forgetOld(nowMs);
    const isContested = contested(entry, nowMs);
    const isNew = isContested && !entry.wasContested;
    entry.wasContested = isContested;
    return isNew;
  }

  /** Who was the last that is known to have made repairs of this necessary. */
  authorOf(message: string): string | undefined {
    return this.#entries.get(message)?.by;
  }

  /** Those of the last ten minutes, the latest last. */
  recent(): readonly RecentRepair[] {
    const nowMs = this.#wallClockMs();
    this.#forgetOld(nowMs);
    return [...this.#entries].map(([message, entry]) => ({
      subject: entry.subject,
      message,
      times: entry.atMs.length,
      last: new Date(entry.atMs.at(-1)!).toISOString(),
      isContested: contested(entry, nowMs),
      ...(entry.by !== undefined && { by: entry.by }),
    }));
  }

  #forgetOld(nowMs: number): void {
    for (const [message, { atMs }] of this.#entries) {
      // A clock that was set back must not keep them for ever.
      const kept = atMs.filter((one) => Math.abs(nowMs - one) < KEPT_MS);
      atMs.splice(0, atMs.length, ...kept);
      if (kept.length === 0) this.#entries.delete(message);
    }
    for (const message of this.#entries.keys()) {
      if (this.#entries.size <= MAX_KEPT) break;
      this.#entries.delete(message);
    }
  }
}

function contested({ atMs }: Entry, nowMs: number): boolean {
  return atMs.filter((one) => Math.abs(nowMs - one) < CONTEST_MS).length >= CONTESTED_REPAIRS;
}
