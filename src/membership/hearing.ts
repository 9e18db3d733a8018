/** A suspect gets a hearing: it is told, others look too, and it has the time that it needs (Lifeguard, section 4.3). */
import type { Random } from '../env/random.ts';
import { drawIndex } from './draw.ts';
import type { FailureDetector } from './failure-detector.ts';
import type { LocalHealth } from './local-health.ts';
import type { MemberTable } from './member-table.ts';
import type { MemberRecord } from './member-record.ts';
import type { Outbox } from './outbox.ts';
import type { Parameters } from './parameters.ts';
import type { Suspicions } from './suspicion.ts';

/** Of each suspicion so many nodes of the whole cluster convince themselves, per confirmation that is wanted. */
const LOOKS_PER_CONFIRMATION = 2;

/** What a hearing needs. */
export interface HearingOptions {
  /** Identity of this node. */
  readonly self: string;
  readonly random: Random;
  readonly parameters: Pick<Parameters, 'confirmations'>;
  readonly table: MemberTable;
  readonly suspicions: Pick<Suspicions, 'accusersOf'>;
  readonly detector: Pick<FailureDetector, 'look'>;
  readonly outbox: Pick<Outbox, 'send'>;
}

export class Hearing {
  readonly #options: HearingOptions;

  constructor(options: HearingOptions) {
    this.#options = options;
  }

  /**
   * A member is suspect now. If this node found out itself it says so to the member's face: that is the shortest way to
   * a refutation. If it was told, it looks for itself, with a probability at which a few nodes of the whole cluster do:
   * what they find confirms the suspicion, or gives the member another opportunity to hear of it.
   */
  open({ announcement: { identity, gossipEndpoint } }: MemberRecord): void {
    const { self, random, parameters, table, suspicions, detector, outbox } = this.#options;
    if (suspicions.accusersOf(identity).includes(self)) {
      outbox.send(gossipEndpoint, { kind: 'none' }, [identity]);
    } else if (drawIndex(random, table.clusterSize()) < LOOKS_PER_CONFIRMATION * parameters.confirmations) {
      detector.look(identity);
    }
  }
}

/**
 * How much longer than usual to wait for a member, in ms: for as long as it is slow, and this node itself. A node that
 * handles what it receives late hears of refutations late, too.
 */
export function graceMs(
  parameters: Pick<Parameters, 'probeIntervalMs'>,
  member: Pick<MemberRecord, 'slowness'> | undefined,
  health: Pick<LocalHealth, 'score'>,
): number {
  return ((member?.slowness ?? 0) + health.score) * parameters.probeIntervalMs;
}
