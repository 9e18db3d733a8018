/** Whether a daemon answers at all. */
import { byHand, found, type FindingKinds, type HostCheck } from '../check.ts';

const finds: FindingKinds = {
  'daemon-not-running': {
    severity: 'error',
    title: 'no daemon answers on this node: its pods reach nobody on other nodes',
    cause: 'it was not started, it ended with an error, or it listens on another socket',
    follows: ['tun-missing', 'privilege-missing', 'kernel-too-old', 'program-missing'],
  },
};

export const daemon: HostCheck = {
  subject: 'the daemon of this node',
  needs: 'host',
  finds,
  look: ({ daemon: known }) =>
    'absence' in known
      ? [
          found(
            finds,
            'daemon-not-running',
            [known.absence],
            byHand(
              'start it (in a lab: weft lab start NODE), and look why it ended',
              'systemctl start weft',
              'journalctl -u weft -n 30',
            ),
          ),
        ]
      : [],
};
