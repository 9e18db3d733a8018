/**
 * Cuts connections that policies do not allow any more: the kernel asks policies of the first packet of a connection alone. What is
 * allowed again before it ended, goes on.
 *
 *     rules change ──> all connections are listed ──> those of pods that are concerned are judged as if they began now ──> marked, or not
 *
 * The rules are there before the listing begins: what begins meanwhile is judged by them. What changes while a listing goes on, and a pause
 * after it, is judged in the next: pods of other nodes may come and go all the time.
 */
import type { Clock } from '../../env/clock.ts';
import { Gathering } from '../../linux/gathering.ts';
import { markConnections } from '../../linux/connections.ts';
import { addressKey, type PlanState } from '../../policy/plan-state.ts';
import { isFlowAllowed, isSegmentAllowed } from '../../policy/plan-verdict.ts';
import { systemClock } from '../process/system-environment.ts';
import { CUT_MARK } from './policy-names.ts';

/** By `addressKey`, whose connections are judged; `all`: everybody's, and what is left of another daemon's. */
export type Concerned = ReadonlySet<string> | 'all';

/** How many connections were cut, and how many go on again. */
export interface CutCounts {
  readonly cut: number;
  readonly restored: number;
}

/** How long after a change a round begins at the earliest, in ms: if it is of a pod that is made, this thread makes its cable meanwhile. */
const DELAY_MS = 100;

/** Least time between the begins of two rounds, in ms. */
const MIN_ROUND_MS = 250;

/** How much longer than a round nothing is listed after it: the thread that lists has other work, too. */
const PAUSE_PER_ROUND = 3;

/** Longest pause, in ms: a connection that is not allowed any more is not to go on for long. */
const MAX_PAUSE_MS = 1_000;

export interface CutMeans {
  readonly clock: Clock;
  /** As {@link markConnections}. */
  readonly mark: typeof markConnections;
}

export class CutConnections {
  readonly #plan: () => PlanState;
  readonly #onCut: (counts: CutCounts) => void;
  readonly #means: CutMeans;
  /** A listing costs the same for one pod as for all. */
  readonly #rounds = new Gathering<Concerned>(
    async (all) => this.#round(all),
    async () => this.#turn(),
  );
  /** When the next round may begin. */
  #nextMs = -Infinity;

  /** @param plan as the kernel has it. */
  constructor(
    plan: () => PlanState,
    onCut: (counts: CutCounts) => void,
    means: CutMeans = { clock: systemClock, mark: markConnections },
  ) {
    this.#plan = plan;
    this.#onCut = onCut;
    this.#means = means;
  }

  /** Resolves when it is done. @throws SystemCallError where the kernel does not tell of its connections. */
  async judge(concerned: Concerned): Promise<void> {
    await this.#rounds.add(concerned);
  }

  async #turn(): Promise<void> {
    const { clock } = this.#means;
    const waitMs = Math.max(DELAY_MS, this.#nextMs - clock.nowMs());
    const { promise, resolve } = Promise.withResolvers<void>();
    clock.after(waitMs, resolve);
    await promise;
  }

  async #round(all: readonly Concerned[]): Promise<[]> {
    const { clock } = this.#means;
    const begunMs = clock.nowMs();
    try {
      await this.#cut(all);
    } finally {
      const endMs = clock.nowMs();
      const pauseMs = Math.min((endMs - begunMs) * PAUSE_PER_ROUND, MAX_PAUSE_MS);
      this.#nextMs = Math.max(begunMs + MIN_ROUND_MS, endMs + pauseMs);
    }
    return [];
  }

  async #cut(all: readonly Concerned[]): Promise<void> {
    const plan = this.#plan();
    const keys = all.includes('all')
      ? undefined
      : new Set((all as readonly ReadonlySet<string>[]).flatMap((one) => [...one]));
    const { set, cleared } = await this.#means.mark(CUT_MARK, (connection) => {
      const isConcerned =
        keys === undefined || keys.has(addressKey(connection.source)) || keys.has(addressKey(connection.destination));
      if (!isConcerned) return undefined;
      return !(connection.isPickedUp ? isSegmentAllowed(plan, connection) : isFlowAllowed(plan, connection));
    });
    if (set + cleared > 0) this.#onCut({ cut: set, restored: cleared });
  }
}

/** Has all connections that were cut go on, for when nobody asks policies any more. @throws SystemCallError as {@link CutConnections.judge} */
export async function restoreConnections(): Promise<void> {
  await markConnections(CUT_MARK, () => false);
}
