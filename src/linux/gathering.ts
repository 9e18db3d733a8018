/**
 * What several ask for at one time, done in one go: a program that is started for each of them costs more than all the work.
 *
 *     add ──> waits for the end of this turn of the event loop, and of the round before ──> one round for all that wait
 */
import { setImmediate } from 'node:timers/promises';

interface Waiting<Item> {
  readonly item: Item;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class Gathering<Item> {
  readonly #run: (items: readonly Item[]) => Promise<readonly unknown[]>;
  readonly #turn: () => Promise<unknown>;
  #waiting: Waiting<Item>[] = [];
  #isRunning = false;

  /**
   * @param run gives what failed, in the order of the items: `undefined` for what did not. If it rejects, all did.
   * @param turn resolves when a round may begin: by default, at the end of this turn. Never rejects.
   */
  constructor(
    run: (items: readonly Item[]) => Promise<readonly unknown[]>,
    turn: () => Promise<unknown> = async () => setImmediate(),
  ) {
    this.#run = run;
    this.#turn = turn;
  }

  /** Resolves when it is done. */
  async add(item: Item): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ item, resolve, reject });
    if (!this.#isRunning) void this.#rounds();
    await promise;
  }

  async #rounds(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.length > 0) {
      await this.#turn();
      const waiting = this.#waiting;
      this.#waiting = [];
      await this.#settle(waiting);
    }
    this.#isRunning = false;
  }

  async #settle(waiting: readonly Waiting<Item>[]): Promise<void> {
    try {
      const failures = await this.#run(waiting.map(({ item }) => item));
      for (const [at, { resolve, reject }] of waiting.entries()) {
        if (failures[at] === undefined) resolve();
        else reject(failures[at]);
      }
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    }
  }
}
