/** Whether packets come faster than they are taken. */
import { byHand, found, type DaemonCheck, type FindingKinds } from '../check.ts';

const finds: FindingKinds = {
  'receive-overflow': {
    severity: 'warning',
    title: 'packets come faster than this node takes them, and are lost before weft sees them',
    cause: 'the node is overloaded, or has too few workers for its traffic',
  },
};

/** A burst now and then is what buffers are for, and TCP finds its rate by it. */
const MIN_LOST = 100;

export const overload: DaemonCheck = {
  subject: 'packets lost before a worker took them',
  needs: 'daemon',
  finds,
  look: ({ daemon: { recent } }) => {
    if (recent.overflow < MIN_LOST) return [];
    const evidence = [`${recent.overflow} were lost in the last ${recent.seconds} s`];
    const fix = byHand('look at the load of the node; with CPUs to spare, raise dataplane.workers', 'weft status');
    return [found(finds, 'receive-overflow', evidence, fix)];
  },
};
