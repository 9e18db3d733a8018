/**
 * Cuts connections that policies do not allow any more: the kernel asks policies of the first packet of a connection alone. What is
 * allowed again before it ended, goes on.
 *
 *     rules change ──> all connections are listed ──> those of pods that are concerned are judged as if they began now ──> marked, or not
 *
 * The rules are there before the listing begins: what begins meanwhile is judged by them.
 */
import { Gathering } from '../../linux/gathering.ts';
import { markConnections } from '../../linux/connections.ts';
import { addressKey, type PlanState } from '../../policy/plan-state.ts';
import { isFlowAllowed, isSegmentAllowed } from '../../policy/plan-verdict.ts';
import { CUT_MARK } from './policy-names.ts';

/** By `addressKey`, whose connections are judged; `all`: everybody's, and what is left of another daemon's. */
export type Concerned = ReadonlySet<string> | 'all';

/** How many connections were cut, and how many go on again. */
export interface CutCounts {
  readonly cut: number;
  readonly restored: number;
}

export class CutConnections {
  readonly #plan: () => PlanState;
  readonly #onCut: (counts: CutCounts) => void;
  /** A listing costs the same for one pod as for all. */
  readonly #rounds = new Gathering<Concerned>(async (all) => {
    const plan = this.#plan();
    const keys = all.includes('all')
      ? undefined
      : new Set((all as readonly ReadonlySet<string>[]).flatMap((one) => [...one]));
    const { set, cleared } = await markConnections(CUT_MARK, (connection) => {
      const isConcerned =
        keys === undefined || keys.has(addressKey(connection.source)) || keys.has(addressKey(connection.destination));
      if (!isConcerned) return undefined;
      return !(connection.isPickedUp ? isSegmentAllowed(plan, connection) : isFlowAllowed(plan, connection));
    });
    if (set + cleared > 0) this.#onCut({ cut: set, restored: cleared });
    return [];
  });

  /** @param plan as the kernel has it. */
  constructor(plan: () => PlanState, onCut: (counts: CutCounts) => void) {
    this.#plan = plan;
    this.#onCut = onCut;
  }

  /** Resolves when it is done. @throws SystemCallError where the kernel does not tell of its connections. */
  async judge(concerned: Concerned): Promise<void> {
    await this.#rounds.add(concerned);
  }
}

/** Has all connections that were cut go on, for when nobody asks policies any more. @throws SystemCallError as {@link CutConnections.judge} */
export async function restoreConnections(): Promise<void> {
  await markConnections(CUT_MARK, () => false);
}
