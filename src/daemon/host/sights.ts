/** What the doctor could not look at, and why: the checks of it say so, and all others are made. */
import type { Sight, Unseen } from '../../doctor/facts.ts';
import { WeftError } from '../../errors.ts';
import { explainShortage } from '../../linux/shortage.ts';

export class Sights {
  readonly #unseen: Partial<Record<Sight, string>> = {};

  get unseen(): Unseen {
    return this.#unseen;
  }

  /** What `read` gives; `otherwise`, which accuses nobody, if it cannot. */
  async look<Seen>(sight: Sight, read: () => Promise<Seen> | Seen, otherwise: Seen): Promise<Seen> {
    try {
      return await read();
    } catch (thrown) {
      const error = thrown instanceof WeftError ? thrown : explainShortage(thrown, 'look at this node');
      if (error === undefined) throw thrown;
      this.miss(sight, error.message);
      return otherwise;
    }
  }

  miss(sight: Sight, reason: string): void {
    this.#unseen[sight] ??= reason;
  }
}
