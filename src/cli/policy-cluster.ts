/** Policies of a running cluster, and those whom they are about, as its daemon knows them. */
import type { PolicedPod, KnownPolicy, PolicyReport } from '../api/policy-api.ts';
import type { PolicyNamespace, PolicyNode, PolicyPod } from '../policy/cluster-facts.ts';
import { closedClusterNetworkPolicy, closedNetworkPolicy } from '../policy/closed-policy.ts';
import type { Policy } from '../policy/policy.ts';
import { readPolicy } from '../policy/read-policy.ts';
import { type IpAddress, parseIpAddress } from '../wire/address.ts';
import type { FileRemark } from './policy-files.ts';

export interface RunningCluster {
  /** As nodes enforce them: those that cannot be read are closed. In order of their titles. */
  readonly policies: readonly Policy[];
  /** In order of namespaces and names. */
  readonly pods: readonly PolicyPod[];
  readonly namespaces: readonly PolicyNamespace[];
  readonly nodes: readonly PolicyNode[];
  /** What is wrong with policies. */
  readonly remarks: readonly FileRemark[];
  /** Why it may be otherwise. */
  readonly notices: readonly FileRemark[];
}

/** `web-2` comes before `web-10`. */
const byName = new Intl.Collator('en', { numeric: true });

export function runningCluster(report: PolicyReport): RunningCluster {
  const { policies, namespaces, nodes, notices } = report;
  return {
    policies: policies.flatMap((policy) => enforcedPolicy(policy) ?? []),
    pods: podsOf(report),
    namespaces,
    nodes: nodes.map(({ name, labels, underlayAddresses, overlayAddresses }) => ({
      name,
      labels,
      underlayAddresses: addressesOf(underlayAddresses),
      overlayAddresses: addressesOf(overlayAddresses),
    })),
    remarks: policies.flatMap(remarksOf),
    notices: notices.map(({ message }) => ({ severity: 'warning', place: '', policy: '', text: message })),
  };
}

/** What nodes enforce of a policy; `undefined`: nothing, as not even its name can be read. */
export function enforcedPolicy({ object, state }: KnownPolicy): Policy | undefined {
  const read = state === 'closed' ? undefined : readPolicy(object).policy;
  return read ?? (object.kind === 'NetworkPolicy' ? closedNetworkPolicy(object) : closedClusterNetworkPolicy(object));
}

/** `shop/web`, or `web` of a policy of the whole cluster. */
export function titleOfKnown({ object: { metadata } }: Pick<KnownPolicy, 'object'>): string {
  return [metadata.namespace ?? '', metadata.name].filter((word) => word !== '').join('/');
}

function remarksOf(policy: KnownPolicy): readonly FileRemark[] {
  const severity = policy.state === 'closed' ? 'error' : 'warning';
  return policy.problems.map((text) => ({ severity, place: '', policy: titleOfKnown(policy), text }));
}

/** Two nodes may have a pod of the same name for a while. */
function podsOf({ pods }: PolicyReport): readonly PolicyPod[] {
  const titles = pods.map(({ namespace, name }) => `${namespace}/${name}`);
  const seen = new Map<string, number>();
  for (const title of titles) seen.set(title, (seen.get(title) ?? 0) + 1);
  const read = pods.map((pod, at): PolicyPod => {
    const title = titles[at]!;
    return readPod(pod, seen.get(title) === 1 ? title : `${title} (${[pod.node, ...pod.addresses].join(', ')})`);
  });
  return read.sort((a, b) => byName.compare(a.key, b.key));
}

function readPod(pod: PolicedPod, key: string): PolicyPod {
  const { node, namespace, name, labels, addresses, ports, hasMorePorts, hostNetwork } = pod;
  return {
    key,
    namespace,
    name,
    labels: labels ?? undefined,
    addresses: addressesOf(addresses),
    nodeName: node,
    hostNetwork,
    ports,
    hasMorePorts,
  };
}

function addressesOf(texts: readonly string[]): readonly IpAddress[] {
  return texts.flatMap((text) => parseIpAddress(text) ?? []);
}
