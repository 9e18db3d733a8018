/** What a check of a cluster tries, from the addresses of what it made. Pure. */
import { AGENT_PORT, type AgentOrder } from './check-agent.ts';
import { CheckPod, type CheckPodName, SERVICE_PORT } from './check-objects.ts';

/** What was made, and where it is. */
export interface CheckedCluster {
  readonly namespace: string;
  /** Addresses of pods; the pod `host` has those of its node. */
  readonly pods: ReadonlyMap<string, readonly string[]>;
  /** Addresses of services, by name. */
  readonly services: ReadonlyMap<string, readonly string[]>;
  /** Names of its nodes: that of the client, and another one, if there is one. */
  readonly near: string;
  readonly far?: string | undefined;
  /** An address outside of the cluster, and its port. */
  readonly outside?: { readonly address: string; readonly port: number } | undefined;
}

/** One thing that is tried, or why it is not. */
export interface PlannedCheck {
  /** `pod to pod, across nodes (n1 to n2)`. */
  readonly name: string;
  readonly family: 4 | 6;
  readonly step: CheckStep | { readonly skipped: string };
}

export interface CheckStep {
  /** The pod that carries it out. */
  readonly pod: CheckPodName;
  readonly order: AgentOrder;
  /** What has to be in the answer; absent: any will do. */
  readonly expected?: string;
  /** Whether a refusal is an answer, too: it came from there. */
  readonly mayRefuse?: true;
  /** What weft can explain if it fails: ends, and options of `weft explain`. Absent: nothing that it knows of. */
  readonly explain?: readonly string[];
}

/** Longest wait for an answer, in ms. Rules for a new service are there within a second or so. */
const TIMEOUT_MS = 8_000;

/** In the order in which they are told: from what everything else needs on. */
export function checksOf(cluster: CheckedCluster): PlannedCheck[] {
  const { near, far, outside } = cluster;
  const across = `across nodes (${near} to ${far ?? 'another'})`;
  const places = [
    { pod: CheckPod.near, where: `on one node (${near})` },
    { pod: CheckPod.far, where: across },
  ];
  return [
    ...places.flatMap(({ pod, where }) =>
      eachFamily(`pod to pod, ${where}`, (family) => toPod(cluster, 'tcp', pod, family)),
    ),
    ...places.flatMap(({ pod, where }) =>
      eachFamily(`largest packets unfragmented, ${where}`, (family) => toPod(cluster, 'udp', pod, family)),
    ),
    ...places.flatMap(({ pod, where }) =>
      eachFamily(`pod to service, backend ${where}`, (family) => toService(cluster, pod, family)),
    ),
    ...places.flatMap(({ pod, where }) =>
      eachFamily(`node to pod, ${where}`, (family) => toPod(cluster, 'tcp', pod, family, CheckPod.host)),
    ),
    ...eachFamily('name of a service (DNS)', (family) => toName(cluster, family)),
    ...(outside === undefined
      ? [{ name: 'pod to outside', family: 4 as const, step: { skipped: '--outside ADDRESS names no address' } }]
      : [toOutside(cluster, outside)]),
  ];
}

function eachFamily(name: string, step: (family: 4 | 6) => PlannedCheck['step']): PlannedCheck[] {
  return ([4, 6] as const).map((family) => ({ name, family, step: step(family) }));
}

function toPod(
  cluster: CheckedCluster,
  kind: 'tcp' | 'udp',
  pod: CheckPodName,
  family: 4 | 6,
  from: CheckPodName = CheckPod.client,
): PlannedCheck['step'] {
  if (pod === CheckPod.far && cluster.far === undefined) return { skipped: 'weft runs on one node only' };
  const target = ofFamily(cluster.pods.get(pod), family);
  // Where names of Nodes have dots, weft calls them by the part before the first one.
  const source = from === CheckPod.host ? cluster.near.split('.', 1)[0] : ofFamily(cluster.pods.get(from), family);
  if (target === undefined || source === undefined) return { skipped: `pods have no IPv${family} addresses` };
  return {
    pod: from,
    order: { kind, family, target, port: AGENT_PORT, timeoutMs: TIMEOUT_MS },
    // Hosts are called as their pods.
    ...(kind === 'tcp' && { expected: pod }),
    explain: explanation(source, target, kind, family),
  };
}

function toService(cluster: CheckedCluster, pod: CheckPodName, family: 4 | 6): PlannedCheck['step'] {
  if (pod === CheckPod.far && cluster.far === undefined) return { skipped: 'weft runs on one node only' };
  const target = ofFamily(cluster.services.get(pod), family);
  if (target === undefined) return { skipped: `services have no IPv${family} addresses` };
  const [source, backend] = [CheckPod.client, pod].map((name) => ofFamily(cluster.pods.get(name), family));
  return {
    pod: CheckPod.client,
    order: { kind: 'tcp', family, target, port: SERVICE_PORT, timeoutMs: TIMEOUT_MS },
    expected: pod,
    // Behind the service is the pod: who else turns the address of the one into that of the other is not weft.
    ...(source !== undefined && backend !== undefined && { explain: explanation(source, backend, 'tcp', family) }),
  };
}

function toName(cluster: CheckedCluster, family: 4 | 6): PlannedCheck['step'] {
  const address = ofFamily(cluster.services.get(CheckPod.near), family);
  if (address === undefined) return { skipped: `services have no IPv${family} addresses` };
  const target = `${CheckPod.near}.${cluster.namespace}.svc`;
  return {
    pod: CheckPod.client,
    order: { kind: 'dns', family, target, port: 0, timeoutMs: TIMEOUT_MS },
    expected: address,
  };
}

function toOutside(cluster: CheckedCluster, { address, port }: NonNullable<CheckedCluster['outside']>): PlannedCheck {
  const family = address.includes(':') ? 6 : 4;
  const name = `pod to outside (${address}, port ${port})`;
  const source = ofFamily(cluster.pods.get(CheckPod.client), family);
  if (source === undefined) return { name, family, step: { skipped: `pods have no IPv${family} addresses` } };
  const order = { kind: 'tcp', family, target: address, port, timeoutMs: TIMEOUT_MS } as const;
  const explain = [source, address, '--proto', 'tcp', '--dport', String(port), `-${family}`];
  return { name, family, step: { pod: CheckPod.client, order, mayRefuse: true, explain } };
}

function explanation(source: string, target: string, kind: 'tcp' | 'udp', family: 4 | 6): string[] {
  return [source, target, '--proto', kind, '--dport', String(AGENT_PORT), `-${family}`];
}

function ofFamily(addresses: readonly string[] = [], family: 4 | 6): string | undefined {
  return addresses.find((address) => address.includes(':') === (family === 6));
}
