/**
 * The condition NetworkUnavailable of the Node object: False as soon as pods of this node have a network. While it is True, the node is
 * tainted, and gets no pods. One that is False for another reason stays as it is, and so does this one when the daemon ends: pods have their
 * network also while no daemon runs.
 */
import type { Logger } from '../../env/logger.ts';
import type { ApiMirror } from './api-mirror.ts';

/** How long to wait after a failure, in ms. */
const RETRY_MS = 10_000;

export interface NodeConditionOptions {
  readonly api: Pick<ApiMirror, 'ownNode' | 'ask' | 'isComplete'>;
  readonly nodeName: string;
  readonly logger: Logger;
  readonly wallClockMs: () => number;
}

export class NodeCondition {
  readonly #options: NodeConditionOptions;
  #isAsked = false;
  #timer: NodeJS.Timeout | undefined;
  #problem = '';

  constructor(options: NodeConditionOptions) {
    this.#options = options;
  }

  /** Why it could not be set; empty: it could, or there was no need to. */
  get problem(): string {
    return this.#problem;
  }

  /** Sets it where it is not as it should be. To be called whenever the Node object may have changed. */
  ensure(): void {
    const { api, nodeName, logger, wallClockMs } = this.#options;
    const { ownNode } = api;
    if (this.#isAsked || ownNode === undefined || !api.isComplete('nodes')) return;
    if (ownNode.networkUnavailable === 'False') {
      this.#problem = '';
      return;
    }
    this.#isAsked = true;
    const time = new Date(wallClockMs()).toISOString();
    const condition = {
      type: 'NetworkUnavailable',
      status: 'False',
      reason: 'WeftIsUp',
      message: 'weft forwards for the pods of this node',
      lastTransitionTime: time,
      lastHeartbeatTime: time,
    };
    const path = `/api/v1/nodes/${encodeURIComponent(nodeName)}/status`;
    api.ask('patch', path, { status: { conditions: [condition] } }, ({ problem }) => {
      if (problem !== '' && problem !== this.#problem)
        logger.warn({ node: nodeName, problem }, 'the condition NetworkUnavailable of the Node cannot be set');
      if (problem === '') logger.info({ node: nodeName }, 'the Node has the condition NetworkUnavailable=False');
      this.#problem = problem;
      // The change comes back by the watch; if it does not, this is done once more.
      this.#timer = setTimeout(() => {
        this.#isAsked = false;
        this.ensure();
      }, RETRY_MS).unref();
    });
  }

  stop(): void {
    this.#isAsked = true;
    clearTimeout(this.#timer);
  }
}
