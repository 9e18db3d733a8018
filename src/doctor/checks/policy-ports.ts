/** Ports by names that no pod has: the rule is there, its pods are there, and it allows nothing at that port. */
import { byHand, type DaemonCheck, type FindingKinds, found } from '../check.ts';
import { suspicionEvidence } from '../suspicion-words.ts';

const finds: FindingKinds = {
  'policy-port-unknown': {
    severity: 'warning',
    title: 'rules of network policies name ports that none of their pods has: they never match there',
    cause:
      'the name is spelled otherwise, or no container declares it: a name means what containers of the pod list under ports, whatever they listen on',
    scope: 'cluster',
  },
};

export const policyPorts: DaemonCheck = {
  subject: 'network policies: ports that they name',
  needs: 'daemon',
  looksAt: ['policies'],
  finds,
  look: ({ daemon: { policies } }) => {
    if (policies === undefined || policies.unknownPorts.count === 0) return [];
    const fix = byHand(
      'have the policy say the number of the port; in Kubernetes, or give the port of the container that name',
    );
    return [found(finds, 'policy-port-unknown', suspicionEvidence(policies.unknownPorts), fix)];
  },
};
