/** What a node knows of policies, for who asks. What follows from it, whoever asks works out: thousands of pods would keep gossip waiting. */
import type { Notice } from '../../api/control-api.ts';
import type { PolicedPod, PolicyReport } from '../../api/policy-api.ts';
import { ConflictError } from '../../errors.ts';
import type { PolicyPod } from '../../policy/cluster-facts.ts';
import { formatIpAddress } from '../../wire/address.ts';
import type { OwnPolicyCounts } from './policy-count-handlers.ts';
import type { PolicyFacts } from '../policy-facts/policy-facts.ts';

/** What the control server asks of it. */
export interface PolicyHandlers {
  /** @throws ConflictError `policies-off`, `policies-unknown` */
  policies(): PolicyReport;
}

/** What a node that enforces policies has. */
export interface PolicyAnswerParts extends OwnPolicyCounts {
  readonly facts: Pick<PolicyFacts, 'known'>;
  /** Whether it is known which policies there are. */
  isKnown(): boolean;
}

export interface PolicyHandlerParts {
  readonly nodeName: string;
  /** `undefined`: this node enforces none. */
  readonly policy: () => PolicyAnswerParts | undefined;
  /** Why what is known may not be what holds. */
  readonly policyNotices: () => readonly Notice[];
}

export function policyHandlers({ nodeName, policy, policyNotices }: PolicyHandlerParts): PolicyHandlers {
  return {
    policies: () => {
      const { policies, pods, namespaces, nodes } = enforced(policy()).facts.known();
      return {
        node: nodeName,
        policies,
        pods: pods.map(toldPod),
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

/** @throws ConflictError if there is nothing to tell */
function enforced(parts: PolicyAnswerParts | undefined): PolicyAnswerParts {
  if (parts === undefined)
    throw new ConflictError(
      'policies-off',
      'this node enforces no network policies: it does not ask Kubernetes (kubernetes.enabled)',
    );
  if (!parts.isKnown())
    throw new ConflictError(
      'policies-unknown',
      'which network policies there are is not known yet: the Kubernetes API has not told (weft status says why)',
    );
  return parts;
}

function toldPod({ nodeName, namespace, name, labels, addresses, ports }: PolicyPod): PolicedPod {
  return {
    node: nodeName,
    namespace,
    name,
    labels: labels ?? null,
    addresses: addresses.map(formatIpAddress),
    ports,
  };
}
