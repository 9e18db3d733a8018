/** Work that has the kernel follow something. That it failed is no error of who asked for it: it is kept, and said, until it is put right. */
import { WeftError } from '../../errors.ts';

export class NoticedWork {
  readonly #onFailure: (error: unknown, isNews: boolean) => void;
  #problem = '';
  #last: Promise<void> = Promise.resolve();

  /** @param onFailure told of each failure. `isNews`: it is another than the last. */
  constructor(onFailure: (error: unknown, isNews: boolean) => void) {
    this.#onFailure = onFailure;
  }

  /** Why the last that failed did; empty: that is put right. */
  get problem(): string {
    return this.#problem;
  }

  begin(work: () => Promise<void>): void {
    const done = this.#noticing(work);
    const before = this.#last;
    this.#last = done.then(() => before);
  }

  /** Work after which all is right, whatever failed before. */
  mend(work: () => Promise<void>): void {
    this.begin(async () => {
      await work();
      this.#problem = '';
    });
  }

  /** Resolves when what was begun has succeeded or failed. */
  async done(): Promise<void> {
    await this.#last;
  }

  async #noticing(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const problem = error instanceof WeftError ? error.message : String(error);
      const isNews = problem !== this.#problem;
      this.#problem = problem;
      this.#onFailure(error, isNews);
    }
  }
}
