/**
 * The cluster that policies are measured in, as objects of the Kubernetes API and pods of the directory: 50 namespaces of 100 pods and 20
 * policies. Pure: the same index gives the same pod.
 *
 * Policies are what people write: all is denied in a namespace but what is allowed; DNS and metrics for all; who may ask an application, by
 * labels of pods and of namespaces, by names and numbers of ports; and whom it may ask, outside of the cluster, too.
 */
import { createHash } from 'node:crypto';
import type { DirectoryPod } from '../../src/directory/directory-pod.ts';
import { parseIpAddress } from '../../src/wire/address.ts';

export const NAMESPACES = 50;

/** Of each namespace. */
export const APPLICATIONS = 10;

export const POLICIES = 1_000;

/** Of each node. A kubelet takes 110, unless it is told otherwise. */
export const PODS_PER_NODE = 200;

export const PODS = 5_000;

/** Other nodes, by which the rest of the pods are announced. */
export const OTHER_NODES = PODS / PODS_PER_NODE - 1;

/** Prefixes that contain those of all nodes. */
export const CLUSTER_PREFIXES = ['10.64.0.0/16', 'fd00:64::/48'] as const;

/** A prefix of IPv4 has so many of 256 addresses: freed ones rest for a minute, and pods are made while others rest. */
const NETWORKS_OF_NODE = 4;

/** Of node `node`; 0 is the one that is measured. With room for pods that come while it is. */
export function nodePrefixes(node: number): readonly [string, string] {
  return [`10.64.${node * NETWORKS_OF_NODE}.0/22`, `fd00:64:0:${node.toString(16)}::/64`];
}

/** Of a node itself. */
export function nodeAddresses(node: number): readonly [string, string] {
  return [`10.64.${node * NETWORKS_OF_NODE}.1`, `fd00:64:0:${node.toString(16)}::1`];
}

export type Labels = Readonly<Record<string, string>>;

/** A pod, as whoever made it says it. */
export interface ClusterPod {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Labels;
}

/** Of ports that containers name. */
export const ports = [
  { name: 'http', protocol: 'TCP', port: 8_080 },
  { name: 'metrics', protocol: 'TCP', port: 9_090 },
] as const;

const environments = ['production', 'staging', 'development'] as const;

export function namespaceLabels(namespace: number): Labels {
  return {
    'kubernetes.io/metadata.name': namespaceName(namespace),
    team: `team-${namespace % 10}`,
    environment: environments[namespace % environments.length]!,
  };
}

export function namespaceName(namespace: number): string {
  return `shop-${namespace}`;
}

/** Pod `serial` of node `node`: those of a node are spread over all namespaces, and those of a namespace over all applications. */
export function clusterPod(node: number, serial: number): ClusterPod {
  const index = node * PODS_PER_NODE + serial;
  const application = Math.floor(index / NAMESPACES) % APPLICATIONS;
  const hash = createHash('sha256').update(`pod ${node} ${serial}`).digest('hex');
  return {
    namespace: namespaceName(index % NAMESPACES),
    name: `service-${application}-${hash.slice(0, 10)}-${hash.slice(10, 15)}`,
    labels: {
      app: `service-${application}`,
      tier: application < 3 ? 'backend' : 'frontend',
      'pod-template-hash': hash.slice(0, 10),
    },
  };
}

/** All pods of a node, as it announces them. @param labels of each, in the place of its own */
export function announcedPods(node: number, labels: readonly Labels[] = []): DirectoryPod[] {
  return Array.from({ length: PODS_PER_NODE }, (_, serial) => {
    const pod = clusterPod(node, serial);
    // Behind the address of the node itself.
    const host = serial + 2;
    const addresses = [
      `10.64.${node * NETWORKS_OF_NODE + (host >> 8)}.${host & 0xff}`,
      `fd00:64:0:${node.toString(16)}::${host.toString(16)}`,
    ].map((text) => parseIpAddress(text)!);
    return {
      ...pod,
      labels: { ...pod.labels, ...labels[serial] },
      addresses,
      hasMoreLabels: false,
      ports,
      hasMorePorts: false,
      isSuperseded: false,
    };
  });
}

export interface PolicyObject {
  readonly apiVersion: string;
  readonly kind: 'NetworkPolicy';
  readonly metadata: { readonly namespace: string; readonly name: string };
  readonly spec: object;
}

/** NetworkPolicy `index`, as an object of the API. @param revision another one has other rules. */
export function policyObject(index: number, revision = 0): PolicyObject {
  const namespace = index % NAMESPACES;
  const kind = Math.floor(index / NAMESPACES);
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { namespace: namespaceName(namespace), name: `policy-${kind}` },
    spec: policySpec(kind, namespace, revision),
  };
}

function policySpec(kind: number, namespace: number, revision: number): object {
  if (kind === 0) return { podSelector: {}, policyTypes: ['Ingress', 'Egress'] };
  if (kind === 1) return dnsSpec();
  if (kind === 2) return metricsSpec();
  if (kind < 3 + APPLICATIONS) return ingressSpec(kind - 3, namespace, revision);
  return egressSpec(kind - 3 - APPLICATIONS, namespace, revision);
}

function dnsSpec(): object {
  const to = [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespaceName(0) } } }];
  const dns = ['UDP', 'TCP'].map((protocol) => ({ protocol, port: 53 }));
  return { podSelector: {}, policyTypes: ['Egress'], egress: [{ to, ports: dns }] };
}

function metricsSpec(): object {
  const from = [
    { namespaceSelector: { matchLabels: { team: 'team-1' } }, podSelector: { matchLabels: { app: 'service-0' } } },
  ];
  return {
    podSelector: {},
    policyTypes: ['Ingress'],
    ingress: [{ from, ports: [{ protocol: 'TCP', port: 'metrics' }] }],
  };
}

/** Who may ask an application. */
function ingressSpec(application: number, namespace: number, revision: number): object {
  const callers = [1, 2].map((step) => `service-${(application + step) % APPLICATIONS}`);
  const near = { podSelector: { matchExpressions: [{ key: 'app', operator: 'In', values: callers }] } };
  const far = {
    namespaceSelector: { matchLabels: { team: `team-${(namespace + application) % 10}` } },
    podSelector: { matchLabels: { tier: 'frontend' } },
  };
  const office = {
    ipBlock: { cidr: `10.${128 + application}.0.0/16`, except: [`10.${128 + application}.${namespace}.0/24`] },
  };
  return {
    podSelector: { matchLabels: { app: `service-${application}` } },
    policyTypes: ['Ingress'],
    ingress: [
      { from: [near, far], ports: [{ protocol: 'TCP', port: 'http' }] },
      {
        from: [office],
        ports: [
          { protocol: 'TCP', port: 8_443 + revision },
          { protocol: 'TCP', port: 9_000, endPort: 9_010 },
        ],
      },
    ],
  };
}

/** Whom the application may ask, of those that have such a policy. */
function egressSpec(application: number, namespace: number, revision: number): object {
  const near = { podSelector: { matchExpressions: [{ key: 'tier', operator: 'NotIn', values: ['frontend'] }] } };
  const far = {
    namespaceSelector: { matchLabels: { environment: environments[(namespace + application) % environments.length]! } },
    podSelector: { matchLabels: { app: `service-${application}` } },
  };
  const world = { ipBlock: { cidr: '0.0.0.0/0', except: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'] } };
  return {
    podSelector: { matchLabels: { app: `service-${application}` } },
    policyTypes: ['Egress'],
    egress: [
      { to: [near, far], ports: [{ protocol: 'TCP', port: 'http' }] },
      { to: [world], ports: [{ protocol: 'TCP', port: 443 + revision }] },
    ],
  };
}
