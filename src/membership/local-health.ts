/** How well this node itself keeps up (Lifeguard, section 4.1: "Local Health Aware Probe"). */
import type { Clock } from '../env/clock.ts';

/** Worst score: the S of the paper, and its value. At worst everything waits nine times as long. */
export const MAX_LOCAL_HEALTH = 8;

/** Refutations that are closer together than this have one cause: this node is slow, not the network lossy. */
const REFUTATION_WINDOW_MS = 60_000;

/** Without any trouble for this long, a node that called itself slow takes that back. */
const RECOVERY_MS = 300_000;

/** A score from here on is trouble; lower ones come and go with a single lost datagram. */
const TROUBLED_SCORE = 2;

/**
 * Counts what speaks against this node: probes of its own that nobody answered although those who were asked for help
 * should at least have said that they tried, and claims about itself that it had to refute. 0 is healthy. A node that is
 * short of CPU or loses what it receives sees answers late, and would suspect everybody; so it gives them more time.
 *
 * The paper helps a slow node to accuse less; a slow node that is accused over and over is none of its concern, but each
 * round of accusation and refutation costs every node of the cluster a few hundred bytes. Chosen: a node that had to
 * refute twice within a minute adds to its claims by how much it is {@link slowness slow}, and others give it so much
 * more time. Instead of: longer time-outs for everybody. Because: those would delay the news of every crash.
 */
export class LocalHealth {
  readonly #clock: Pick<Clock, 'nowMs'>;
  #score = 0;
  #slowness = 0;
  #refutedMs = -Infinity;
  #troubledMs = -Infinity;

  constructor(clock: Pick<Clock, 'nowMs'>) {
    this.#clock = clock;
  }

  /** 0 (healthy) to {@link MAX_LOCAL_HEALTH}. */
  get score(): number {
    return this.#score;
  }

  /** How many probe intervals more others should give this node, 0 to {@link MAX_LOCAL_HEALTH}. */
  get slowness(): number {
    return this.#slowness;
  }

  /** `durationMs`, as much longer as this node is unwell. */
  scaled(durationMs: number): number {
    return durationMs * (this.#score + 1);
  }

  /**
   * A probe was answered after `elapsedMs`, in time. With a score of 0, it would have had `verdictMs`.
   *
   * In the paper every answer makes the node healthier, until the next one comes too late: a node whose input is always
   * two seconds late would accuse every fifth member that it probes. Here only an answer that took no more than a third
   * of what the next better score allows counts: enough for one lost ping on top.
   */
  probeAnswered(elapsedMs: number, verdictMs: number): void {
    if (this.#score > 0 && elapsedMs <= (verdictMs * this.#score) / 3) this.#score--;
  }

  /**
   * A probe was not answered, and of those who were asked for help `silent` did not even say that they tried. With
   * nobody to ask, the failure itself counts.
   */
  probeFailed(asked: number, silent: number): void {
    this.#worsen(asked === 0 ? 1 : silent);
  }

  /** This node had to refute a suspicion. Returns its {@link slowness} from now on. */
  refuted(): number {
    this.#worsen(1);
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#refutedMs < REFUTATION_WINDOW_MS) {
      this.#slowness = Math.min(MAX_LOCAL_HEALTH, Math.max(this.#slowness, this.#score) + 1);
    }
    this.#refutedMs = nowMs;
    this.#troubledMs = nowMs;
    return this.#slowness;
  }

  /** Whether this node called itself slow and is no longer: then it is not from now on, and others should be told. */
  recover(): boolean {
    if (this.#slowness === 0 || this.#clock.nowMs() - this.#troubledMs < RECOVERY_MS) return false;
    this.#slowness = 0;
    return true;
  }

  #worsen(by: number): void {
    this.#score = Math.min(MAX_LOCAL_HEALTH, this.#score + by);
    if (this.#score >= TROUBLED_SCORE) this.#troubledMs = this.#clock.nowMs();
  }
}
