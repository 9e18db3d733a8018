/** Text as UTF-8, remembered: what is said of packets is said again and again, and making it costs more than all the rest. */

/** Texts that are kept. */
const MAX_TEXTS = 2_048;

/** Stands in for a `TextEncoder`. What it gives is for reading only. */
export class RememberedText {
  readonly #encoder = new TextEncoder();
  readonly #encoded = new Map<string, Uint8Array>();

  encode(text: string): Uint8Array {
    const known = this.#encoded.get(text);
    if (known !== undefined) return known;
    if (this.#encoded.size >= MAX_TEXTS) this.#encoded.clear();
    const encoded = this.#encoder.encode(text);
    this.#encoded.set(text, encoded);
    return encoded;
  }
}
