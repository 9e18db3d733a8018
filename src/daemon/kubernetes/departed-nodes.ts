/**
 * Members whose Node was deleted are forgotten as soon as they are dead or have left: nobody looks for them any more. Every node gives the
 * order, at a time of its own, so that mostly one does and the others find it done.
 */
import type { Logger } from '../../env/logger.ts';
import type { Random } from '../../env/random.ts';
import { WeftError } from '../../errors.ts';
import { DeletedNodes } from '../../kubernetes/node-view.ts';
import type { Member } from '../../membership/announcement.ts';

/** How long it waits before it gives the order, in ms: at least, and at random more. */
const LEAST_WAIT_MS = 1_000;
const RANDOM_WAIT_MS = 20_000;

export interface DepartedNodesOptions {
  readonly members: () => readonly Member[];
  /** @throws WeftError if it is alive, or not known */
  readonly forget: (identity: string) => void;
  readonly random: Random;
  readonly logger: Logger;
}

export class DepartedNodes {
  readonly #options: DepartedNodesOptions;
  readonly #deleted = new DeletedNodes();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: DepartedNodesOptions) {
    this.#options = options;
  }

  /** All Nodes that there are. */
  see(nodeNames: Iterable<string>): void {
    this.#deleted.see(nodeNames);
    this.look();
  }

  /** Members may have changed. */
  look(): void {
    if (this.#timer !== undefined || this.#departed().length === 0) return;
    const waitMs = LEAST_WAIT_MS + (this.#options.random.uint32() % RANDOM_WAIT_MS);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#forget();
    }, waitMs).unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #departed(): readonly Member[] {
    return this.#options
      .members()
      .filter(({ state, announcement: { name } }) => (state === 'dead' || state === 'left') && this.#deleted.has(name));
  }

  #forget(): void {
    const { forget, logger } = this.#options;
    for (const { announcement } of this.#departed()) {
      const { name, identity } = announcement;
      try {
        forget(identity);
        logger.info({ node: name, identity }, 'a node is forgotten, as its Node object was deleted');
      } catch (error) {
        if (!(error instanceof WeftError)) throw error;
        logger.warn({ err: error, node: name, identity }, 'a node whose Node object was deleted cannot be forgotten');
      }
    }
  }
}
