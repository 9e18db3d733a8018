/**
 * Who may change pods, and when: one operation after the other, in the order of their calls. Those about containers that come while another
 * is under way have one turn together, since each program that they start can then do the work of all. What an operation waits for before it
 * begins holds up those about the same pod, and no others.
 */

/** An operation that has not begun. */
interface Waiting {
  readonly run: () => Promise<void>;
  readonly reject: (error: unknown) => void;
}

export class PodTurns {
  readonly #prepare: () => Promise<void>;
  readonly #onEnd: () => void;
  #last: Promise<unknown> = Promise.resolve();
  /** By key, those that have the next turn together. */
  #gathered: Map<string, Waiting[]> | undefined;
  /** By key, until when its operations wait for something of their own. */
  readonly #held = new Map<string, Promise<unknown>>();
  /** Operations of {@link together} that have not ended. */
  #changing = 0;

  /** @param prepare before each turn. @param onEnd after each, however it ended. */
  constructor(prepare: () => Promise<void>, onEnd: () => void) {
    this.#prepare = prepare;
    this.#onEnd = onEnd;
  }

  /** Runs `operation` when all earlier ones have ended, well or not. */
  alone<Result>(operation: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(async () => this.#prepare()).then(operation);
    this.#last = result.catch(() => undefined).then(() => this.#onEnd());
    return result;
  }

  /** Whether there is an operation of {@link together} that has not ended. */
  get isChanging(): boolean {
    return this.#changing > 0;
  }

  /**
   * As {@link alone}, but beside others of other keys. Those of one key are in the order of their calls.
   *
   * @param ready must not reject. Until then it has no turn, and none of its key that comes later has; others do.
   */
  together<Result>(key: string, operation: () => Promise<Result>, ready?: Promise<unknown>): Promise<Result> {
    this.#changing++;
    return this.#after(key, ready, () => this.#join(key, operation)).finally(() => this.#changing--);
  }

  /** As {@link alone}, and like {@link together} not before it is `ready`, nor before those of its key. */
  inOrder<Result>(key: string, operation: () => Promise<Result>, ready?: Promise<unknown>): Promise<Result> {
    return this.#after(key, ready, () => this.alone(operation));
  }

  #after<Result>(key: string, ready: Promise<unknown> | undefined, begin: () => Promise<Result>): Promise<Result> {
    if (ready === undefined && !this.#held.has(key)) return begin();
    const held = Promise.all([this.#held.get(key), ready]);
    this.#held.set(key, held);
    return held.then(() => {
      if (this.#held.get(key) === held) this.#held.delete(key);
      return begin();
    });
  }

  #join<Result>(key: string, operation: () => Promise<Result>): Promise<Result> {
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    const gathered = (this.#gathered ??= this.#gather());
    const waiting: Waiting = { run: async () => operation().then(resolve, reject), reject };
    gathered.set(key, [...(gathered.get(key) ?? []), waiting]);
    return promise;
  }

  #gather(): Map<string, Waiting[]> {
    const gathered = new Map<string, Waiting[]>();
    const runAll = async (): Promise<void> => {
      // Whoever comes now has the next turn.
      this.#gathered = undefined;
      await Promise.all([...gathered.values()].map(runInOrder));
    };
    this.alone(runAll).catch((error: unknown) => {
      if (this.#gathered === gathered) this.#gathered = undefined;
      for (const waiting of gathered.values()) for (const { reject } of waiting) reject(error);
    });
    return gathered;
  }
}

async function runInOrder(waiting: readonly Waiting[]): Promise<void> {
  for (const { run } of waiting) await run();
}
