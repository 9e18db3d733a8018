/** Whether weft itself errs: every packet must be accounted for. */
import { byHand, found, type DaemonCheck, type FindingKinds } from '../check.ts';

const finds: FindingKinds = {
  'packets-unaccounted': {
    severity: 'error',
    title: 'packets went missing within weft',
    cause: 'a bug in weft; please report it',
  },
};

export const accounts: DaemonCheck = {
  subject: 'the accounts of packets: nothing is missing',
  needs: 'daemon',
  finds,
  look: ({ daemon: { residual } }) =>
    residual === 0
      ? []
      : [
          found(
            finds,
            'packets-unaccounted',
            [`what came in and what became of it differ by ${residual} packets`],
            byHand('report it with the archive that this makes', 'weft report'),
          ),
        ],
};
