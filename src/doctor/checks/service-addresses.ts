/** Services that claim the same address and port: one of them has it, and the other is not reached there. */
import { byHand, type DaemonCheck, type FindingKinds, found } from '../check.ts';
import { serviceEvidence } from '../suspicion-words.ts';

const finds: FindingKinds = {
  'service-address-taken': {
    severity: 'error',
    title: 'an address and port of a service is that of another service, or of weft itself: it is not reached there',
    cause:
      'they were given at two nodes at the same time, or have the same external address; of services that claim the same, the first by name has it; none gets the ports of weft itself at nodes',
    scope: 'cluster',
  },
};

export const serviceAddresses: DaemonCheck = {
  subject: 'services: addresses and ports that two of them claim',
  needs: 'daemon',
  looksAt: ['services'],
  finds,
  look: ({ daemon: { services } }) => {
    if (services === undefined || services.taken.count === 0) return [];
    const fix = byHand(
      'remove one of the two and give it again, so that it gets another address or node port; at an external address, give it another port',
      'weft services',
      'weft service rm NAME --namespace NAMESPACE',
    );
    return [found(finds, 'service-address-taken', serviceEvidence(services.taken), fix)];
  },
};
