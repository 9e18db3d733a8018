/**
 * A value within an object that somebody wrote, the place where it stands, and what is wrong with it: in the words of the Kubernetes API
 * server (k8s.io/apimachinery, util/validation/field; k8s.io/kube-openapi, validation/errors), which people know how to read and to look up.
 */

/** Of one object, so that an answer stays readable, whatever was sent. */
const MAX_PROBLEMS = 50;

/** Characters of a value that is repeated in a problem. */
const MAX_SHOWN_LENGTH = 200;

/** Lists and objects within each other of such a value: the stack ends somewhere. */
const MAX_SHOWN_DEPTH = 6;

/** Entries of one list, or of one map. The API has no limit of its own but 1.5 MiB for an object. */
export const MAX_ENTRIES = 1_024;

/** All values of one object share one list of problems: `spec.tier: Unsupported value: …`. */
export class ObjectValue {
  readonly value: unknown;
  /** `spec.ingress[0].from`; empty: the object itself. */
  readonly path: string;
  readonly problems: string[];

  constructor(value: unknown, path = '', problems: string[] = []) {
    // Kubernetes writes what is absent as null, too.
    this.value = value ?? undefined;
    this.path = path;
    this.problems = problems;
  }

  /** The same with a list of problems of its own. */
  alone(): ObjectValue {
    return new ObjectValue(this.value, this.path);
  }

  get isSet(): boolean {
    return this.value !== undefined;
  }

  /** A field of an object. What is no object has none. */
  field(name: string): ObjectValue {
    const isThere = isObject(this.value) && Object.hasOwn(this.value, name);
    return new ObjectValue(isThere ? this.value[name] : undefined, this.#pathOf(name), this.problems);
  }

  /** A value of a map, whose key may be any text. */
  entry(key: string): ObjectValue {
    return new ObjectValue(this.field(key).value, `${this.path}[${key}]`, this.problems);
  }

  /** The names of fields that are set; of no object, none, and a problem. */
  names(): readonly string[] {
    if (!this.isSet) return [];
    const { value } = this;
    if (isObject(value)) return Object.keys(value).filter((name) => (value[name] ?? undefined) !== undefined);
    this.#mustBe('object');
    return [];
  }

  /** Each field that is none of these is a problem. */
  allow(names: readonly string[]): void {
    for (const name of this.names()) {
      if (!names.includes(name)) this.#add(`unknown field ${shown(this.#pathOf(name))}`);
    }
  }

  /** The entries of a list: at most `most`, else none and a problem. */
  entries(most = MAX_ENTRIES): readonly ObjectValue[] {
    if (!this.isSet) return [];
    if (!Array.isArray(this.value)) {
      this.#mustBe('array');
      return [];
    }
    if (this.value.length > most) {
      this.tooMany(this.value.length, most);
      return [];
    }
    return this.value.map((entry: unknown, index) => {
      const at = new ObjectValue(entry, `${this.path}[${index}]`, this.problems);
      if (!at.isSet) at.#mustBe('object');
      return at;
    });
  }

  /** Keys and values of a map of texts: at most {@link MAX_ENTRIES}, else none and a problem. */
  texts(): readonly (readonly [key: string, value: string])[] {
    const names = this.names();
    if (names.length <= MAX_ENTRIES) return names.map((name) => [name, this.field(name).text() ?? '']);
    this.tooMany(names.length, MAX_ENTRIES);
    return [];
  }

  /** `undefined`: it is not set, or no text, which is a problem. */
  text(): string | undefined {
    if (typeof this.value === 'string') return this.value;
    if (this.isSet) this.#mustBe('string');
    return undefined;
  }

  /** `undefined`: it is not set, or no whole number, which is a problem. */
  integer(): number | undefined {
    if (typeof this.value === 'number' && Number.isSafeInteger(this.value)) return this.value;
    if (this.isSet) this.#mustBe('integer');
    return undefined;
  }

  /** `undefined`: it is not set, or neither true nor false, which is a problem. */
  boolean(): boolean | undefined {
    if (typeof this.value === 'boolean') return this.value;
    if (this.isSet) this.#mustBe('boolean');
    return undefined;
  }

  /** A whole number of this range; what is none is a problem, and counts as the least. */
  integerWithin(least: number, most: number): number {
    const number = this.integer();
    if (number === undefined) return least;
    if (number < least) this.invalid(`${this.path} in body should be greater than or equal to ${least}`);
    if (number > most) this.invalid(`${this.path} in body should be less than or equal to ${most}`);
    return number;
  }

  /** An empty list is a problem. */
  wantEntry(): void {
    if (Array.isArray(this.value) && this.value.length === 0)
      this.invalid(`${this.path} in body should have at least 1 items`, 0);
  }

  /** Of several fields, one has to be chosen. Without any, too. */
  wantOneField(): void {
    const count = this.names().length;
    if (count > 1) this.tooMany(count, 1);
    if (count === 0) this.invalid(`${this.path} in body should have at least 1 properties`, 0);
  }

  /** A longer text is a problem. */
  wantLength(most: number): void {
    const text = this.text();
    if (text !== undefined && text.length > most)
      this.#add(`${this.path}: Too long: may not be more than ${most} bytes`);
  }

  /** One of these; otherwise `undefined`, and a problem, also where it is not set. */
  oneOf<Choice extends string>(choices: readonly Choice[]): Choice | undefined {
    if (!this.isSet) {
      this.required('');
      return undefined;
    }
    const text = this.text();
    const choice = choices.find((one) => one === text);
    if (text !== undefined && choice === undefined) this.unsupported(choices);
    return choice;
  }

  /** The same with a default, which an empty text stands for as well, as in Go. */
  oneOfOr<Choice extends string>(choices: readonly Choice[], fallback: Choice): Choice {
    return !this.isSet || this.value === '' ? fallback : (this.oneOf(choices) ?? fallback);
  }

  invalid(detail: string, value: unknown = this.value): void {
    this.#add(`${this.path}: Invalid value: ${shown(value)}: ${detail}`);
  }

  required(detail: string): void {
    this.#add(`${this.path}: Required value${detail === '' ? '' : `: ${detail}`}`);
  }

  forbidden(detail: string): void {
    this.#add(`${this.path}: Forbidden: ${detail}`);
  }

  duplicate(value: unknown = this.value): void {
    this.#add(`${this.path}: Duplicate value: ${shown(value)}`);
  }

  tooMany(count: number, most: number): void {
    this.#add(`${this.path}: Too many: ${count}: must have at most ${most} ${most === 1 ? 'item' : 'items'}`);
  }

  unsupported(choices: readonly string[]): void {
    const supported = choices.map((choice) => JSON.stringify(choice)).join(', ');
    this.#add(`${this.path}: Unsupported value: ${shown(this.value)}: supported values: ${supported}`);
  }

  #mustBe(type: string): void {
    const found = JSON.stringify(typeOf(this.value));
    const mismatch = `in body must be of type ${type}: ${found}`;
    this.#add(this.path === '' ? `it ${mismatch}` : `${this.path}: Invalid value: ${found}: ${this.path} ${mismatch}`);
  }

  #add(problem: string): void {
    if (this.problems.length < MAX_PROBLEMS) this.problems.push(problem);
  }

  #pathOf(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`;
  }
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** As OpenAPI calls it. */
function typeOf(value: unknown): string {
  if (value === undefined) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(withoutDepths(value, MAX_SHOWN_DEPTH)) ?? '');
  const cut = text.length > MAX_SHOWN_LENGTH ? `${text.slice(0, MAX_SHOWN_LENGTH)}…` : text;
  return typeof value === 'string' ? JSON.stringify(cut) : cut;
}

/** A copy, with something short in place of what is deeper. */
function withoutDepths(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (depth === 0) return '…';
  if (Array.isArray(value)) return value.map((entry) => withoutDepths(entry, depth - 1));
  return Object.fromEntries(Object.entries(value).map(([name, entry]) => [name, withoutDepths(entry, depth - 1)]));
}
