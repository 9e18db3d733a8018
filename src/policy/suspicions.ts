/**
 * What policies say that their authors hardly meant: nothing is wrong with it, and it does nothing, or more than one thinks. It is asked of
 * pods as they are now, so that it may be meant for others. A pod whose labels are not known may be any of them.
 */
import type { PolicyPod } from './cluster-facts.ts';
import type { ClusterView } from './cluster-view.ts';
import { type Direction, directions, type Policy, type PolicyPort, type PolicyRule, titleOf } from './policy.ts';
import { causeText, verdict } from './verdict.ts';

/** Something suspicious. */
export interface Suspicion {
  readonly kind: 'selects-nothing' | 'rule-never-matches' | 'port-unknown' | 'dns-denied';
  /** Title of the policy. */
  readonly policy: string;
  /** Where in its object: `spec.ingress[2].from[0]`. */
  readonly path: string;
  /** For people. */
  readonly text: string;
}

/** Label of the pods that answer DNS, whatever they are (kubeadm, kube-dns and CoreDNS of all distributions that are known). */
const DNS_LABEL = { key: 'k8s-app', value: 'kube-dns' } as const;
/** As these pods call their port, and what it is if they do not (RFC 1035, section 4.2.1). */
const DNS_PORT = { name: 'dns', port: 53 } as const;

/** @param pods all; those with the network of their node count for nothing here */
export function suspicionsOf(
  policies: readonly Policy[],
  pods: readonly PolicyPod[],
  cluster: ClusterView,
): readonly Suspicion[] {
  const own = pods.filter(({ hostNetwork }) => !hostNetwork);
  return [
    ...policies.flatMap((policy) => suspicionsOfPolicy(policy, own, cluster)),
    ...deniedNames(policies, own, cluster),
  ];
}

function suspicionsOfPolicy(policy: Policy, pods: readonly PolicyPod[], cluster: ClusterView): readonly Suspicion[] {
  const title = titleOf(policy);
  const selected = pods.filter((pod) => cluster.isSelected(pod, policy.subject) !== false);
  if (selected.length === 0) {
    const path = policy.namespace === '' ? 'spec.subject' : 'spec.podSelector';
    return [
      { kind: 'selects-nothing', policy: title, path, text: 'no pod is selected, so that the policy does nothing' },
    ];
  }
  return directions.flatMap((direction) =>
    policy[direction].flatMap((rule): readonly Suspicion[] => {
      const { peer } = rule;
      const path = `spec.${rule.place}`;
      const peers = peer.kind === 'pods' ? pods.filter((pod) => cluster.isSelected(pod, peer.pods) !== false) : pods;
      if (peer.kind === 'pods' && peers.length === 0) {
        const text = 'no pod is selected, so that the rule never matches';
        return [{ kind: 'rule-never-matches', policy: title, path, text }];
      }
      return unknownPorts(rule, direction === 'ingress' ? selected : peers).map((name) => {
        const who = direction === 'ingress' ? 'that the policy selects' : 'that the rule means';
        return { kind: 'port-unknown', policy: title, path, text: `no pod ${who} has a port ${JSON.stringify(name)}` };
      });
    }),
  );
}

/** Names of ports that none of these pods has. */
function unknownPorts({ ports = [] }: PolicyRule, pods: readonly PolicyPod[]): readonly string[] {
  const isThere = (port: PolicyPort & { readonly kind: 'name' }): boolean =>
    pods.some((pod) =>
      pod.ports.some(({ name, protocol }) => name === port.name && protocol === (port.protocol ?? protocol)),
    );
  return ports.flatMap((port) => (port.kind === 'name' && !isThere(port) ? port.name : []));
}

/** Pods that reach none of those that answer DNS, by what denies it. */
function deniedNames(
  policies: readonly Policy[],
  pods: readonly PolicyPod[],
  cluster: ClusterView,
): readonly Suspicion[] {
  const servers = pods.filter(({ labels }) => labels?.[DNS_LABEL.key] === DNS_LABEL.value);
  if (servers.length === 0 || policies.length === 0) return [];
  const denials = pods
    .filter((pod) => !servers.includes(pod))
    .flatMap((pod) => {
      const judged = servers.map((server) => judgeQuestion(pod, server, cluster));
      return judged.every((denial) => denial !== undefined) ? { pod, denial: judged[0]! } : [];
    });
  const byPolicy = Map.groupBy(denials, ({ denial }) => `${denial.direction} ${denial.policy}`);
  return [...byPolicy.values()].map((those): Suspicion => {
    const [{ pod, denial }] = those as [(typeof those)[0]];
    const others = those.length === 1 ? '' : ` and ${those.length - 1} more`;
    const text = `DNS is denied to ${pod.key}${others}: ${denial.text}`;
    return { kind: 'dns-denied', policy: denial.policy, path: `spec.${denial.direction}`, text };
  });
}

interface Denial {
  /** That denies it, or the first of those that isolate. */
  readonly policy: string;
  readonly direction: Direction;
  readonly text: string;
}

/** `undefined`: a question would be let through, or cannot be sent. */
function judgeQuestion(pod: PolicyPod, server: PolicyPod, cluster: ClusterView): Denial | undefined {
  const destination = server.addresses[0];
  const source = pod.addresses.find(({ family }) => family === destination?.family);
  if (source === undefined || destination === undefined) return undefined;
  const named = server.ports.find(({ name, protocol }) => name === DNS_PORT.name && protocol === 'UDP');
  const flow = { source, destination, protocol: 'UDP', port: named?.port ?? DNS_PORT.port } as const;
  const judged = verdict(flow, cluster);
  const direction = directions.toReversed().find((one) => !judged[one].isAllowed);
  if (direction === undefined) return undefined;
  const { cause } = judged[direction];
  const port = `UDP port ${flow.port} of ${server.key}`;
  if (cause.kind === 'rule') return { policy: cause.policy, direction, text: `${causeText(cause)} denies ${port}` };
  // What is denied as labels are not known is no fault of a policy.
  if (cause.kind !== 'isolated') return undefined;
  return { policy: cause.policies[0]!, direction, text: `no rule for ${direction} allows ${port}` };
}
