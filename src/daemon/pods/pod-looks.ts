/**
 * What was seen inside of pods of late. To look costs a program for each pod, so that not all are looked at each time where there
 * are many, and nobody is looked at twice within a moment.
 */
import { podFaults, type PodFault } from './pod-faults.ts';
import { lookInside, type PodInterior } from './pod-interior.ts';
import type { PodCable } from './pod-wiring.ts';

/** What a look into a pod gave. */
export interface PodLook {
  readonly cable: PodCable;
  /** `undefined`: nobody got in; `problem` says why. */
  readonly interior: PodInterior | undefined;
  readonly problem: string;
  readonly faults: readonly PodFault[];
}

/** Pods that are looked at in one go, and how many of them at a time. */
const MAX_LOOKS = 32;
const LOOKS_AT_A_TIME = 4;

/** How long a look is good for at least, in ms: whoever asks right after a change is to be told of it. */
const GOOD_FOR_MS = 250;

/** And so many times as long as the round took that looked: whoever asks without a pause has the node look for a fifth of the time. */
const GOOD_FOR_ROUNDS = 4;

export class PodLooks {
  readonly #nowMs: () => number;
  readonly #look: typeof lookInside;
  #round: Promise<void> | undefined;
  #goodForMs = GOOD_FOR_MS;
  /** By key, the one looked at last at the end. */
  readonly #looks = new Map<string, { readonly look: PodLook; readonly atMs: number }>();

  constructor(nowMs: () => number = () => performance.now(), look: typeof lookInside = lookInside) {
    this.#nowMs = nowMs;
    this.#look = look;
  }

  /** The last look at a pod; `undefined`: there was none. */
  of(key: string): PodLook | undefined {
    return this.#looks.get(key)?.look;
  }

  /** What was seen does not hold any more. */
  forget(key: string): void {
    this.#looks.delete(key);
  }

  /**
   * Looks at those of these pods that were looked at longest ago, and forgets all others. Whoever asks meanwhile waits for the round
   * that is under way. Never rejects.
   */
  async refresh(cables: readonly PodCable[]): Promise<void> {
    this.#round ??= this.#refresh(cables).finally(() => {
      this.#round = undefined;
    });
    await this.#round;
  }

  async #refresh(cables: readonly PodCable[]): Promise<void> {
    const keys = new Set(cables.map(({ key }) => key));
    for (const key of this.#looks.keys()) if (!keys.has(key)) this.#looks.delete(key);
    const startMs = this.#nowMs();
    const dueMs = startMs - this.#goodForMs;
    const atMs = ({ key }: PodCable): number => this.#looks.get(key)?.atMs ?? -Infinity;
    const due = cables
      .filter((cable) => atMs(cable) <= dueMs)
      .sort((a, b) => atMs(a) - atMs(b))
      .slice(0, MAX_LOOKS);
    if (due.length === 0) return;
    const queue = due.values();
    const takeTurns = async (): Promise<void> => {
      for (const cable of queue) await this.#lookAt(cable);
    };
    await Promise.all(Array.from({ length: LOOKS_AT_A_TIME }, takeTurns));
    this.#goodForMs = Math.max(GOOD_FOR_MS, GOOD_FOR_ROUNDS * (this.#nowMs() - startMs));
  }

  async #lookAt(cable: PodCable): Promise<void> {
    const look = await this.#tryToLook(cable);
    this.#looks.delete(cable.key);
    this.#looks.set(cable.key, { look, atMs: this.#nowMs() });
  }

  async #tryToLook(cable: PodCable): Promise<PodLook> {
    try {
      const interior = await this.#look(cable);
      return { cable, interior, problem: '', faults: podFaults(cable, interior) };
    } catch (error) {
      return { cable, interior: undefined, problem: (error as Error).message, faults: [] };
    }
  }
}
