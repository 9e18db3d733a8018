/** Devices, addresses, routes and rules of weft's own, and the tables of its workers, against what they should be. */
import { byDoctor, found, type DaemonCheck, type FindingKinds } from '../check.ts';
import type { Difference } from '../facts.ts';
import { isKernelParameter } from './kernel-parameters.ts';

const finds: FindingKinds = {
  'kernel-state-stale': {
    severity: 'warning',
    title: "the kernel has routes, addresses or devices that look like weft's and are of no use",
    cause: "an earlier configuration left them, or another program uses weft's route protocol 87",
  },
  'kernel-state-missing': {
    severity: 'error',
    title: 'something that weft had set in the kernel is gone, or was changed',
    cause: 'a person or a program deleted it: a network manager that starts again, a firewall that is loaded again',
  },
  'forwarding-differs': {
    severity: 'error',
    title: 'workers forward by other routes than gossip gives',
    cause: 'a bug in weft; please report it',
  },
};

export const kernelState: DaemonCheck = {
  subject: "weft's own routes, devices, addresses and rules",
  needs: 'daemon',
  looksAt: ['kernel'],
  finds,
  look: ({ daemon: { differences } }) => {
    const own = differences.filter((one) => one.problem !== 'foreign' && !isKernelParameter(one));
    const kernel = own.filter(({ table }) => table === 'kernel');
    return [
      ...findingOf(
        'kernel-state-missing',
        kernel.filter(({ problem }) => problem !== 'stale'),
      ),
      ...findingOf(
        'kernel-state-stale',
        kernel.filter(({ problem }) => problem === 'stale'),
      ),
      ...findingOf(
        'forwarding-differs',
        own.filter(({ table }) => table !== 'kernel'),
      ),
    ];
  },
};

function findingOf(id: string, differences: readonly Difference[]) {
  if (differences.length === 0) return [];
  const evidence = differences.map(({ message }) => message);
  return [
    found(
      finds,
      id,
      evidence,
      byDoctor('weft puts it right by itself within a minute; --fix does at once, and so does', 'weft audit'),
    ),
  ];
}
