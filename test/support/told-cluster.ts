/** A cluster as one node of it, n1, knows it; and what is told of it to whoever decides about packets. */
import { type FactResource, PolicyFacts } from '../../src/daemon/policy-facts/policy-facts.ts';
import type { AddressedPod } from '../../src/daemon/pods/announced-pods.ts';
import type { PodRecord } from '../../src/daemon/pods/pod-record.ts';
import type { DirectoryPod } from '../../src/directory/directory-pod.ts';
import { setOf } from '../../src/directory/own-pods.ts';
import type { PodSet } from '../../src/directory/pod-set.ts';
import {
  type ApiRecords,
  type ResourceName,
  type WatchedResource,
  watchedResources,
} from '../../src/kubernetes/watched-resource.ts';
import type { Announcement, Member, MemberState } from '../../src/membership/announcement.ts';
import type { PolicyNamespace, PolicyNode, PolicyPod } from '../../src/policy/cluster-facts.ts';
import { NodePlanner } from '../../src/policy/node-planner.ts';
import { type Policy, titleOf } from '../../src/policy/policy.ts';
import { longestMatch } from '../../src/routing/longest-match.ts';
import type { ResolvedRoute } from '../../src/routing/resolved-route.ts';
import { parseIpAddress } from '../../src/wire/address.ts';
import { comparePrefixes, prefixContains } from '../../src/wire/prefix.ts';
import { identityOf, memberOf, prefix } from './announcements.ts';

export interface ToldClusterOptions {
  readonly hasKubernetes?: boolean;
  /** Of the Node object of n1. */
  readonly nodeName?: string;
}

/** What is the case. */
class World {
  readonly members = new Map<number, Member>();
  readonly sets = new Map<string, PodSet>();
  readonly routes = new Map<string, string>();
  readonly own = new Map<string, AddressedPod>();
  readonly objects: { readonly [Name in ResourceName]: Map<string, ApiRecords[Name]> } = {
    nodes: new Map(),
    pods: new Map(),
    namespaces: new Map(),
    networkpolicies: new Map(),
    clusternetworkpolicies: new Map(),
    services: new Map(),
    endpointslices: new Map(),
  };
}

export class ToldCluster {
  readonly #world: World;
  readonly #options: ToldClusterOptions;
  readonly facts: PolicyFacts;
  readonly pods = new Map<string, PolicyPod>();
  readonly namespaces = new Map<string, PolicyNamespace>();
  readonly nodes = new Map<string, PolicyNode>();
  readonly policies = new Map<string, Policy>();
  /** Of policies: `shop/web created`. */
  readonly changes: string[] = [];
  /** What was told since it was last looked at: `+ pod KEY`, `- policy TITLE`. */
  readonly #news: string[] = [];
  rounds = 0;
  /** Hears the same. */
  readonly planner: NodePlanner;

  constructor(options: ToldClusterOptions = {}, world = new World()) {
    const { hasKubernetes = true, nodeName = 'n1' } = options;
    this.#options = options;
    this.#world = world;
    this.planner = new NodePlanner(nodeName);
    this.facts = new PolicyFacts({
      own: { identity: identityOf(1), name: nodeName },
      pods: () => [...this.#world.own.values()],
      setOf: (identity) => this.#world.sets.get(identity),
      mayHave: (identity, address) => {
        const route = this.routes[longestMatch(this.routes, address)];
        if (route !== undefined) return route.owner.identity === identity;
        const member = [...this.#world.members.values()].find(({ announcement }) => announcement.identity === identity);
        return member?.announcement.prefixes.some((one) => prefixContains(one, address)) === true;
      },
      ...(hasKubernetes && {
        kubernetes: {
          api: { objectsOf: (name) => world.objects[name] },
          pod: ({ namespace, name, uid }) => {
            const pod = world.objects.pods.get(`${namespace}/${name}`);
            return uid === undefined || pod?.uid === uid ? pod : undefined;
          },
        },
      }),
      listener: {
        setPod: (pod) => {
          this.#set('pod', this.pods, pod.key, pod);
          this.planner.setPod(pod);
        },
        removePod: (key) => {
          this.#remove('pod', this.pods, key);
          this.planner.removePod(key);
        },
        setNamespace: (namespace) => {
          this.#set('namespace', this.namespaces, namespace.name, namespace);
          this.planner.setNamespace(namespace);
        },
        removeNamespace: (name) => {
          this.#remove('namespace', this.namespaces, name);
          this.planner.removeNamespace(name);
        },
        setNode: (node) => {
          this.#set('node', this.nodes, node.name, node);
          this.planner.setNode(node);
        },
        removeNode: (name) => {
          this.#remove('node', this.nodes, name);
          this.planner.removeNode(name);
        },
        setPolicy: (policy) => {
          this.#set('policy', this.policies, titleOf(policy), policy);
          this.planner.setPolicy(policy);
        },
        removePolicy: (title) => {
          this.#remove('policy', this.policies, title);
          this.planner.removePolicy(title);
        },
      },
      onPolicy: ({ title, change }) => this.changes.push(`${title} ${change}`),
      onTold: () => this.rounds++,
    });
  }

  /** The same cluster, and somebody else who is told everything that is known now. */
  anew(): ToldCluster {
    const other = new ToldCluster(this.#options, this.#world);
    other.facts.begin([...this.#world.members.values()], this.routes);
    return other;
  }

  /** What was told since the last time, in order of the text. */
  news(): string[] {
    return this.#news.splice(0).toSorted();
  }

  get routes(): readonly ResolvedRoute[] {
    return Array.from(this.#world.routes, ([text, identity]): ResolvedRoute => {
      const owner = { kind: 'gossip', identity, name: '' } as const;
      return { network: 'default', prefix: prefix(text), owner, version: 1 };
    }).toSorted((a, b) => comparePrefixes(a.prefix, b.prefix));
  }

  /** Node `number` is a member, or another one than before. `undefined`: it is forgotten. */
  member(number: number, state: MemberState | undefined, change: Partial<Announcement> = {}): void {
    const before = this.#world.members.get(number);
    const after = state === undefined ? undefined : memberOf(number, change, state);
    if (after === undefined) this.#world.members.delete(number);
    else this.#world.members.set(number, after);
    if (before === undefined && after === undefined) return;
    this.facts.membersChanged([{ before, after }]);
    // As the directory does.
    if ((state === undefined || state === 'left') && this.#world.sets.delete(identityOf(number)))
      this.facts.directoryChanged([identityOf(number)]);
  }

  /** A prefix leads to node `number`. `undefined`: to none. */
  route(text: string, number: number | undefined): void {
    if (number === undefined) this.#world.routes.delete(text);
    else this.#world.routes.set(text, identityOf(number));
    this.facts.routesChanged(this.routes);
  }

  /** Node `number`, if it is a member, announces these pods. */
  announce(number: number, pods: readonly DirectoryPod[]): void {
    if ((this.#world.members.get(number)?.state ?? 'left') === 'left') return;
    this.#world.sets.set(identityOf(number), setOf(pods));
    this.facts.directoryChanged([identityOf(number)]);
  }

  /** A pod of this node, attached by a runtime for a Pod of Kubernetes. */
  attach(name: string, address: string, change: Partial<PodRecord> = {}): void {
    const attachment = { containerId: `c-${name}`, cniNetwork: 'weft', podUid: `u-${name}` };
    const record = { name, namespace: 'shop', network: 'default', phase: 'adding', attachment, ...change } as PodRecord;
    this.#world.own.set(name, { record, addresses: [parseIpAddress(address)!] });
    this.facts.ownPodsChanged();
  }

  detach(name: string): void {
    this.#world.own.delete(name);
    this.facts.ownPodsChanged();
  }

  /** An object of the API is this one. */
  object(resource: FactResource, object: object): void {
    const { read, keyOf } = watchedResources[resource] as WatchedResource<object>;
    const value = read(object)!;
    (this.#world.objects[resource] as Map<string, object>).set(keyOf(value), value);
    this.facts.objectsChanged(resource, [keyOf(value)]);
  }

  delete(resource: FactResource, key: string): void {
    this.#world.objects[resource].delete(key);
    this.facts.objectsChanged(resource, [key]);
  }

  #set<Value>(kind: string, all: Map<string, Value>, key: string, value: Value): void {
    all.set(key, value);
    this.#news.push(`+ ${kind} ${key}`);
  }

  #remove(kind: string, all: Map<string, unknown>, key: string): void {
    if (!all.delete(key)) throw new Error(`${kind} ${key} was removed, and never told`);
    this.#news.push(`- ${kind} ${key}`);
  }
}
