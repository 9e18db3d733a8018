/** What must not leave a machine in a report: keys, and what looks like one. Everything else stays as it is. */

/** What stands where something was removed. */
export const REMOVED = '(removed)';

/** 32 bytes in base64, with and without URL-safe digits: what keys of weft, and of WireGuard, are. */
const LOOKS_LIKE_KEY = /(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{43}=/g;

/** A private key in PEM. */
const PEM = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g;

/** `password: x`, `--token=x`, `"secret": "x"`: the value, to the end of the word. */
const NAMED =
  /\b((?:[a-z0-9_-]*[_-])?(?:password|passwd|secret|token|psk)["']?\s*[:=]\s*)(?:"[^"\n]*"|'[^'\n]*'|[^\s,;"']+)/gi;

/** Removes secrets from texts. */
export class Redaction {
  readonly #spellings: readonly string[];
  #count = 0;

  /** @param keys those that are known; they are found however they are written. */
  constructor(keys: readonly Uint8Array[]) {
    this.#spellings = keys.flatMap((key) => {
      const bytes = Buffer.from(key);
      const [base64, base64url, hex] = [bytes.toString('base64'), bytes.toString('base64url'), bytes.toString('hex')];
      return [base64, base64.replace(/=+$/, ''), base64url, hex, hex.toUpperCase()];
    });
  }

  /** How often something was removed. */
  get count(): number {
    return this.#count;
  }

  /** `text` without secrets. */
  apply(text: string): string {
    const known = this.#spellings.reduce((left, spelling) => left.replaceAll(spelling, () => this.#removed()), text);
    return known
      .replace(LOOKS_LIKE_KEY, () => this.#removed())
      .replace(PEM, () => this.#removed())
      .replace(NAMED, (_match, name: string) => name + this.#removed());
  }

  #removed(): string {
    this.#count++;
    return REMOVED;
  }
}
