/**
 * Looks after the host network while the daemon runs: what somebody else took away is put back, and what stood in the way
 * but does not any more is no longer reported.
 */
import type { Logger } from '../../env/logger.ts';
import type { Notice } from '../../api/control-api.ts';

export interface HostWatchOptions {
  /** Makes everything as it should be; returns what could not be had. */
  readonly ensure: () => Promise<readonly Notice[]>;
  readonly logger: Logger;
}

export class HostWatch {
  readonly #options: HostWatchOptions;
  #notices: readonly Notice[];
  #round: Promise<void> = Promise.resolve();

  private constructor(options: HostWatchOptions, notices: readonly Notice[]) {
    this.#options = options;
    this.#notices = notices;
  }

  /** Does the first round. @throws WeftError what it throws: a start must not half-succeed. */
  static async start(options: HostWatchOptions): Promise<HostWatch> {
    return new HostWatch(options, await options.ensure());
  }

  /** What the last round could not have. */
  notices(): readonly Notice[] {
    return this.#notices;
  }

  /** One more round, after the one that is under way. Never rejects: what it could not do is a notice. */
  look(): Promise<void> {
    this.#round = this.#round.then(() => this.#look());
    return this.#round;
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
