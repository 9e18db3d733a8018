/** Whether a daemon answers at all. */
import { byHand, found, type FindingKinds, type HostCheck } from '../check.ts';

const finds: FindingKinds = {
  'daemon-not-running': {
    severity: 'error',
    title: 'no daemon answers on this node: its pods reach nobody on other nodes',
    cause: 'it was not started, it ended with an error, or it listens on another socket',
    follows: ['tun-missing', 'privilege-missing', 'kernel-too-old', 'program-missing'],
  },
  'daemon-silent': {
    severity: 'error',
    title: 'a daemon is there on this node, and does not answer: its pods reach nobody on other nodes',
    cause: 'its process was stopped (SIGSTOP, a debugger), or it hangs: then please report it',
  },
};

export const daemon: HostCheck = {
  subject: 'the daemon of this node',
  needs: 'host',
  finds,
  look: ({ daemon: known }) => {
    if (!('absence' in known)) return [];
    return known.isSilent === true
      ? [
          found(
            finds,
            'daemon-silent',
            [known.absence, ...(known.remains ?? [])],
            byHand(
              'let it go on if it is stopped; otherwise end it, and start it again: pods and connections stay',
              'journalctl -u weft -n 30',
              'systemctl restart weft',
            ),
          ),
        ]
      : [
          found(
            finds,
            'daemon-not-running',
            [known.absence, ...(known.remains ?? [])],
            byHand(
              'start it (in a lab: weft lab start NODE), and look why it ended',
              'systemctl start weft',
              'journalctl -u weft -n 30',
            ),
          ),
        ];
  },
};
