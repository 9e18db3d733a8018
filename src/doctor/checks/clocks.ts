/** Whether clocks of nodes agree: captures, events and traces of several nodes are put in order by them. */
import { byHand, found, type DaemonCheck, type FindingKinds } from '../check.ts';
import type { PeerAnswer } from '../facts.ts';

const finds: FindingKinds = {
  'clock-skew': {
    severity: 'warning',
    title: 'clocks of nodes differ: times of events and logs of different nodes do not fit together',
    cause: 'a node is not synchronised: its NTP daemon does not run, or reaches no server',
    scope: 'pair',
  },
};

/** NTP keeps clocks within a few ms; who looks at two logs side by side is led astray from about here. */
const MAX_SKEW_MS = 500;

export const clocks: DaemonCheck = {
  subject: 'clocks of the nodes',
  needs: 'others',
  finds,
  look: ({ daemon: { peers } }) => {
    const skewed = peers.flatMap(({ name, said }) =>
      said !== undefined && 'clockOffsetMs' in said && isSkewed(said) ? [{ name, said }] : [],
    );
    if (skewed.length === 0) return [];
    const about = skewed.map(({ name, said: { clockOffsetMs, clockUncertaintyMs } }) => {
      const side = clockOffsetMs > 0 ? 'ahead of' : 'behind';
      const sentence = `the clock of ${name} is ${Math.abs(clockOffsetMs / 1_000).toFixed(1)} s ${side} this one (within ${clockUncertaintyMs.toFixed(1)} ms)`;
      return { node: name, evidence: [sentence] };
    });
    const evidence = about.flatMap((one) => one.evidence);
    const fix = byHand(
      'have both nodes synchronise their clocks; packets are not affected',
      'timedatectl status',
      'chronyc tracking',
    );
    return [found(finds, 'clock-skew', evidence, fix, about)];
  },
};

function isSkewed({ clockOffsetMs, clockUncertaintyMs }: PeerAnswer): boolean {
  return Math.abs(clockOffsetMs) - clockUncertaintyMs > MAX_SKEW_MS;
}
