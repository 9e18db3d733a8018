/**
 * What Kubernetes says of this node, its pods and the other nodes, for the rest of the daemon; and what is told to it.
 *
 *     API ──> mirror ──> prefixes (at the start), seeds, labels and ports of pods
 *               └──> kubernetes.json, kubernetes-services.json ──> the next run, while the API is away
 */
import type { Logger } from '../../env/logger.ts';
import type { PatientStore } from '../../env/store.ts';
import type { Notice } from '../../api/control-api.ts';
import type { KubernetesStatus } from '../../api/kubernetes-api.ts';
import { MAX_POD_PORTS } from '../../directory/limits.ts';
import type { ApiPod } from '../../kubernetes/api-object.ts';
import { addressesOf, seedsOf } from '../../kubernetes/node-view.ts';
import { PodAgreement, type PodDifference, type PodHere } from '../../kubernetes/pod-agreement.ts';
import { type FittingPod, toldOfPod } from '../../kubernetes/told-pod.ts';
import { resourcesFor, type WatchPurpose } from '../../kubernetes/watched-resource.ts';
import { type Endpoint, type IpAddress, parseIpAddress } from '../../wire/address.ts';
import { prefixContains, type Prefix } from '../../wire/prefix.ts';
import type { Config, KubernetesConfig } from '../config/config.ts';
import { systemClock } from '../process/system-environment.ts';
import type { LargeStateFile } from '../state/large-state-file.ts';
import type { ApiMirror } from './api-mirror.ts';
import { type AwaitedPod, AwaitedPods } from './awaited-pods.ts';
import { KeptObjects } from './kept-objects.ts';
import { KeptServices } from './kept-services.ts';
import { NodeCondition } from './node-condition.ts';
import { type NodeTrouble, ToldEvents } from './told-events.ts';
import { awaitPrefixes, changedPrefixes, formatPrefixes } from './prefix-source.ts';

/** How long the API may be away before a status speaks of it, in ms: its server is updated, too. */
const AWAY_MS = 15_000;

/** Pods that are named in one notice. */
const MAX_NAMED = 5;

export interface KubernetesOptions {
  readonly api: ApiMirror;
  readonly kubernetes: KubernetesConfig;
  readonly clusterPrefixes: readonly Prefix[];
  readonly ipam: Config['ipam'];
  readonly gossipPort: number;
  /** Keeps what was known. */
  readonly store: PatientStore;
  /** The same of services. */
  readonly serviceFile: LargeStateFile;
  readonly logger: Logger;
  readonly wallClockMs: () => number;
}

/** Who is told of changes. */
export interface KubernetesListener {
  /** Nodes came, went, or have other addresses. */
  nodesChanged(): void;
  /** Pods of this node came, went, or have other labels. */
  podsChanged(): void;
}

export class Kubernetes {
  readonly #options: KubernetesOptions;
  readonly #condition: NodeCondition;
  readonly #events: ToldEvents;
  readonly #awaited: AwaitedPods;
  readonly #kept: KeptObjects;
  readonly #keptServices: KeptServices;
  readonly #agreement = new PodAgreement();
  #listener: KubernetesListener | undefined;
  #inUse: readonly Prefix[] = [];
  #isServing = false;

  constructor(options: KubernetesOptions) {
    this.#options = options;
    const { api, kubernetes, store, serviceFile: file, logger, wallClockMs } = options;
    this.#condition = new NodeCondition({ api, nodeName: kubernetes.nodeName, logger, wallClockMs });
    this.#events = new ToldEvents({ api, nodeName: kubernetes.nodeName, logger, wallClockMs });
    this.#awaited = new AwaitedPods({ api, clock: systemClock });
    const { nodeName } = kubernetes;
    this.#kept = new KeptObjects({ api, nodeName, store, clock: systemClock, logger, wallClockMs });
    this.#keptServices = new KeptServices({ api, nodeName, file, clock: systemClock, logger, wallClockMs });
    api.follow((resource) => {
      if (this.#isServing) this.#condition.ensure();
      if (resource === 'nodes') this.#listener?.nodesChanged();
      if (resource === 'pods') this.#listener?.podsChanged();
    });
  }

  /** Waits for the prefixes of this node. @throws as `awaitPrefixes` */
  async prefixes(ending: AbortSignal): Promise<readonly Prefix[]> {
    const { api, kubernetes, clusterPrefixes, logger } = this.#options;
    const { nodeName } = kubernetes;
    this.#inUse = await awaitPrefixes({ api, nodeName, clusterPrefixes, logger, ending });
    // Before anybody has an address of them.
    this.#kept.save();
    logger.info(
      { node: nodeName, prefixes: formatPrefixes(this.#inUse) },
      'prefixes of this node are those of its Node object',
    );
    return this.#inUse;
  }

  /** From now on, changes are told. */
  listen(listener: KubernetesListener): void {
    this.#listener = listener;
  }

  /** Pods of this node are forwarded for: the Node object says so. */
  serve(): void {
    this.#isServing = true;
    this.#condition.ensure();
  }

  /** Where gossip of other nodes may be found. */
  seeds(): readonly Endpoint[] {
    const { api, kubernetes, clusterPrefixes, gossipPort } = this.#options;
    const own = { nodeName: kubernetes.nodeName, gossipPort };
    const isInOverlay = (address: IpAddress): boolean =>
      clusterPrefixes.some((prefix) => prefixContains(prefix, address));
    return seedsOf(api.nodes.values(), own, isInOverlay);
  }

  /** Addresses that the Node object gives this node, the first of them first. */
  nodeAddresses(): readonly IpAddress[] {
    const { ownNode } = this.#options.api;
    return ownNode === undefined ? [] : addressesOf(ownNode);
  }

  /** Names of all Nodes; `undefined`: the API has not told them in this run. */
  nodeNames(): Iterable<string> | undefined {
    const { api } = this.#options;
    return api.isComplete('nodes') ? api.nodes.keys() : undefined;
  }

  /** What is known of a pod of this node. */
  pod(pod: AwaitedPod): ApiPod | undefined {
    return this.#awaited.known(pod);
  }

  /** The same, waited for. Nothing is waited for while the API is away. See `AwaitedPods.wait` */
  awaitPod(pod: AwaitedPod): Promise<ApiPod | undefined> {
    return this.#awaited.wait(pod);
  }

  /** Labels and ports of a pod of this node, as many as other nodes take. */
  toldOf(pod: AwaitedPod): FittingPod | 'unknown' {
    const known = this.pod(pod);
    return known === undefined ? 'unknown' : toldOfPod(known);
  }

  /** Has `kubectl describe` say of a pod, and of this node, that the pod got no address. */
  tellExhausted(pod: AwaitedPod, message: string): void {
    const { namespace, name, uid } = pod;
    const known = this.pod(pod);
    // What the API has not told yet may be told of all the same, if the runtime said which it is.
    const apiUid = known?.uid ?? uid;
    if (apiUid !== undefined) this.#events.ofPod({ namespace, name, uid: apiUid }, 'AddressPoolExhausted', message);
    this.#events.ofNode({ reason: 'AddressPoolExhausted', message });
  }

  /** Has `kubectl describe node` say what is wrong with this node now. */
  tellTroubles(troubles: readonly NodeTrouble[]): void {
    this.#events.look(troubles);
  }

  /** Compares the pods that are here with those that the API has on this node. Nothing is known while it is away. */
  compare(here: readonly PodHere[]): { readonly entries: number; readonly differences: readonly PodDifference[] } {
    const { api, clusterPrefixes } = this.#options;
    if (!api.reachability().isReachable) return { entries: 0, differences: [] };
    const isOverlay = (text: string): boolean => {
      const address = parseIpAddress(text);
      return address !== undefined && clusterPrefixes.some((prefix) => prefixContains(prefix, address));
    };
    const differences = this.#agreement.compare(api.pods.values(), here, isOverlay, performance.now());
    return { entries: api.pods.size, differences };
  }

  status(): KubernetesStatus {
    const { api, kubernetes, ipam } = this.#options;
    const { isReachable, sinceMs, problem } = api.reachability();
    const isTold = resourcesFor(['node']).every((name) => api.isComplete(name));
    return {
      server: api.server,
      node: kubernetes.nodeName,
      ipam: ipam.mode,
      reachable: isReachable,
      since: new Date(sinceMs).toISOString(),
      problem,
      storedAt: isTold ? null : (this.#kept.recalled?.time ?? null),
      resources: api.resources.map((name) => {
        const { phase, objects, unreadable, lists } = api.stateOf(name);
        return { name, state: phase, objects, unreadable, lists };
      }),
    };
  }

  notices(): Notice[] {
    return [
      ...this.#awayNotices(),
      ...this.#policyNotices(),
      ...this.#serviceNotices(),
      ...this.#nodeNotices(),
      ...this.#unreadableNotices(),
      ...this.#cutNotices(),
    ];
  }

  /** Stores what is known. */
  async close(): Promise<void> {
    this.#condition.stop();
    this.#kept.close();
    await this.#keptServices.close();
  }

  #awayNotices(): Notice[] {
    const { isReachable, sinceMs, problem } = this.#options.api.reachability();
    if (isReachable || this.#options.wallClockMs() - sinceMs < AWAY_MS) return [];
    const { server, since, storedAt } = this.status();
    const known = storedAt === null ? 'what it told before counts' : `what an earlier run stored at ${storedAt} counts`;
    const message =
      `the Kubernetes API at ${server} is away since ${since}${problem === '' ? '' : ` (${problem})`}: ${known}; ` +
      'pods go on, and new nodes and changed labels are not heard of';
    return [{ code: 'kubernetes-away', message }];
  }

  #policyNotices(): Notice[] {
    return this.#unwatchedNotices('policy', 'policies', 'kubernetes-policies-unwatched');
  }

  #serviceNotices(): Notice[] {
    if (!this.#options.api.resources.includes('services')) return [];
    return this.#unwatchedNotices('service', 'services', 'kubernetes-services-unwatched');
  }

  /** While all of the API is away, that says it. */
  #unwatchedNotices(purpose: WatchPurpose, what: string, code: string): Notice[] {
    const { api, wallClockMs } = this.#options;
    const { isReachable, sinceMs, problem } = api.reachability(purpose);
    if (!api.reachability().isReachable || isReachable || wallClockMs() - sinceMs < AWAY_MS) return [];
    const message =
      `${what} of Kubernetes are not heard of since ${new Date(sinceMs).toISOString()} (${problem}): those that were ` +
      'known before count; if it is forbidden, apply the ClusterRole of this version of weft';
    return [{ code, message }];
  }

  #nodeNotices(): Notice[] {
    const { api, kubernetes, ipam } = this.#options;
    if (!api.isComplete('nodes')) return [];
    const { nodeName } = kubernetes;
    if (api.ownNode === undefined) {
      const message = `there is no Node ${nodeName} any more: if this node has another name in Kubernetes, set kubernetes.nodeName`;
      return [{ code: 'kubernetes-node-missing', message }];
    }
    const notices: Notice[] = [];
    const changed = ipam.mode === 'kubernetes' ? changedPrefixes(api.ownNode, this.#inUse) : undefined;
    if (changed !== undefined) {
      const message =
        `Node ${nodeName} has the podCIDRs ${changed} now, and this node uses ${formatPrefixes(this.#inUse)}: ` +
        'pods keep their addresses; drain the node, and start weft on it again';
      notices.push({ code: 'kubernetes-prefixes-changed', message });
    }
    if (this.#condition.problem !== '') {
      const message = `the condition NetworkUnavailable of Node ${nodeName} cannot be set: ${this.#condition.problem}`;
      notices.push({ code: 'kubernetes-condition-unset', message });
    }
    return notices;
  }

  #unreadableNotices(): Notice[] {
    const { api } = this.#options;
    return api.resources.flatMap((name) => {
      const { unreadable } = api.stateOf(name);
      if (unreadable === 0) return [];
      const message = `${unreadable} of the ${name} of the Kubernetes API are not what they should be, and are passed over`;
      return [{ code: 'kubernetes-unreadable', message }];
    });
  }

  #cutNotices(): Notice[] {
    const told = [...this.#options.api.pods.values()].map((pod) => ({ pod, ...toldOfPod(pod) }));
    const labels = namesOf(told.filter(({ cutLabels }) => cutLabels > 0));
    const ports = namesOf(told.filter(({ cutPorts }) => cutPorts > 0));
    const labelsMessage = `other nodes do not know all labels of ${labels}, and their rules that go by labels do not allow these pods: they are told 64 labels of a pod, of about 3 000 bytes together`;
    const portsMessage = `not all named ports of ${ports} are known to other nodes: a pod may have ${MAX_POD_PORTS}, and fewer beside many labels`;
    return [
      ...(labels === '' ? [] : [{ code: 'kubernetes-labels-cut', message: labelsMessage }]),
      ...(ports === '' ? [] : [{ code: 'kubernetes-ports-cut', message: portsMessage }]),
    ];
  }
}

/** Names of some of these pods, and how many more there are; empty: there are none. */
function namesOf(cut: readonly { readonly pod: ApiPod }[]): string {
  const names = cut.slice(0, MAX_NAMED).map(({ pod: { namespace, name } }) => `${namespace}/${name}`);
  const more = cut.length > names.length ? ` and ${cut.length - names.length} more` : '';
  return `${names.join(', ')}${more}`;
}
