/** What is told of in Kubernetes: events on this node's Node object and on its Pods, for whoever looks with `kubectl describe`. */
import type { Logger } from '../../env/logger.ts';
import { EventRecords, type EventSubject } from '../../kubernetes/event-records.ts';
import type { ApiMirror } from './api-mirror.ts';

/** How often what lasts is told again, in ms: its count grows by that, and it is not forgotten. */
const AGAIN_MS = 600_000;

const NOT_FOUND = 404;

/** Something about this node that lasts. */
export interface NodeTrouble {
  readonly reason: string;
  readonly message: string;
}

export interface ToldEventsOptions {
  readonly api: Pick<ApiMirror, 'ownNode' | 'ask'>;
  readonly nodeName: string;
  readonly logger: Logger;
  readonly wallClockMs: () => number;
}

export class ToldEvents {
  readonly #options: ToldEventsOptions;
  readonly #records: EventRecords;
  /** When each was told last. */
  #told = new Map<string, number>();
  #problem = '';

  constructor(options: ToldEventsOptions) {
    this.#options = options;
    this.#records = new EventRecords(options.nodeName);
  }

  /** Tells of a Pod. */
  ofPod(pod: Omit<EventSubject, 'kind'>, reason: string, message: string): void {
    this.#tell({ kind: 'Pod', ...pod }, { reason, message });
  }

  /** Tells of this node, if its Node object is known. */
  ofNode(trouble: NodeTrouble): void {
    const { ownNode } = this.#options.api;
    if (ownNode === undefined) return;
    this.#tell({ kind: 'Node', name: ownNode.name, namespace: '', uid: ownNode.uid }, trouble);
  }

  /** Tells of what is wrong with this node now: what is new at once, what lasts now and then. */
  look(troubles: readonly NodeTrouble[]): void {
    const nowMs = this.#options.wallClockMs();
    const told = new Map<string, number>();
    for (const trouble of troubles) {
      const key = `${trouble.reason} ${trouble.message}`;
      const beforeMs = this.#told.get(key);
      const isDue = beforeMs === undefined || nowMs - beforeMs >= AGAIN_MS;
      told.set(key, isDue ? nowMs : beforeMs);
      if (isDue) this.ofNode(trouble);
    }
    this.#told = told;
  }

  #tell(about: EventSubject, { reason, message }: NodeTrouble, isAgain = false): void {
    const { api, logger, wallClockMs } = this.#options;
    const call = this.#records.record({ about, reason, message }, wallClockMs());
    if (call === undefined) return;
    api.ask(call.kind, call.path, call.body, ({ problem, status }) => {
      if (problem === '') {
        this.#problem = '';
        return;
      }
      this.#records.lost(call.key);
      // It was counted for longer than the API keeps it.
      if (status === NOT_FOUND && call.kind === 'patch' && !isAgain)
        return this.#tell(about, { reason, message }, true);
      if (problem !== this.#problem) logger.warn({ problem, reason }, 'an event cannot be told to the Kubernetes API');
      this.#problem = problem;
    });
  }
}
