/** Services that select pods of which there are none: whoever asks them is refused. */
import { byHand, type DaemonCheck, type FindingKinds, found } from '../check.ts';
import { serviceEvidence } from '../suspicion-words.ts';

const finds: FindingKinds = {
  'service-without-backend': {
    severity: 'warning',
    title: 'services have no pod behind a port: whoever asks there is refused',
    cause: 'their pods are not there yet or are gone, or labels are spelled otherwise than on the pods',
    scope: 'cluster',
  },
};

export const serviceBackends: DaemonCheck = {
  subject: 'services: pods behind them',
  needs: 'daemon',
  looksAt: ['services'],
  finds,
  look: ({ daemon: { services } }) => {
    if (services === undefined || services.withoutBackend.count === 0) return [];
    const fix = byHand(
      'give pods of the namespace these labels, or the service the labels that they have; one that is of no use any more can go',
      'weft services',
      'weft service rm NAME --namespace NAMESPACE',
    );
    return [found(finds, 'service-without-backend', serviceEvidence(services.withoutBackend), fix)];
  },
};
