/**
 * Waits for Pod objects. A runtime that attaches a pod says which it is, and not which labels it has: those are known when the API has told
 * of the Pod, mostly long before, and sometimes a moment later.
 */
import type { Clock } from '../../env/clock.ts';
import type { ApiPod } from '../../kubernetes/api-object.ts';
import type { ApiMirror } from './api-mirror.ts';

/** How long it is waited, in ms: a watch tells within a fraction of that, and a runtime waits for its answer meanwhile. */
export const POD_WAIT_MS = 2_000;

/** A pod as its runtime knows it. */
export interface AwaitedPod {
  readonly namespace: string;
  readonly name: string;
  /** `undefined`: the runtime did not say it. Then whoever has the name is meant. */
  readonly uid: string | undefined;
}

export interface AwaitedPodsOptions {
  readonly api: Pick<ApiMirror, 'pods' | 'reachability' | 'follow'>;
  readonly clock: Clock;
}

/** Looks at what became of one who waits. */
type Look = () => void;

export class AwaitedPods {
  readonly #options: AwaitedPodsOptions;
  readonly #waiting = new Set<Look>();

  constructor(options: AwaitedPodsOptions) {
    this.#options = options;
    options.api.follow(() => {
      for (const look of this.#waiting) look();
    });
  }

  /** What is known of a pod now. An object of its name with another UID is that of the pod before it, or after it. */
  known({ namespace, name, uid }: AwaitedPod): ApiPod | undefined {
    const pod = this.#options.api.pods.get(`${namespace}/${name}`);
    return uid === undefined || uid === pod?.runtimeUid ? pod : undefined;
  }

  /**
   * The Pod, as soon as it is known. `undefined` after {@link POD_WAIT_MS}, and as soon as the API is away, which tells nothing then: it is
   * not known which labels the pod has. Never rejects.
   */
  wait(pod: AwaitedPod): Promise<ApiPod | undefined> {
    const { api, clock } = this.#options;
    const { promise, resolve } = Promise.withResolvers<ApiPod | undefined>();
    const end = (found: ApiPod | undefined): void => {
      this.#waiting.delete(look);
      resolve(found);
    };
    const look = (): void => {
      const found = this.known(pod);
      // At the start of the daemon nothing is known yet, and nothing is wrong either.
      if (found !== undefined || api.reachability().problem !== '') end(found);
    };
    this.#waiting.add(look);
    look();
    if (this.#waiting.has(look)) clock.after(POD_WAIT_MS, () => end(undefined));
    return promise;
  }
}
