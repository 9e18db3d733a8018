/** What became of the last probes, and in which direction they were lost. */

/** Probes that a share is computed of. */
export const LOSS_WINDOW_PROBES = 100;
/** How old they are at most, in ms: on an idle path, that is the last twenty-four, which are enough to report a loss of. */
export const LOSS_WINDOW_MS = 240_000;

/** So many lost in a row, with nothing heard since, are no chance: a path that loses everything is one that loses everything now. */
const SILENT_PROBES = 3;

/** Shares of probes, 0 to 1, and of how many. */
export interface LossShares {
  /** As {@link LossWindow.ratio}, {@link LossWindow.outRatio} and {@link LossWindow.backRatio}. */
  readonly ratio: number | null;
  readonly outRatio: number | null;
  readonly backRatio: number | null;
  readonly probes: number;
}

/** What became of a probe. Nobody knows the direction of a loss at once. */
const Fate = { none: 0, answered: 1, lost: 2, lostOut: 3, lostBack: 4 } as const;
const FATES = 5;

/** The last {@link LOSS_WINDOW_PROBES} probes, as far as they are of the last {@link LOSS_WINDOW_MS}. */
export class LossWindow {
  readonly #fates = new Uint8Array(LOSS_WINDOW_PROBES);
  readonly #notedMs = new Float64Array(LOSS_WINDOW_PROBES);
  readonly #counts = new Uint32Array(FATES);
  #next = 0;
  #isAttributed = false;
  /** What rounding left over of shares, in losses on the way there: each loss has one direction only. */
  #outRemainder = 0;
  /** How many were lost in a row, and nothing was heard since. */
  #silent = 0;

  constructor() {
    this.#counts[Fate.none] = LOSS_WINDOW_PROBES;
  }

  /** Notes what became of one more. */
  note(isAnswered: boolean, nowMs: number): void {
    this.#silent = isAnswered ? 0 : this.#silent + 1;
    this.#set(this.#next, isAnswered ? Fate.answered : Fate.lost);
    this.#notedMs[this.#next] = nowMs;
    this.#next = (this.#next + 1) % LOSS_WINDOW_PROBES;
  }

  /** Something came back, be it late or of another probe. */
  heard(): void {
    this.#silent = 0;
  }

  /**
   * What holds now: shares of all in the window; or of those only that were lost in a row, as long as nothing comes back and they are
   * at least {@link SILENT_PROBES}. What came before them would make a path that is dead look like one with a few losses.
   */
  get shares(): LossShares {
    const { ratio, outRatio, backRatio, probes } = this;
    const silent = Math.min(this.#silent, probes);
    if (silent < SILENT_PROBES) return { ratio, outRatio, backRatio, probes };
    const fates = Array.from({ length: silent }, (_, back) => this.#fates[this.#at(back + 1)]!);
    const out = fates.filter((fate) => fate === Fate.lostOut).length;
    const back = fates.filter((fate) => fate === Fate.lostBack).length;
    return { ratio: 1, outRatio: share(out, out + back), backRatio: share(back, back), probes: silent };
  }

  /** Leaves out what is too old by now. To be called before anything is read: there is no timer. */
  forgetOld(nowMs: number): void {
    for (let { probes } = this; probes > 0; probes--) {
      const oldest = this.#at(probes);
      if (nowMs - this.#notedMs[oldest]! <= LOSS_WINDOW_MS) return;
      this.#set(oldest, Fate.none);
    }
  }

  /**
   * Of the losses whose direction was not known so far, this share did not arrive there; of the others the reply was lost.
   * `undefined`: there is none that is known to be either.
   */
  attribute(outShare: number | undefined): void {
    this.#isAttributed = true;
    const lost = this.#countOf(Fate.lost);
    if (outShare === undefined || lost === 0) return;
    let out = outShare * lost;
    if (outShare > 0 && outShare < 1) {
      const exact = out + this.#outRemainder;
      out = Math.min(lost, Math.max(0, Math.round(exact)));
      this.#outRemainder = exact - out;
    }
    for (let at = 0; at < LOSS_WINDOW_PROBES && this.#countOf(Fate.lost) > 0; at++) {
      if (this.#fates[at] === Fate.lost) this.#set(at, out-- > 0 ? Fate.lostOut : Fate.lostBack);
    }
  }

  /** Number of probes in the window. */
  get probes(): number {
    return LOSS_WINDOW_PROBES - this.#countOf(Fate.none);
  }

  /** Share that was lost, in whichever direction, 0 to 1; `null` if there was none. */
  get ratio(): number | null {
    return share(this.probes - this.#countOf(Fate.answered), this.probes);
  }

  /** Share of requests that did not arrive, 0 to 1; `null` if that is not known. */
  get outRatio(): number | null {
    return share(this.#countOf(Fate.lostOut), this.#attributed);
  }

  /** Share of replies that did not arrive, 0 to 1; `null` if that is not known, or no request arrived. */
  get backRatio(): number | null {
    return share(this.#countOf(Fate.lostBack), this.#attributed - this.#countOf(Fate.lostOut));
  }

  /** Where the probe is that was noted so many before the next one. */
  #at(before: number): number {
    return (this.#next + LOSS_WINDOW_PROBES - before) % LOSS_WINDOW_PROBES;
  }

  get #attributed(): number {
    return this.#isAttributed ? this.probes - this.#countOf(Fate.lost) : 0;
  }

  #countOf(fate: number): number {
    return this.#counts[fate]!;
  }

  #set(at: number, fate: number): void {
    this.#counts[this.#fates[at]!]!--;
    this.#fates[at] = fate;
    this.#counts[fate]!++;
  }
}

function share(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}
