/** Tells the directory which pods this node has, soon after they changed, and now and then: a namespace goes without a word. */
import type { Notice } from '../../api/control-api.ts';
import type { DirectoryPod } from '../../directory/directory-pod.ts';
import type { PodDirectory } from '../../directory/pod-directory.ts';
import type { Logger } from '../../env/logger.ts';
import { WeftError } from '../../errors.ts';

export interface OwnPodsTellerOptions {
  readonly directory: Pick<PodDirectory, 'replaceOwn'>;
  readonly announced: () => readonly DirectoryPod[];
  readonly logger: Logger;
}

/** Changes that come one after the other are told together, in ms. */
const GATHERING_MS = 50;

/** How often it is looked for pods that went away by themselves, in ms. */
const INTERVAL_MS = 5_000;

export class OwnPodsTeller {
  readonly #options: OwnPodsTellerOptions;
  readonly #interval: NodeJS.Timeout;
  #timer: NodeJS.Timeout | undefined;
  /** Why others are not told what is the case; empty: they are. */
  #problem = '';

  constructor(options: OwnPodsTellerOptions) {
    this.#options = options;
    this.#interval = setInterval(() => this.#tell(), INTERVAL_MS).unref();
    this.#tell();
  }

  /** Something may have changed. */
  soon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#tell();
    }, GATHERING_MS).unref();
  }

  stop(): void {
    clearInterval(this.#interval);
    clearTimeout(this.#timer);
  }

  notices(): Notice[] {
    if (this.#problem === '') return [];
    const message = `other nodes are told of the pods that were here before: ${this.#problem}`;
    return [{ code: 'pods-not-announced', message }];
  }

  #tell(): void {
    const { directory, announced, logger } = this.#options;
    try {
      directory.replaceOwn(announced());
      this.#problem = '';
    } catch (error) {
      if (!(error instanceof WeftError)) throw error;
      if (error.message !== this.#problem)
        logger.warn({ err: error }, 'other nodes cannot be told of the pods of this one');
      this.#problem = error.message;
    }
  }
}
