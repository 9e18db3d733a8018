/** Services that want more of the kernel's table than one service may have: part of them is left out. */
import { byHand, type DaemonCheck, type FindingKinds, found } from '../check.ts';
import { serviceEvidence } from '../suspicion-words.ts';

const finds: FindingKinds = {
  'service-cut': {
    severity: 'error',
    title: 'services have more ports, addresses and backends than there is room for: part of them is left out',
    cause:
      'backends at each port and each address make the rules of a service: one may have 32 768 of them, fewer where all services have more than 524 288',
    scope: 'cluster',
  },
};

export const serviceRoom: DaemonCheck = {
  subject: 'services: whether there is room for all of them',
  needs: 'daemon',
  looksAt: ['services'],
  finds,
  look: ({ daemon: { services } }) => {
    if (services === undefined || services.cut.count === 0) return [];
    const fix = byHand(
      'give the service fewer external addresses, or several services a part of its ports each; one that nobody needs can go',
      'weft services',
      'weft service rm NAME --namespace NAMESPACE',
    );
    return [found(finds, 'service-cut', serviceEvidence(services.cut), fix)];
  },
};
