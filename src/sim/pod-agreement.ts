/** Which nodes hold the pods that the others announce, and since when. */
import type { PodSummary } from '../membership/announcement.ts';
import type { PodVersion } from '../directory/messages.ts';

/** What a viewer holds of a subject. */
export type HeldBy = (viewer: number, subject: number) => PodVersion | undefined;

/** Compares every directory with what the owners announce. Those that do not run are not compared. */
export class PodAgreement {
  readonly #heldBy: HeldBy;
  readonly #nowMs: () => number;
  /** What each running node announces. */
  readonly #announced = new Map<number, PodSummary>();
  /** Per node that runs, whose pods it does not hold. */
  readonly #wrong = new Map<number, Set<number>>();
  /** Per owner, when it announced what not all hold yet, and how many do not. */
  readonly #spreading = new Map<number, { readonly sinceMs: number; viewers: number }>();
  #viewersInError = 0;
  /** How long each change took until the last node held it, in ms, in order. One that another change overtook counts with that. */
  spreadMs: number[] = [];

  constructor(heldBy: HeldBy, nowMs: () => number) {
    this.#heldBy = heldBy;
    this.#nowMs = nowMs;
  }

  get isReached(): boolean {
    return this.#viewersInError === 0;
  }

  /** A node runs from now on, and announces this. */
  start(number: number, announced: PodSummary): void {
    this.#announced.set(number, announced);
    this.#wrong.set(number, new Set());
    for (const other of this.#announced.keys()) this.compare(number, other);
    this.announce(number, announced);
  }

  /** A node announces other pods. */
  announce(subject: number, announced: PodSummary): void {
    if (!this.#announced.has(subject)) return;
    this.#announced.set(subject, announced);
    const sinceMs = this.#spreading.get(subject)?.sinceMs ?? this.#nowMs();
    const spreading = { sinceMs, viewers: 0 };
    this.#spreading.set(subject, spreading);
    for (const [viewer, wrong] of this.#wrong) {
      if (wrong.delete(subject) && wrong.size === 0) this.#viewersInError--;
      if (viewer !== subject) this.compare(viewer, subject);
    }
    if (spreading.viewers === 0) this.#spreading.delete(subject);
  }

  /** A node does not run any more. */
  end(number: number): void {
    if ((this.#wrong.get(number)?.size ?? 0) > 0) this.#viewersInError--;
    for (const subject of this.#wrong.get(number) ?? []) this.#countSpread(subject, false);
    this.#wrong.delete(number);
    this.#announced.delete(number);
    this.#spreading.delete(number);
    for (const wrong of this.#wrong.values()) if (wrong.delete(number) && wrong.size === 0) this.#viewersInError--;
  }

  /** What a node holds of another may have changed. */
  compare(viewer: number, subject: number): void {
    const wrong = this.#wrong.get(viewer);
    const announced = this.#announced.get(subject);
    if (wrong === undefined || announced === undefined || viewer === subject) return;
    const held = this.#heldBy(viewer, subject);
    const isRight = held?.version === announced.version && held.digest === announced.digest;
    if (isRight === !wrong.has(subject)) return;
    if (isRight) wrong.delete(subject);
    else wrong.add(subject);
    if (isRight ? wrong.size === 0 : wrong.size === 1) this.#viewersInError += isRight ? -1 : 1;
    const spreading = this.#spreading.get(subject);
    if (isRight) this.#countSpread(subject, true);
    else if (spreading !== undefined) spreading.viewers++;
  }

  /** What somebody does not hold, in words. */
  describeError(): string {
    for (const [viewer, wrong] of this.#wrong) {
      for (const subject of wrong) {
        const held = this.#heldBy(viewer, subject);
        const announced = this.#announced.get(subject);
        return `n${viewer} holds version ${held?.version ?? 'none'} of the pods of n${subject}, which announces ${announced?.version}`;
      }
    }
    return 'all nodes hold all pods';
  }

  #countSpread(subject: number, isMeasured: boolean): void {
    const spreading = this.#spreading.get(subject);
    if (spreading === undefined || --spreading.viewers > 0) return;
    this.#spreading.delete(subject);
    if (isMeasured) this.spreadMs.push(this.#nowMs() - spreading.sinceMs);
  }
}
