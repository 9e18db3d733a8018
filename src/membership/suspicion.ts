/** Suspicion: the time a member has to refute before it is declared dead. */
import type { Clock } from '../env/clock.ts';
import type { Parameters } from './parameters.ts';

/**
 * How long a member stays suspect before it is dead, in ms: multiplier x max(1, log10 n) x probe interval, as in
 * memberlist. A refutation reaches everybody in a time that grows with the logarithm of the cluster.
 */
export function suspicionTimeoutMs(
  parameters: Pick<Parameters, 'suspicionMultiplier' | 'probeIntervalMs'>,
  clusterSize: number,
): number {
  return parameters.suspicionMultiplier * Math.max(1, Math.log10(clusterSize)) * parameters.probeIntervalMs;
}

/** Times suspicions. A suspicion that was refuted meanwhile still expires; whoever listens compares incarnations. */
export class Suspicions {
  readonly #clock: Clock;
  readonly #parameters: Pick<Parameters, 'suspicionMultiplier' | 'probeIntervalMs'>;
  readonly #onExpired: (identity: string, incarnation: number) => void;
  /** Incarnation in which each was suspected last; one timer runs per suspicion. */
  readonly #running = new Map<string, number>();

  constructor(
    clock: Clock,
    parameters: Pick<Parameters, 'suspicionMultiplier' | 'probeIntervalMs'>,
    onExpired: (identity: string, incarnation: number) => void,
  ) {
    this.#clock = clock;
    this.#parameters = parameters;
    this.#onExpired = onExpired;
  }

  /** Begins one, unless that of the same incarnation is running. */
  begin(identity: string, incarnation: number, clusterSize: number): void {
    if (this.#running.get(identity) === incarnation) return;
    this.#running.set(identity, incarnation);
    this.#clock.after(suspicionTimeoutMs(this.#parameters, clusterSize), () => {
      if (this.#running.get(identity) !== incarnation) return;
      this.#running.delete(identity);
      this.#onExpired(identity, incarnation);
    });
  }
}
