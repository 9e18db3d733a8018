/**
 * Which pods are the backends of services that select them by labels, where there is no Kubernetes to say so: what its controller of
 * EndpointSlices does (Kubernetes 1.34, pkg/controller/endpointslice), as far as pods of the directory go. All of them count as ready.
 *
 * After a change of a pod, the services that select it now, or did before, are looked at again, and no others. For a change of a service, the
 * pods that have the rarest of its labels are looked at.
 */
import type { PolicyPod } from '../policy/cluster-facts.ts';
import { type LabelSelector, selects } from '../policy/label-selector.ts';
import { compareIpAddresses, equalIpAddresses, type IpAddress } from '../wire/address.ts';
import { labelEntries, LabelIndex } from './label-index.ts';
import type { Backend, BackendAddress, ServiceProtocol } from './service.ts';
import type { BackendsByPort } from './service-planner.ts';
import { knownBackends } from './service-room.ts';

/** What a service says of its backends. */
export interface BackendSelection {
  /** Pods of others are no backends. */
  readonly namespace: string;
  /** Labels that a backend has, all of them. Empty, or `undefined`: it selects none. */
  readonly selector: Readonly<Record<string, string>> | undefined;
  /** None: its backends have the port 0, under an empty name. */
  readonly ports: readonly SelectedPort[];
}

export interface SelectedPort {
  /** Of the service's port: unique in the service. */
  readonly name: string;
  readonly protocol: ServiceProtocol;
  /** Of the pod: its number, or its name, which with the protocol means a port of each pod by itself. */
  readonly targetPort: number | string;
}

interface Selecting {
  readonly selection: BackendSelection;
  readonly selector: LabelSelector;
  /** All entries that a backend has; empty: it selects none. */
  readonly entries: readonly string[];
  /** Where it is found by pods; `undefined`: by none. */
  readonly entry: string | undefined;
}

const noBackends: BackendsByPort = new Map();

/** Of a headless service without ports: its name stands for the addresses of its pods all the same. */
const addressesAlone: readonly SelectedPort[] = [{ name: '', protocol: 'TCP', targetPort: 0 }];

export class SelectedBackends {
  /** Those that may be backends. */
  readonly #pods = new Map<string, PolicyPod>();
  readonly #podsByLabel = new LabelIndex();
  readonly #services = new Map<string, Selecting>();
  /** Each by one label that it asks for. */
  readonly #servicesByLabel = new LabelIndex();
  readonly #touched = new Set<string>();
  readonly #told = new Map<string, BackendsByPort>();

  /** As `PolicyFactsListener` is told of it: new, or another than before. */
  setPod(pod: PolicyPod): void {
    this.removePod(pod.key);
    if (pod.hostNetwork || pod.labels === undefined) return;
    this.#pods.set(pod.key, pod);
    for (const entry of entriesOf(pod)) this.#podsByLabel.add(entry, pod.key);
    this.#touchServicesOf(pod);
  }

  /** @param key `PolicyPod.key` */
  removePod(key: string): void {
    const pod = this.#pods.get(key);
    if (pod === undefined) return;
    this.#pods.delete(key);
    for (const entry of entriesOf(pod)) this.#podsByLabel.delete(entry, key);
    this.#touchServicesOf(pod);
  }

  /**
   * @param key as `serviceKey` gives it
   * @param selection `undefined`: there is no such service any more.
   */
  setService(key: string, selection: BackendSelection | undefined): void {
    const before = this.#services.get(key);
    if (before?.entry !== undefined) this.#servicesByLabel.delete(before.entry, key);
    if (selection === undefined) {
      this.#services.delete(key);
    } else {
      const entries = labelEntries(selection.namespace, selection.selector ?? {});
      // Many services may share a label, such as `part-of`: pods that have it are not compared with all of them.
      const entry = entries.length === 0 ? undefined : this.#servicesByLabel.rarest(entries);
      if (entry !== undefined) this.#servicesByLabel.add(entry, key);
      this.#services.set(key, { selection, selector: requirements(selection), entries, entry });
    }
    this.#touched.add(key);
  }

  /**
   * Services whose backends are others than the last time: all backends of each, in order of their addresses. A port without backends is not
   * among them, and neither are those of a service that is gone: it has an empty map.
   */
  take(): ReadonlyMap<string, BackendsByPort> {
    const changed = new Map<string, BackendsByPort>();
    for (const key of this.#touched) {
      const backends = this.#backendsOf(key);
      if (haveSameBackends(this.#told.get(key) ?? noBackends, backends)) continue;
      if (backends.size === 0) this.#told.delete(key);
      else this.#told.set(key, backends);
      changed.set(key, backends);
    }
    this.#touched.clear();
    return changed;
  }

  #touchServicesOf(pod: PolicyPod): void {
    for (const entry of entriesOf(pod)) {
      for (const key of this.#servicesByLabel.keys(entry))
        if (isSelected(pod, this.#services.get(key)!)) this.#touched.add(key);
    }
  }

  #backendsOf(key: string): BackendsByPort {
    const service = this.#services.get(key);
    if (service?.entry === undefined) return noBackends;
    const pods = [...this.#podsByLabel.keys(this.#podsByLabel.rarest(service.entries))]
      .map((podKey) => this.#pods.get(podKey)!)
      .filter((pod) => isSelected(pod, service))
      .sort((a, b) => (a.key < b.key ? -1 : 1));
    const places = pods.flatMap((pod) => pod.addresses.map((address) => ({ pod, address })));
    places.sort((a, b) => compareIpAddresses(a.address, b.address));
    const countOf = (family: 4 | 6): number => places.filter(({ address }) => address.family === family).length;
    const counts = [countOf(4), countOf(6)];
    const { ports: own } = service.selection;
    const wanted = own.length === 0 ? addressesAlone : own;
    const known = knownBackends(wanted.flatMap(() => counts));
    const ports = wanted.map((port) => [port.name, backendsOf(port, places, known)] as const);
    return new Map(ports.filter(([, backends]) => backends.length > 0));
  }
}

function entriesOf({ namespace, labels = {} }: PolicyPod): readonly string[] {
  return labelEntries(namespace, labels);
}

function requirements({ selector = {} }: BackendSelection): LabelSelector {
  return Object.entries(selector).map(([key, value]) => ({ key, operator: 'In', values: [value] }));
}

function isSelected({ namespace, labels }: PolicyPod, { selection, selector }: Selecting): boolean {
  return labels !== undefined && namespace === selection.namespace && selects(selector, labels);
}

interface Placed {
  readonly pod: PolicyPod;
  readonly address: IpAddress;
}

/**
 * @param places in order: of pods that have one address, as two nodes may have it for a while, the first is the backend
 * @param known of each family at most
 */
function backendsOf(port: SelectedPort, places: readonly Placed[], known: number): readonly Backend[] {
  const counts = { 4: 0, 6: 0 };
  const backends: Backend[] = [];
  for (const { pod, address } of places) {
    const number = portOf(pod, port);
    const last = backends.at(-1);
    if (number === undefined || counts[address.family] >= known) continue;
    if (last !== undefined && equalIpAddresses(address, last.address)) continue;
    counts[address.family]++;
    backends.push(backendOf(pod, { address, port: number }));
  }
  return backends;
}

/** `undefined`: the pod has no port of this name. */
function portOf({ ports }: PolicyPod, { protocol, targetPort }: SelectedPort): number | undefined {
  if (typeof targetPort === 'number') return targetPort;
  return ports.find((port) => port.name === targetPort && port.protocol === protocol)?.port;
}

function backendOf({ nodeName }: PolicyPod, at: BackendAddress): Backend {
  return { ...at, isReady: true, isServing: true, isTerminating: false, nodeName, forNodes: [], forZones: [] };
}

function haveSameBackends(a: BackendsByPort, b: BackendsByPort): boolean {
  return a.size === b.size && [...a].every(([name, backends]) => areSame(backends, b.get(name) ?? []));
}

/** What differs between backends that are all ready. */
function areSame(a: readonly Backend[], b: readonly Backend[]): boolean {
  return (
    a.length === b.length &&
    a.every((one, at) => {
      const other = b[at]!;
      return one.port === other.port && one.nodeName === other.nodeName && equalIpAddresses(one.address, other.address);
    })
  );
}
