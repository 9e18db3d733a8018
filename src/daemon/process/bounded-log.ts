/** Warnings that others can bring about as often as they like: each is written at most once a minute. */
import type { Logger } from '../../env/logger.ts';

const INTERVAL_MS = 60_000;

export class BoundedLog {
  readonly #logger: Pick<Logger, 'warn'>;
  readonly #nowMs: () => number;
  /** By key: when it was last written, and how often it was not since. */
  readonly #written = new Map<string, { atMs: number; omitted: number }>();

  /** @param nowMs any clock that does not jump. */
  constructor(logger: Pick<Logger, 'warn'>, nowMs: () => number = () => performance.now()) {
    this.#logger = logger;
    this.#nowMs = nowMs;
  }

  /** @param key of what is the same warning: there are as many of them as the log remembers. */
  warn(fields: object, message: string, key = message): void {
    const nowMs = this.#nowMs();
    const last = this.#written.get(key);
    if (last !== undefined && nowMs - last.atMs < INTERVAL_MS) {
      last.omitted++;
      return;
    }
    this.#written.set(key, { atMs: nowMs, omitted: 0 });
    this.#logger.warn({ ...fields, omitted: last?.omitted ?? 0 }, message);
  }
}
