/** Pods that policies keep from DNS. It is found step by step, see `suspicions.ts`. */
import type { PolicyPod } from './cluster-facts.ts';
import type { ClusterView } from './cluster-view.ts';
import { type Direction, directions } from './policy.ts';
import type { Steps, Suspicion } from './suspicions.ts';
import { causeText, verdict } from './verdict.ts';

/** That a pod reaches none of those that answer DNS. */
export interface NameDenial {
  /** `shop/web` */
  readonly pod: string;
  /** That denies it, or the first of those that isolate. */
  readonly policy: string;
  readonly direction: Direction;
  /** What denies a question to the first of those that answer. */
  readonly why: string;
  /** Whether the pod may begin something else: then it is the names of others that it lacks, and not the others. */
  readonly beginsOthers: boolean;
}

/** Label of the pods that answer DNS, whatever they are (kubeadm, kube-dns and CoreDNS of all distributions that are known). */
const DNS_LABEL = { key: 'k8s-app', value: 'kube-dns' } as const;
/** As these pods call their port, and what it is if they do not (RFC 1035, section 4.2.1). */
const DNS_PORT = { name: 'dns', port: 53 } as const;

/** Whether a pod is one of those that answer DNS for the cluster. */
export function answersNames({ labels }: PolicyPod): boolean {
  return labels?.[DNS_LABEL.key] === DNS_LABEL.value;
}

/** @param servers that answer DNS; none: nothing is known of it, and nobody is kept from it */
export function* deniedNames(
  pods: Iterable<PolicyPod>,
  servers: readonly PolicyPod[],
  cluster: ClusterView,
): Steps<NameDenial> {
  if (servers.length === 0) return;
  for (const pod of pods) {
    let first: NameDenial | undefined;
    for (const server of answersNames(pod) ? [] : servers) {
      // Any pod may say that it answers DNS: there may be thousands.
      yield undefined;
      const denial = judgeQuestion(pod, server, cluster);
      first = denial && (first ?? denial);
      if (denial === undefined) break;
    }
    yield first;
  }
}

/** One for each policy and direction. */
export function nameSuspicions(denials: readonly NameDenial[]): readonly Suspicion[] {
  const byPolicy = Map.groupBy(denials, ({ direction, policy }) => `${direction} ${policy}`);
  return [...byPolicy.values()].map((those): Suspicion => {
    const [{ pod, policy, direction, why }] = those as [NameDenial];
    const others = those.length === 1 ? '' : ` and ${those.length - 1} more`;
    return {
      kind: 'dns-denied',
      policy,
      path: `spec.${direction}`,
      text: `DNS is denied to ${pod}${others}: ${why}`,
    };
  });
}

/** `undefined`: a question would be let through, or cannot be sent. */
function judgeQuestion(pod: PolicyPod, server: PolicyPod, cluster: ClusterView): NameDenial | undefined {
  const destination = server.addresses[0];
  const source = pod.addresses.find(({ family }) => family === destination?.family);
  if (source === undefined || destination === undefined) return undefined;
  const named = server.ports.find(({ name, protocol }) => name === DNS_PORT.name && protocol === 'UDP');
  const flow = { source, destination, protocol: 'UDP', port: named?.port ?? DNS_PORT.port } as const;
  const judged = verdict(flow, cluster);
  const direction = directions.toReversed().find((one) => !judged[one].isAllowed);
  if (direction === undefined) return undefined;
  const { cause } = judged[direction];
  const port = `UDP port ${flow.port} of ${titled(server)}`;
  const found = { pod: titled(pod), direction };
  if (cause.kind === 'rule')
    return { ...found, policy: cause.policy, why: `${causeText(cause)} denies ${port}`, beginsOthers: true };
  // What is denied as labels are not known is no fault of a policy.
  if (cause.kind !== 'isolated') return undefined;
  const why = `no rule for ${direction} allows ${port}`;
  const beginsOthers = direction === 'ingress' || mayBegin(pod, cluster);
  return { ...found, policy: cause.policies[0]!, why, beginsOthers };
}

/** Whether any rule allows it to begin anything. */
function mayBegin(pod: PolicyPod, cluster: ClusterView): boolean {
  return cluster
    .policiesFor(pod, 'egress')
    .flatMap(({ egress }) => egress)
    .some(({ action, peer, ports }) => action === 'allow' && peer.kind !== 'none' && ports?.length !== 0);
}

function titled({ namespace, name }: PolicyPod): string {
  return `${namespace}/${name}`;
}
