/** Suspicion: the time a member has to refute before it is declared dead (Lifeguard, section 4.2: "LHA-Suspicion"). */
import type { Clock } from '../env/clock.ts';
import type { Parameters } from './parameters.ts';

/** The parameters that decide how long a suspicion lasts. */
export type SuspicionParameters = Pick<
  Parameters,
  'suspicionMultiplier' | 'suspicionMaxFactor' | 'confirmations' | 'probeIntervalMs'
>;

/** Rounding must not make a timer run twice. */
const TOLERANCE_MS = 0.001;

/** A suspicion that is not over when it might have been is looked at again after so many probe intervals. */
const RECHECK_INTERVALS = 2;

/**
 * How long a member that `confirmations` independent members confirm to be silent stays suspect, in ms.
 *
 *     min + (max - min) x (1 - log(confirmations + 1) / log(wanted + 1))
 *
 * `min` is multiplier x max(1, log10 n) x probe interval, as in memberlist: a refutation reaches everybody in a time that
 * grows with the logarithm of the cluster. `max` is a multiple of it. With nobody else to ask (`wanted` is 0) it is `min`.
 */
export function suspicionTimeoutMs(
  parameters: SuspicionParameters,
  clusterSize: number,
  confirmations: number,
  wanted: number,
): number {
  const { suspicionMultiplier, suspicionMaxFactor, probeIntervalMs } = parameters;
  const minMs = suspicionMultiplier * Math.max(1, Math.log10(clusterSize)) * probeIntervalMs;
  if (confirmations >= wanted) return minMs;
  const maxMs = suspicionMaxFactor * minMs;
  return maxMs - (maxMs - minMs) * (Math.log(confirmations + 1) / Math.log(wanted + 1));
}

/** What the suspicions need. */
export interface SuspicionsOptions {
  readonly clock: Clock;
  readonly parameters: SuspicionParameters;
  /** Live members, this node included. */
  readonly clusterSize: () => number;
  /** How much longer to wait for this member than for others, in ms. */
  readonly graceMs: (identity: string) => number;
  readonly onExpired: (identity: string, incarnation: number) => void;
}

interface Suspicion {
  readonly identity: string;
  readonly incarnation: number;
  readonly beganMs: number;
  /** Who found the member silent: the first, and those who confirm it. */
  readonly accusers: string[];
  /** When the earliest of the timers that run for it is due. */
  armedMs: number;
}

/**
 * Times suspicions. A confirmation by somebody else brings the end nearer at once. Whatever else moves it (this node is
 * unwell, the cluster is larger than it seemed, there is nobody left to confirm) is found when a timer is due: the first
 * one after the shortest time, further ones now and then until the end.
 */
export class Suspicions {
  readonly #options: SuspicionsOptions;
  readonly #running = new Map<string, Suspicion>();

  constructor(options: SuspicionsOptions) {
    this.#options = options;
  }

  /** Members that are suspected. */
  get size(): number {
    return this.#running.size;
  }

  /** Who accuses a member, the first accuser first, up to one more than confirmations are wanted. */
  accusersOf(identity: string): readonly string[] {
    return this.#running.get(identity)?.accusers ?? [];
  }

  /**
   * Begins one, or adds to that of the same incarnation; whether there are more accusers now, which others should hear.
   * Without accusers it is known only that the member is suspected.
   */
  accuse(identity: string, incarnation: number, accusers: readonly string[]): boolean {
    let suspicion = this.#running.get(identity);
    const isNew = suspicion?.incarnation !== incarnation;
    if (suspicion === undefined || isNew) {
      const beganMs = this.#options.clock.nowMs();
      suspicion = { identity, incarnation, beganMs, accusers: [], armedMs: Infinity };
      this.#running.set(identity, suspicion);
    }
    const before = suspicion.accusers.length;
    for (const accuser of accusers) {
      if (suspicion.accusers.length > this.#options.parameters.confirmations) break;
      if (accuser !== identity && !suspicion.accusers.includes(accuser)) suspicion.accusers.push(accuser);
    }
    const hasGrown = suspicion.accusers.length > before;
    if (isNew) this.#arm(suspicion, suspicion.beganMs + this.#shortestMs());
    else if (hasGrown) this.#arm(suspicion, this.#dueMs(suspicion));
    return hasGrown;
  }

  /** The member is no longer suspect: it refuted, left or is dead. */
  end(identity: string): void {
    this.#running.delete(identity);
  }

  #dueMs({ identity, beganMs, accusers }: Suspicion): number {
    const { parameters, clusterSize, graceMs } = this.#options;
    const size = clusterSize();
    // The first accuser is no confirmation of itself, and those who are suspect confirm nothing.
    const wanted = Math.min(parameters.confirmations, Math.max(0, size - this.#running.size - 1));
    const confirmations = Math.max(0, accusers.length - 1);
    return beganMs + suspicionTimeoutMs(parameters, size, confirmations, wanted) + graceMs(identity);
  }

  #shortestMs(): number {
    const { parameters, clusterSize } = this.#options;
    return suspicionTimeoutMs(parameters, clusterSize(), 0, 0);
  }

  /** Has the suspicion looked at when `atMs` comes, unless a timer that runs already comes first. */
  #arm(suspicion: Suspicion, atMs: number): void {
    const { clock } = this.#options;
    const armedMs = Math.max(atMs, clock.nowMs());
    if (armedMs >= suspicion.armedMs) return;
    suspicion.armedMs = armedMs;
    clock.after(armedMs - clock.nowMs(), () => {
      const isStale = this.#running.get(suspicion.identity) !== suspicion || suspicion.armedMs !== armedMs;
      if (!isStale) this.#look(suspicion);
    });
  }

  #look(suspicion: Suspicion): void {
    const { clock, parameters, onExpired } = this.#options;
    const { identity, incarnation } = suspicion;
    const dueMs = this.#dueMs(suspicion);
    if (dueMs - clock.nowMs() > TOLERANCE_MS) {
      suspicion.armedMs = Infinity;
      return this.#arm(suspicion, Math.min(dueMs, clock.nowMs() + RECHECK_INTERVALS * parameters.probeIntervalMs));
    }
    this.#running.delete(identity);
    onExpired(identity, incarnation);
  }
}
