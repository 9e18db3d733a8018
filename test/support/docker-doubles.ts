/** An engine and a daemon that are only memory, for what stands between the two. */
import type { Pod, PodRequest } from '../../src/api/control-api.ts';
import type { Container } from '../../src/docker/container.ts';
import { ConflictError, NotFoundError, WeftError } from '../../src/errors.ts';

export function containerWith(given: Partial<Container>): Container {
  return {
    id: '0123456789ab'.padEnd(64, '0'),
    name: 'web',
    status: 'running',
    isRunning: true,
    pid: 100,
    networkMode: 'none',
    labels: {},
    ...given,
  };
}

export function podWith(given: Partial<Pod>): Pod {
  return {
    name: 'web',
    namespace: 'default',
    labels: {},
    network: 'default',
    netns: '/proc/100/ns/net',
    addresses: ['10.244.1.2'],
    allowSources: [],
    attachment: null,
    device: 'eth0',
    mac: '02:00:00:00:00:01',
    hostDevice: 'wf1',
    mtuBytes: 1450,
    createdAt: '',
    state: 'running',
    faults: [],
    notices: [],
    ...given,
  };
}

/** Containers by their ids. */
export class FakeEngine {
  readonly containers = new Map<string, Container>();
  /** Labels count here although they are those of an image. */
  readonly labelledByImage = new Set<string>();
  isDown = false;
  /** Ends the stream of events that is open. */
  endEvents: () => void = () => {};
  #onEvent: () => void = () => {};
  /** Called before a container is described. */
  beforeAnswer: (id: string) => void = () => {};

  /** Puts a container there, and tells of it. */
  run(id: string, given: Partial<Container>): void {
    const full = id.padEnd(64, '0');
    this.containers.set(full, containerWith({ id: full, ...given }));
    this.#onEvent();
  }

  /** Ends a container, and tells of it. */
  end(id: string): void {
    const full = id.padEnd(64, '0');
    this.containers.set(full, { ...this.containers.get(full)!, isRunning: false, status: 'exited', pid: 0 });
    this.#onEvent();
  }

  async container(reference: string): Promise<Container> {
    this.#answer();
    const found = [...this.containers.values()].find(({ id, name }) => id.startsWith(reference) || name === reference);
    if (found === undefined) throw new NotFoundError('container-not-found', `no ${reference}`);
    this.beforeAnswer(found.id);
    return await Promise.resolve(this.containers.get(found.id)!);
  }

  async runningWithLabel(key: string): Promise<string[]> {
    this.#answer();
    const running = [...this.containers.values()].filter(({ isRunning }) => isRunning);
    const ids = running.filter(({ id, labels }) => key in labels || this.labelledByImage.has(id)).map(({ id }) => id);
    return await Promise.resolve(ids);
  }

  async containerEvents(onOpen: () => void, onEvent: () => void, signal: AbortSignal): Promise<void> {
    this.#answer();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onEvent = onEvent;
    this.endEvents = resolve;
    signal.addEventListener('abort', () => resolve());
    onOpen();
    await promise;
    this.#onEvent = () => {};
  }

  #answer(): void {
    if (this.isDown) throw new WeftError('engine-not-running', 'there is no engine');
  }
}

/** Pods by their titles; addresses are given out as a daemon does it, and a name gets those that it had. */
export class FakeKeeper {
  readonly all = new Map<string, Pod>();
  readonly #had = new Map<string, readonly string[]>();
  isDown = false;
  adds = 0;

  async status(): Promise<{ nodeName: string }> {
    this.#answer();
    return await Promise.resolve({ nodeName: 'n1' });
  }

  async pods(): Promise<Pod[]> {
    this.#answer();
    return await Promise.resolve([...this.all.values()]);
  }

  async addPod(name: string, request: PodRequest): Promise<Pod> {
    this.#answer();
    this.adds++;
    const { namespace = 'default', labels = {}, pid } = request;
    const title = `${namespace}/${name}`;
    if (this.all.has(title)) throw new ConflictError('pod-exists', `pod ${name} exists`);
    const addresses = request.addresses ?? this.#had.get(title) ?? [`10.244.1.${this.#had.size + 2}`];
    const holder = [...this.all.values()].find((pod) => pod.addresses.some((one) => addresses.includes(one)));
    if (holder !== undefined) throw new ConflictError('address-in-use', `${addresses[0]} is leased to ${holder.name}`);
    this.#had.set(title, addresses);
    const pod = podWith({ name, namespace, labels, addresses, netns: `/proc/${pid}/ns/net` });
    this.all.set(title, pod);
    return await Promise.resolve(pod);
  }

  async removePod(name: string, namespace = 'default'): Promise<boolean> {
    this.#answer();
    return await Promise.resolve(this.all.delete(`${namespace}/${name}`));
  }

  /** `web 10.244.1.2 of 100`, by name. */
  summary(): string[] {
    return [...this.all.values()]
      .map(({ name, addresses, netns }) => `${name} ${addresses.join()} of ${netns.split('/')[2]}`)
      .toSorted();
  }

  #answer(): void {
    if (this.isDown) throw new WeftError('daemon-not-running', 'no daemon');
  }
}
