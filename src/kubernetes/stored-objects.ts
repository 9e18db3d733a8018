/** What was last known of the API, as it is kept over a restart: a daemon goes by it while the API is away. */
import * as v from 'valibot';
import { isPodPort, type PodPort } from '../directory/pod-port.ts';
import { apiEndpointSlice } from './api-endpoint-slice.ts';
import { type ApiPolicy, readClusterNetworkPolicy, readNetworkPolicy } from './api-policy.ts';
import { apiService } from './api-service.ts';
import type { ApiRecords, ResourceName } from './watched-resource.ts';

/** The objects of resources. Absent: it is not known which there are. */
export type ApiObjects = { readonly [Name in ResourceName]?: readonly ApiRecords[Name][] | undefined };

/** What is kept. */
export interface StoredObjects extends ApiObjects {
  /** When the API last confirmed it, ISO 8601. */
  readonly time: string;
  /** Of the own Node object. A state of another name is none. */
  readonly nodeName: string;
}

const strings = v.array(v.string());
const labels = v.record(v.string(), v.string());

const node = v.object({
  name: v.string(),
  uid: v.string(),
  labels: v.optional(labels, {}),
  podCidrs: strings,
  addresses: strings,
  networkUnavailable: v.string(),
  networkUnavailableReason: v.string(),
});

const port = v.custom<PodPort>((value) => isPodPort(Object(value) as Record<keyof PodPort, unknown>));

const pod = v.object({
  namespace: v.string(),
  name: v.string(),
  uid: v.string(),
  runtimeUid: v.string(),
  labels,
  hostNetwork: v.boolean(),
  phase: v.string(),
  addresses: strings,
  ports: v.optional(v.array(port), []),
  // An earlier version stored none, or not whether these are all.
  hasMorePorts: v.optional(v.boolean(), true),
  isEnding: v.boolean(),
});

const storedPolicy = v.object({ object: v.unknown(), omission: v.string() });

const stored = v.object({
  time: v.string(),
  nodeName: v.string(),
  nodes: v.optional(v.array(node)),
  pods: v.optional(v.array(pod)),
  namespaces: v.optional(v.array(v.object({ name: v.string(), labels }))),
  networkpolicies: v.optional(v.array(storedPolicy)),
  clusternetworkpolicies: v.optional(v.array(storedPolicy)),
  services: v.optional(v.array(apiService)),
  endpointslices: v.optional(v.array(apiEndpointSlice)),
});

/** `undefined`: nothing was stored, something else, or what another node knew. */
export function parseStoredObjects(document: unknown, nodeName: string): StoredObjects | undefined {
  const result = v.safeParse(stored, document);
  if (!result.success || result.output.nodeName !== nodeName) return undefined;
  const { networkpolicies, clusternetworkpolicies, ...rest } = result.output;
  return {
    ...rest,
    networkpolicies: networkpolicies?.flatMap((kept) => withOmission(readNetworkPolicy(kept.object), kept)),
    clusternetworkpolicies: clusternetworkpolicies?.flatMap((kept) =>
      withOmission(readClusterNetworkPolicy(kept.object), kept),
    ),
  };
}

/** What was left out once is not in the object any more. */
function withOmission(policy: ApiPolicy | undefined, { omission }: Pick<ApiPolicy, 'omission'>): readonly ApiPolicy[] {
  return policy === undefined ? [] : [{ ...policy, omission }];
}
