/** Objects of the rulebook as those of the Kubernetes API are had: read once, and found by their names. */
import { readNamespace } from '../../kubernetes/api-object.ts';
import { type ApiPolicy, readClusterNetworkPolicy, readNetworkPolicy } from '../../kubernetes/api-policy.ts';
import type { ApiRecords } from '../../kubernetes/watched-resource.ts';
import type { RulebookEntry, RulebookKind } from '../../rulebook/entry.ts';
import { readService } from '../../services/read-service.ts';
import type { ServiceRecord } from '../../services/service-record.ts';
import { type UnreadableService, unreadableService } from '../../services/unreadable-service.ts';

/** What the records of each resource are that the rulebook has objects of. */
interface GivenRecords extends Pick<ApiRecords, 'namespaces' | 'networkpolicies' | 'clusternetworkpolicies'> {
  readonly services: ServiceRecord;
}

export type GivenResource = keyof GivenRecords;

/** Where an object was given, and when. */
export interface GivenAt {
  /** Name of the node. */
  readonly node: string;
  readonly atMs: number;
}

const resources: Readonly<Record<RulebookKind, GivenResource>> = {
  Namespace: 'namespaces',
  NetworkPolicy: 'networkpolicies',
  ClusterNetworkPolicy: 'clusternetworkpolicies',
  Service: 'services',
};

export class RulebookObjects {
  readonly #objects: { readonly [Resource in GivenResource]: Map<string, GivenRecords[Resource]> } = {
    namespaces: new Map(),
    networkpolicies: new Map(),
    clusternetworkpolicies: new Map(),
    services: new Map(),
  };
  readonly #unreadable = new Map<string, UnreadableService>();
  readonly #given = new Map<string, GivenAt>();
  /** Those that the last update took away: where they were deleted. */
  readonly #deleted = new Map<string, GivenAt>();

  constructor(entries: readonly RulebookEntry[]) {
    this.update(entries);
  }

  /** By `NAMESPACE/NAME`, or the name. */
  objectsOf<Resource extends GivenResource>(resource: Resource): ReadonlyMap<string, GivenRecords[Resource]> {
    return this.#objects[resource];
  }

  /** @param key as in {@link objectsOf} */
  givenAt(resource: GivenResource, key: string): GivenAt | undefined {
    return this.#given.get(`${resource} ${key}`);
  }

  /** Where an object was deleted that the last update took away. */
  deletedAt(resource: GivenResource, key: string): GivenAt | undefined {
    return this.#deleted.get(`${resource} ${key}`);
  }

  /** Services that were given at a node of a later version. By `NAMESPACE/NAME`. */
  get unreadableServices(): ReadonlyMap<string, UnreadableService> {
    return this.#unreadable;
  }

  /** All services that addresses and node ports are assigned to, whether they can be read or not. By `NAMESPACE/NAME`. */
  assignedServices(): ReadonlyMap<string, ServiceRecord> {
    const unreadable = [...this.#unreadable].map(([key, { holder }]) => [key, holder] as const);
    return new Map([...unreadable, ...this.#objects.services]);
  }

  /** Takes entries that are others now. @returns which objects, by their resources */
  update(entries: readonly RulebookEntry[]): ReadonlyMap<GivenResource, readonly string[]> {
    const changed = new Map<GivenResource, string[]>();
    this.#deleted.clear();
    for (const entry of entries) {
      const resource = resources[entry.kind];
      const key = entry.namespace === '' ? entry.name : `${entry.namespace}/${entry.name}`;
      const given = `${resource} ${key}`;
      const objects = this.#objects[resource] as Map<string, GivenRecords[GivenResource]>;
      const object: unknown = entry.object === undefined ? undefined : JSON.parse(entry.object);
      const record = object === undefined ? undefined : read(entry, object);
      if (entry.kind === 'Service') this.#noteUnreadable(entry, key, object);
      if (record === undefined) objects.delete(key);
      else objects.set(key, record);
      this.#given.delete(given);
      const places = record === undefined ? this.#deleted : this.#given;
      places.set(given, { node: entry.origin, atMs: entry.version });
      changed.set(resource, [...(changed.get(resource) ?? []), key]);
    }
    return changed;
  }

  #noteUnreadable(entry: RulebookEntry, key: string, object: unknown): void {
    const unreadable = object === undefined ? undefined : unreadableService(entry, object);
    if (unreadable === undefined) this.#unreadable.delete(key);
    else this.#unreadable.set(key, unreadable);
  }
}

function read(entry: RulebookEntry, object: unknown): GivenRecords[GivenResource] | undefined {
  if (entry.kind === 'Namespace') return readNamespace(object);
  // One that cannot be read is kept as such.
  if (entry.kind === 'Service') return readService(object).service;
  const reader = entry.kind === 'NetworkPolicy' ? readNetworkPolicy : readClusterNetworkPolicy;
  return reader(object) ?? withoutMetadata(entry, object, reader);
}

/** What is odd beside its name is no reason to forget a policy: it would allow what it denies. */
function withoutMetadata(
  { namespace, name }: RulebookEntry,
  object: unknown,
  reader: (object: unknown) => ApiPolicy | undefined,
): ApiPolicy | undefined {
  const { spec } = Object(object) as { readonly spec?: unknown };
  const bare = reader({ metadata: { name, ...(namespace !== '' && { namespace }) }, spec });
  return bare && { ...bare, omission: 'its apiVersion or its metadata cannot be read' };
}
