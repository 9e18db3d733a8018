/**
 * By what packets are judged: pods, namespaces, nodes and policies, each from one source, and told to whoever decides.
 *
 *     pods of other nodes    the directory; addresses only as far as they are routed to their node
 *     pods of this node      its book, with labels and ports from the API
 *     nodes                  Node objects, and what members announce
 *     namespaces, policies   the API; without Kubernetes, the rulebook
 *
 * Without Kubernetes nodes have no labels. Pods with the network of their node are none: what they send is their node's.
 */
import type { PodSet } from '../../directory/pod-set.ts';
import type { ApiRecords } from '../../kubernetes/watched-resource.ts';
import type { Member, MemberChange } from '../../membership/announcement.ts';
import type { PolicyNamespace, PolicyNode, PolicyPod } from '../../policy/cluster-facts.ts';
import type { KnownPolicy } from '../../api/policy-api.ts';
import { compareTexts, type Policy, titleOf } from '../../policy/policy.ts';
import type { ResolvedRoute } from '../../routing/resolved-route.ts';
import type { IpAddress } from '../../wire/address.ts';
import { prefixContains } from '../../wire/prefix.ts';
import type { ApiMirror } from '../kubernetes/api-mirror.ts';
import type { RulebookObjects } from '../rulebook/rulebook-objects.ts';
import { ApiPolicies, type OddPolicy, type PolicyResource, policyResources } from './api-policies.ts';
import type { PolicyFactsListener } from './facts-listener.ts';
import { OwnPods, type OwnPodsOptions } from './own-pods.ts';
import type { PolicyChange } from './policy-change.ts';
import { type OwnNode, PolicyNodes } from './policy-nodes.ts';
import { RemotePods } from './remote-pods.ts';
import { changedPrefixes } from './route-changes.ts';
import { ToldValues, type ToldValuesOptions } from './told-values.ts';

export interface PolicyFactsOptions {
  readonly own: OwnNode;
  /** Pods of this node that have addresses, whatever becomes of them. */
  readonly pods: OwnPodsOptions['pods'];
  /** Pods that another node announced, as in `PodDirectory.setOf`. */
  readonly setOf: (identity: string) => PodSet | undefined;
  /** Whether a node may say that it, or a pod of it, has this address, as in `PodIndexOptions`. */
  readonly mayHave: (identity: string, address: IpAddress) => boolean;
  /** Absent: there is no Kubernetes here. */
  readonly kubernetes?: {
    readonly api: Pick<ApiMirror, 'objectsOf'>;
    readonly pod: NonNullable<OwnPodsOptions['podInApi']>;
  };
  /** What operators gave to the cluster; absent where there is Kubernetes. */
  readonly given?: Pick<RulebookObjects, 'objectsOf' | 'givenAt' | 'deletedAt'>;
  readonly listener: PolicyFactsListener;
  /** Called with each policy that begins to mean something, or means something else, or nothing; also of those that are there at first. */
  readonly onPolicy: (change: PolicyChange) => void;
  /** Called after each change of which something was told, when all of it was. */
  readonly onTold: () => void;
}

/** All of it, as it was told last. */
export interface KnownFacts {
  /** In order of their titles. */
  readonly policies: readonly KnownPolicy[];
  readonly pods: readonly PolicyPod[];
  readonly namespaces: readonly PolicyNamespace[];
  readonly nodes: readonly PolicyNode[];
}

/** What is of the API, or of the rulebook. */
type GivenFacts = Pick<ApiRecords, 'namespaces' | PolicyResource>;

/** What packets are judged by. */
export type FactResource = 'nodes' | 'pods' | keyof GivenFacts;

const noNodes: ReadonlyMap<string, ApiRecords['nodes']> = new Map();

export class PolicyFacts {
  readonly #options: PolicyFactsOptions;
  readonly #namespaces: ToldValues<PolicyNamespace>;
  readonly #apiPolicies: ApiPolicies;
  readonly #nodes: PolicyNodes;
  readonly #told: {
    readonly nodes: ToldValues<PolicyNode>;
    readonly pods: readonly ToldValues<PolicyPod>[];
  };
  readonly #ownPods: OwnPods;
  readonly #remotePods: RemotePods;
  #routes: readonly ResolvedRoute[] = [];
  #isAnythingTold = false;

  constructor(options: PolicyFactsOptions) {
    this.#options = options;
    const { own, pods, setOf, mayHave, kubernetes, listener } = options;
    const telling = <Value>(set: ToldValuesOptions<Value>['set'], remove: (key: string) => void): ToldValues<Value> =>
      new ToldValues<Value>({
        set: (value, before) => {
          this.#isAnythingTold = true;
          set(value, before);
        },
        remove: (key) => {
          this.#isAnythingTold = true;
          remove(key);
        },
      });
    const tellingPods = (): ToldValues<PolicyPod> =>
      telling<PolicyPod>(
        (pod) => listener.setPod(pod),
        (key) => listener.removePod(key),
      );
    this.#namespaces = telling<PolicyNamespace>(
      (namespace) => listener.setNamespace(namespace),
      (name) => listener.removeNamespace(name),
    );
    this.#apiPolicies = new ApiPolicies(
      telling<Policy>(
        (policy, before) => {
          listener.setPolicy(policy);
          this.#tellPolicy(titleOf(policy), before === undefined ? 'created' : 'changed');
        },
        (title) => {
          listener.removePolicy(title);
          this.#tellPolicy(title, 'deleted');
        },
      ),
    );
    const told = telling<PolicyNode>(
      (node) => listener.setNode(node),
      (name) => listener.removeNode(name),
    );
    const [ownPods, remotePods] = [tellingPods(), tellingPods()];
    this.#told = { nodes: told, pods: [ownPods, remotePods] };
    const apiNodes = (): typeof noNodes => kubernetes?.api.objectsOf('nodes') ?? noNodes;
    this.#nodes = new PolicyNodes({ own, apiNodes, mayHave, told });
    this.#ownPods = new OwnPods({ pods, podInApi: kubernetes?.pod, nodeName: own.name, told: ownPods });
    this.#remotePods = new RemotePods({
      setOf,
      mayHave,
      nodeNameOf: (identity) => this.#nodes.nameOf(identity),
      told: remotePods,
    });
  }

  /** Tells all that is known. @param members all, this node included. @param routes in use, in order of their prefixes */
  begin(members: readonly Member[], routes: readonly ResolvedRoute[]): void {
    this.#routes = routes;
    this.#round(() => {
      for (const resource of ['namespaces', ...policyResources] as const)
        this.#take(resource, [...this.#objectsOf(resource).keys()]);
      this.#nodes.follow(members.map((after) => ({ before: undefined, after })));
      this.#nodes.update();
      this.#ownPods.update();
      for (const { announcement } of members) this.#updateRemote(announcement.identity);
    });
  }

  /** Pods of these nodes are others in the directory. Those of this node are not taken from there. */
  directoryChanged(identities: readonly string[]): void {
    this.#round(() => {
      for (const identity of identities) this.#updateRemote(identity);
    });
  }

  /** Pods of this node came, or are gone, or have other labels. */
  ownPodsChanged(): void {
    this.#round(() => this.#ownPods.update());
  }

  membersChanged(changes: readonly MemberChange[]): void {
    this.#round(() => {
      for (const identity of this.#nodes.follow(changes)) this.#remotePods.reconsider(identity);
    });
  }

  /** @param routes in use, in order of their prefixes */
  routesChanged(routes: readonly ResolvedRoute[]): void {
    const prefixes = changedPrefixes(this.#routes, routes);
    this.#routes = routes;
    if (prefixes.length === 0) return;
    this.#round(() => {
      this.#nodes.reroute();
      this.#remotePods.reroute((address) => prefixes.some((prefix) => prefixContains(prefix, address)));
    });
  }

  /** Objects of the API, or of the rulebook, are others, as `ApiMirror.follow` tells it. */
  objectsChanged(resource: FactResource, keys: readonly string[]): void {
    if (keys.length > 0) this.#round(() => this.#take(resource, keys));
  }

  /** Whether there is any policy. */
  get hasPolicies(): boolean {
    return policyResources.some((resource) => this.#objectsOf(resource).size > 0);
  }

  /** Policies of which not all is understood, in order of their titles. */
  oddPolicies(): readonly OddPolicy[] {
    return this.#apiPolicies.odd();
  }

  /** All that packets are judged by. */
  known(): KnownFacts {
    const { nodes, pods } = this.#told;
    return {
      policies: this.#policies().toSorted((a, b) => compareTexts(titleOfKnown(a), titleOfKnown(b))),
      pods: pods.flatMap((told) => [...told.values()]),
      namespaces: [...this.#namespaces.values()],
      nodes: [...nodes.values()],
    };
  }

  #policies(): readonly KnownPolicy[] {
    const { given } = this.#options;
    const odd = new Map(this.oddPolicies().map((one) => [one.title, one]));
    return policyResources.flatMap((resource) =>
      [...this.#objectsOf(resource)].map(([key, policy]): KnownPolicy => {
        const found = odd.get(titleOf(policy));
        const state = found === undefined ? 'enforced' : found.isClosed ? 'closed' : 'partly';
        const known = { object: policy.object, state, problems: found?.problems ?? [] } as const;
        const at = given?.givenAt(resource, key);
        if (at === undefined) return { source: 'kubernetes', ...known };
        return { source: 'rulebook', given: { node: at.node, at: new Date(at.atMs).toISOString() }, ...known };
      }),
    );
  }

  #tellPolicy(title: string, change: PolicyChange['change']): void {
    const { given, onPolicy } = this.#options;
    // No name has a slash.
    const resource = title.includes('/') ? 'networkpolicies' : 'clusternetworkpolicies';
    const at = given?.givenAt(resource, title) ?? given?.deletedAt(resource, title);
    onPolicy({ title, change, source: given === undefined ? 'kubernetes' : 'rulebook', node: at?.node ?? '' });
  }

  #take(resource: FactResource, keys: readonly string[]): void {
    if (resource === 'nodes') for (const identity of this.#nodes.update()) this.#remotePods.reconsider(identity);
    else if (resource === 'pods') this.#ownPods.update();
    else if (resource === 'namespaces')
      for (const key of keys) this.#namespaces.put(key, this.#objectsOf('namespaces').get(key));
    else for (const key of keys) this.#apiPolicies.update(resource, key, this.#objectsOf(resource).get(key));
  }

  #objectsOf<Resource extends keyof GivenFacts>(resource: Resource): ReadonlyMap<string, GivenFacts[Resource]> {
    const { kubernetes, given } = this.#options;
    return kubernetes?.api.objectsOf(resource) ?? given?.objectsOf(resource) ?? new Map();
  }

  #updateRemote(identity: string): void {
    if (identity !== this.#options.own.identity) this.#remotePods.update(identity);
  }

  #round(work: () => void): void {
    this.#isAnythingTold = false;
    work();
    if (this.#isAnythingTold) this.#options.onTold();
  }
}

function titleOfKnown({ object: { metadata } }: KnownPolicy): string {
  return titleOf({ namespace: metadata.namespace ?? '', name: metadata.name });
}
