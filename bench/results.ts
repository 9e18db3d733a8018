/** What was measured, by measure, rival and round. Pure. */
import { median } from './statistics.ts';

/** Values of a rival in a row. */
export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** To the reference: of each round, and then their median, so that a machine that changes its pace changes both sides. */
  readonly ratio: number;
}

export class Results {
  readonly #reference: string;
  readonly #values = new Map<string, Map<number, number>>();

  /** @param reference name of the rival that the others are compared with. */
  constructor(reference: string) {
    this.#reference = reference;
  }

  /** NaN, which stands for no value, is not kept. */
  add(round: number, rival: string, measure: string, value: number): void {
    if (Number.isNaN(value)) return;
    this.#of(rival, measure).set(round, value);
  }

  /** By round, those that there are. */
  values(rival: string, measure: string): readonly number[] {
    return [...this.#of(rival, measure).values()];
  }

  /** `undefined` if there is no value. The ratio is NaN where the reference has none. */
  summary(rival: string, measure: string): Summary | undefined {
    const values = this.values(rival, measure);
    if (values.length === 0) return undefined;
    return {
      median: median(values),
      min: Math.min(...values),
      max: Math.max(...values),
      ratio: this.ratio(measure, rival, this.#reference),
    };
  }

  /** Median of the ratios of `rival` to `other`, round by round; NaN without a round in which both have a value. */
  ratio(measure: string, rival: string, other: string): number {
    return ratioByRound(this.#of(rival, measure), this.#of(other, measure));
  }

  /** As {@link ratio}, of two measures of one rival. */
  ratioOfMeasures(rival: string, measure: string, other: string): number {
    return ratioByRound(this.#of(rival, measure), this.#of(rival, other));
  }

  #of(rival: string, measure: string): Map<number, number> {
    const key = `${rival} ${measure}`;
    const known = this.#values.get(key);
    if (known !== undefined) return known;
    const made = new Map<number, number>();
    this.#values.set(key, made);
    return made;
  }
}

function ratioByRound(values: ReadonlyMap<number, number>, divisors: ReadonlyMap<number, number>): number {
  const ratios = [...values].flatMap(([round, value]) => {
    const divisor = divisors.get(round);
    return divisor === undefined || divisor === 0 ? [] : [value / divisor];
  });
  return median(ratios);
}
