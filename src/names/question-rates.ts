/** How often each may ask: a token bucket for everybody who asked of late. Pure; the time is given. */

interface Bucket {
  tokens: number;
  atMs: number;
}

export interface QuestionRatesOptions {
  /** How many questions each may ask in the long run. */
  readonly perSecond: number;
  /** How many at once, after a silence. */
  readonly burst: number;
  /** How many are told apart. Those beyond share one bucket, until others have been silent for long enough to be forgotten. */
  readonly mostAskers: number;
}

/** The bucket of all for whom there is none: no asker has an empty name. */
const SHARED = '';

export class QuestionRates {
  readonly #options: QuestionRatesOptions;
  readonly #buckets = new Map<string, Bucket>();

  constructor(options: QuestionRatesOptions) {
    this.#options = options;
  }

  /** Whether `asker` may ask one more question now. */
  allows(asker: string, nowMs: number): boolean {
    const { burst, perSecond } = this.#options;
    const bucket = this.#bucketOf(asker, nowMs);
    bucket.tokens = Math.min(burst, bucket.tokens + ((nowMs - bucket.atMs) / 1_000) * perSecond);
    bucket.atMs = nowMs;
    if (bucket.tokens < 1) return false;
    bucket.tokens--;
    return true;
  }

  /** Buckets are in the order in which they were used. */
  #bucketOf(asker: string, nowMs: number): Bucket {
    const known = this.#buckets.get(asker);
    if (known !== undefined) {
      this.#buckets.delete(asker);
      this.#buckets.set(asker, known);
      return known;
    }
    this.#forgetFull(nowMs);
    const name = this.#buckets.size < this.#options.mostAskers ? asker : SHARED;
    const bucket = this.#buckets.get(name) ?? { tokens: this.#options.burst, atMs: nowMs };
    this.#buckets.set(name, bucket);
    return bucket;
  }

  /** One that was silent until its bucket was full again is as good as new. */
  #forgetFull(nowMs: number): void {
    const { burst, perSecond } = this.#options;
    const fullAfterMs = (burst / perSecond) * 1_000;
    for (const [asker, { atMs }] of this.#buckets) {
      if (nowMs - atMs < fullAfterMs) return;
      this.#buckets.delete(asker);
    }
  }
}
