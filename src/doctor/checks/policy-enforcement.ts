/** Whether the kernel of this node enforces the network policies that there are. */
import { POLICY_TABLE, titleOf } from '../../linux/nftables.ts';
import { byDoctor, byHand, type DaemonCheck, type FindingKinds, found } from '../check.ts';
import type { Difference, Remark } from '../facts.ts';
import type { Finding } from '../finding.ts';

const finds: FindingKinds = {
  'policy-not-enforced': {
    severity: 'error',
    title: 'network policies are not enforced on this node as they are now',
    cause:
      'somebody removed or changed their rules, nftables of this kernel is missing or incomplete, the daemon may not change it, or weft has a bug, which the evidence names',
    follows: ['resources-short', 'program-missing'],
  },
  'policies-unknown': {
    severity: 'error',
    title: 'this node has not heard yet which network policies there are',
    cause:
      'the Kubernetes API does not answer since the daemon started, or does not let weft see them; without Kubernetes, `rulebook.json` of this node cannot be read, or others hold policies, and no other node has told all of them',
    follows: ['kubernetes-away', 'kubernetes-policies-unwatched'],
  },
  'policies-unasked': {
    severity: 'note',
    title: 'network policies that Kubernetes may have are not enforced on this node, as its API is not asked',
    cause: 'kubernetes.enabled is off, and a kubelet has pods here',
  },
  'policy-too-many-rules': {
    severity: 'error',
    title: 'pods of this node are isolated, as there is no room for all rules of their network policies',
    cause: 'policies with very many peers and ports, which select pods of this node',
  },
};

/** Pods that are named. */
const MAX_NAMED = 5;

export const policyEnforcement: DaemonCheck = {
  subject: 'network policies in the kernel of this node',
  needs: 'daemon',
  looksAt: ['kernel'],
  finds,
  look: ({ daemon: { notices, differences, unaskedPods = [] } }) => {
    const saying = (code: string): string[] => notices.filter((one) => one.code === code).map(messageOf);
    const changed = differences.filter(isOfPolicies).map(messageOf);
    return [
      ...notEnforced(saying('policy-not-enforced'), changed),
      ...findingOf(
        'policies-unknown',
        saying('policies-unknown'),
        'have the API answer, and give weft the right to list and watch policies (the ClusterRole of this version); without Kubernetes, have a node that knows the policies reach this one',
        'weft status',
        'kubectl auth can-i list networkpolicies.networking.k8s.io --as system:serviceaccount:weft:weft',
      ),
      ...findingOf(
        'policies-unasked',
        unaskedPods.length === 0 ? [] : [`pods of Kubernetes on this node: ${someOf(unaskedPods)}`],
        'if there are policies, have the daemon ask the API (kubernetes.enabled, kubernetes.kubeconfig); see docs/kubernetes.md',
        'kubectl get networkpolicies --all-namespaces',
      ),
      ...findingOf(
        'policy-too-many-rules',
        saying('policy-too-many-rules'),
        'have fewer peers and ports in these policies: select pods by labels, and join prefixes and ports to ranges',
        'weft status',
      ),
    ];
  },
};

/** Whether it is about weft's table of network policies. */
export function isOfPolicies({ subject }: Difference): boolean {
  return subject === titleOf(POLICY_TABLE);
}

function notEnforced(refused: readonly string[], changed: readonly string[]): Finding[] {
  if (refused.length + changed.length === 0) return [];
  const fix =
    refused.length === 0
      ? byDoctor('weft puts it right by itself within a minute; --fix does at once, and so does', 'weft audit')
      : byHand('see what the evidence says; if it is the kernel, load the modules', 'modprobe -a nf_tables nft_ct');
  return [found(finds, 'policy-not-enforced', [...refused, ...changed], fix)];
}

function findingOf(id: string, evidence: readonly string[], text: string, ...commands: readonly string[]): Finding[] {
  return evidence.length === 0 ? [] : [found(finds, id, evidence, byHand(text, ...commands))];
}

function someOf(titles: readonly string[]): string {
  const named = titles.slice(0, MAX_NAMED).join(', ');
  return titles.length > MAX_NAMED ? `${named} and ${titles.length - MAX_NAMED} more` : named;
}

function messageOf({ message }: Pick<Remark, 'message'>): string {
  return message;
}
