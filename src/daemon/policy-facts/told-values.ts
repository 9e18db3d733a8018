/** What was told, by key: so that only what changed is told again. */
import { isDeepStrictEqual } from 'node:util';

export interface ToldValuesOptions<Value> {
  /** @param before that was told last; `undefined`: there was none */
  readonly set: (value: Value, before: Value | undefined) => void;
  readonly remove: (key: string) => void;
}

export class ToldValues<Value> {
  readonly #options: ToldValuesOptions<Value>;
  readonly #told = new Map<string, Value>();

  constructor(options: ToldValuesOptions<Value>) {
    this.#options = options;
  }

  /** Tells it, unless the same was told last. `undefined`: there is none. */
  put(key: string, value: Value | undefined): void {
    const before = this.#told.get(key);
    if (value === undefined) {
      if (this.#told.delete(key)) this.#options.remove(key);
    } else if (before === undefined || !isDeepStrictEqual(before, value)) {
      this.#told.set(key, value);
      this.#options.set(value, before);
    }
  }

  /** All that was told, and holds. */
  values(): Iterable<Value> {
    return this.#told.values();
  }

  /** These are all that there are. */
  replace(values: ReadonlyMap<string, Value>): void {
    for (const key of this.#told.keys()) if (!values.has(key)) this.put(key, undefined);
    for (const [key, value] of values) this.put(key, value);
  }
}
