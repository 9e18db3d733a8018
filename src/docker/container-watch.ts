/**
 * Containers with the label `weft.pod` are pods of this node for as long as they run.
 *
 * It goes by what is there, not by what is told: an event of the engine only says that it is time to look. So nothing that happens while
 * the engine, the daemon or this watch itself is away is missed, and nothing is left behind.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { NotFoundError, WeftError } from '../errors.ts';
import { attachContainer, runningContainerOf, titleOf, type PodKeeper } from './attachment.ts';
import { describeContainer, type Container } from './container.ts';
import { ContainerLabel, isContainerPod, isPodOf } from './container-pod.ts';
import type { EngineClient } from './engine-client.ts';

/** How often to look without an event, in ms: what could not be done is tried again. */
const LOOK_INTERVAL_MS = 10_000;

/** Least time between two looks, in ms: on a machine where containers come and go all the time, each look is for many of them. */
const SPACING_MS = 100;

/** How soon to try again what somebody was not there for, in ms. */
const RETRY_MS = 1_000;

export interface ContainerWatchOptions {
  readonly engine: Pick<EngineClient, 'container' | 'runningWithLabel' | 'containerEvents'>;
  readonly keeper: PodKeeper & { status(): Promise<{ readonly nodeName: string }> };
  /** Whether a container that does not say by `weft.node` whose it is is left alone: where several nodes share an engine. */
  readonly needsNode: boolean;
  /** Told what was done, and what could not be: each only once while it lasts. */
  readonly say: (line: string) => void;
}

export class ContainerWatch {
  readonly #options: ContainerWatchOptions;
  /** What was said last, by whom it was about. */
  readonly #told = new Map<string, string>();
  #nodeName: string | undefined;
  #wake: () => void = () => {};

  constructor(options: ContainerWatchOptions) {
    this.#options = options;
  }

  /** Until `signal`. Pods stay: whoever watches next goes on with them. */
  async run(signal: AbortSignal): Promise<void> {
    const listening = this.#listen(signal);
    while (!signal.aborted) {
      // Before it looks: what happens meanwhile is looked at next.
      const woken = new Promise<void>((resolve) => (this.#wake = resolve));
      const isDone = await this.#tried('watch', () => this.look());
      await Promise.race([woken, pause(isDone ? LOOK_INTERVAL_MS : RETRY_MS, signal)]);
      await pause(SPACING_MS, signal);
    }
    await listening;
  }

  /**
   * Compares once, and puts right.
   *
   * @throws WeftError if the engine or the daemon does not answer. What is wrong with one container is said, and others go on.
   */
  async look(): Promise<void> {
    const { engine, keeper, say } = this.#options;
    this.#nodeName ??= (await keeper.status()).nodeName;
    const running = await this.#running(await engine.runningWithLabel(ContainerLabel.pod));
    const wanted = running.filter((container) => this.#isOurs(container));
    for (const pod of await keeper.pods()) {
      if (!isContainerPod(pod) || wanted.some((container) => isPodOf(pod, container))) continue;
      if ((await runningContainerOf(pod, engine)) !== undefined) continue;
      await keeper.removePod(pod.name, pod.namespace);
      say(`pod ${titleOf(pod)} is detached: its container has ended`);
    }
    for (const container of wanted) {
      await this.#tried(container.id, async () => {
        const { pod, wasThere } = await attachContainer(engine, keeper, container);
        if (!wasThere) say(`${describeContainer(container)} is pod ${titleOf(pod)}: ${pod.addresses.join(' and ')}`);
        for (const { message } of wasThere ? [] : pod.notices) say(message);
      });
    }
    for (const key of this.#told.keys())
      if (isContainerKey(key) && !running.some(({ id }) => id === key)) this.#told.delete(key);
  }

  async #running(ids: readonly string[]): Promise<Container[]> {
    const found: Container[] = [];
    for (const id of ids) {
      try {
        const container = await this.#options.engine.container(id);
        if (container.isRunning) found.push(container);
      } catch (error) {
        // It ended, and was removed, since the engine listed it.
        if (!(error instanceof NotFoundError)) throw error;
      }
    }
    return found;
  }

  #isOurs(container: Container): boolean {
    const { [ContainerLabel.pod]: pod, [ContainerLabel.node]: node } = container.labels;
    if (pod === undefined) {
      this.#tell(
        container.id,
        `${describeContainer(container)} is left alone: its image has the label ${ContainerLabel.pod}, and labels of images do not count`,
      );
      return false;
    }
    if (node !== undefined) return node === this.#nodeName;
    if (!this.#options.needsNode) return true;
    this.#tell(
      container.id,
      `${describeContainer(container)} is left alone: it has no label ${ContainerLabel.node}, which says whose pod it is`,
    );
    return false;
  }

  /** Has the engine tell of containers that start and end, and asks again whenever it stops. */
  async #listen(signal: AbortSignal): Promise<void> {
    const { engine } = this.#options;
    const wake = (): void => this.#wake();
    while (!signal.aborted) {
      const isDone = await this.#tried('events', () => engine.containerEvents(wake, wake, signal));
      // That an engine which ends has nothing more to tell is no news: the look that follows says whether it is there.
      await pause(RETRY_MS, signal);
      if (isDone) this.#wake();
    }
  }

  /** @returns whether it went well; if not, what was wrong was said. */
  async #tried(subject: string, operation: () => Promise<void>): Promise<boolean> {
    try {
      await operation();
      this.#told.delete(subject);
      return true;
    } catch (error) {
      if (!(error instanceof WeftError)) throw error;
      this.#tell(subject, error.message);
      return false;
    }
  }

  #tell(subject: string, line: string): void {
    if (this.#told.get(subject) === line) return;
    // The engine that is not there is not there for both who ask it.
    const isSaid = [...this.#told.values()].includes(line);
    this.#told.set(subject, line);
    if (!isSaid) this.#options.say(line);
  }
}

function isContainerKey(key: string): boolean {
  return /^[0-9a-f]{12,64}$/.test(key);
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, { signal, ref: true }).catch(() => undefined);
}
