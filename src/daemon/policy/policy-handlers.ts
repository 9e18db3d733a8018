/** What a node knows of policies, for who asks. What follows from it, whoever asks works out: thousands of pods would keep gossip waiting. */
import type { Notice } from '../../api/control-api.ts';
import type { PolicedPod, PolicyReport } from '../../api/policy-api.ts';
import { ConflictError } from '../../errors.ts';
import type { ApiPod } from '../../kubernetes/api-object.ts';
import type { PolicyPod } from '../../policy/cluster-facts.ts';
import { formatIpAddress } from '../../wire/address.ts';
import type { OwnPolicyCounts } from './policy-count-handlers.ts';
import type { PolicyFacts } from '../policy-facts/policy-facts.ts';

/** What the control server asks of it. */
export interface PolicyHandlers {
  /** @throws ConflictError `policies-unknown` */
  policies(): PolicyReport;
}

/** What a node knows of policies. */
export interface PolicyAnswerParts extends OwnPolicyCounts {
  readonly facts: Pick<PolicyFacts, 'known'>;
  /** Whether it is known which policies there are. */
  isKnown(): boolean;
}

export interface PolicyHandlerParts {
  readonly nodeName: string;
  readonly policy: PolicyAnswerParts;
  /** Pods of this node that have its network. */
  readonly hostPods: () => readonly ApiPod[];
  /** Why what is known may not be what holds. */
  readonly policyNotices: () => readonly Notice[];
}

export function policyHandlers({ nodeName, policy, hostPods, policyNotices }: PolicyHandlerParts): PolicyHandlers {
  return {
    policies: () => {
      const { policies, pods, namespaces, nodes } = known(policy).facts.known();
      return {
        node: nodeName,
        policies,
        pods: [...pods.map(toldPod), ...hostPods().map((pod) => toldHostPod(nodeName, pod))],
        namespaces: namespaces.map(({ name, labels }) => ({ name, labels })),
        nodes: nodes.map(({ name, labels, underlayAddresses, overlayAddresses }) => ({
          name,
          labels,
          underlayAddresses: underlayAddresses.map(formatIpAddress),
          overlayAddresses: overlayAddresses.map(formatIpAddress),
        })),
        notices: policyNotices(),
      };
    },
  };
}

/** @throws ConflictError if there is nothing to tell yet */
function known(parts: PolicyAnswerParts): PolicyAnswerParts {
  if (!parts.isKnown())
    throw new ConflictError(
      'policies-unknown',
      'which network policies there are is not known yet: neither the Kubernetes API nor another node has told (weft status says why)',
    );
  return parts;
}

function toldPod({ nodeName, namespace, name, labels, addresses, ports, hasMorePorts }: PolicyPod): PolicedPod {
  return {
    node: nodeName,
    namespace,
    name,
    labels: labels ?? null,
    addresses: addresses.map(formatIpAddress),
    ports,
    hasMorePorts,
    hostNetwork: false,
  };
}

function toldHostPod(
  node: string,
  { namespace, name, labels, addresses, ports, hasMorePorts, hostNetwork }: ApiPod,
): PolicedPod {
  return { node, namespace, name, labels, addresses, ports, hasMorePorts, hostNetwork };
}
