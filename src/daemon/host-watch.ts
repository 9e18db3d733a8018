/**
 * Looks after the host network while the daemon runs: what somebody else took away is put back, and what stood in the way
 * but does not any more is no longer reported.
 */
import type { Logger } from '../env/logger.ts';
import type { Notice } from './api.ts';

/** How often. A round costs a few spawns, about 30 ms of CPU. */
const INTERVAL_MS = 60_000;

export interface HostWatchOptions {
  /** Makes everything as it should be; returns what could not be had. */
  readonly ensure: () => Promise<readonly Notice[]>;
  readonly logger: Logger;
  readonly intervalMs?: number;
}

export class HostWatch {
  readonly #options: HostWatchOptions;
  readonly #timer: NodeJS.Timeout;
  #notices: readonly Notice[];
  #round: Promise<void> = Promise.resolve();
  #isBusy = false;

  private constructor(options: HostWatchOptions, notices: readonly Notice[]) {
    this.#options = options;
    this.#notices = notices;
    this.#timer = setInterval(() => this.#begin(), options.intervalMs ?? INTERVAL_MS);
    this.#timer.unref();
  }

  /** Does the first round, and goes on. @throws WeftError what the first round throws: a start must not half-succeed. */
  static async start(options: HostWatchOptions): Promise<HostWatch> {
    return new HostWatch(options, await options.ensure());
  }

  /** What the last round could not have. */
  notices(): readonly Notice[] {
    return this.#notices;
  }

  /** Ends after the round that is under way. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#round;
  }

  #begin(): void {
    if (this.#isBusy) return;
    this.#isBusy = true;
    this.#round = this.#look().finally(() => {
      this.#isBusy = false;
    });
  }

  async #look(): Promise<void> {
    const { ensure, logger } = this.#options;
    let notices: readonly Notice[];
    try {
      notices = await ensure();
    } catch (error) {
      notices = [{ code: 'host-network-broken', message: error instanceof Error ? error.message : String(error) }];
    }
    const before = new Set(this.#notices.map(({ message }) => message));
    for (const { code, message } of notices) if (!before.has(message)) logger.warn({ code }, message);
    this.#notices = notices;
  }
}
