/** Devices, addresses, routes and rules of weft's own, and the tables of its workers, against what they should be. */
import { byDoctor, byHand, found, type DaemonCheck, type FindingKinds } from '../check.ts';
import type { Difference, Repair } from '../facts.ts';
import type { Finding } from '../finding.ts';
import { isKernelParameter } from './kernel-parameters.ts';
import { isOfPolicies } from './policy-enforcement.ts';
import { isOfServices } from './service-enforcement.ts';

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
  'repairs-contested': {
    severity: 'error',
    title: 'somebody takes away again and again what weft puts back in the kernel',
    cause:
      'another program keeps the same routes, devices or rules, such as a network manager, a firewall or another overlay',
  },
  'repaired-by-itself': {
    severity: 'note',
    title: 'weft put something right within the last ten minutes',
    cause: 'a person or a program took it away, or changed it',
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
  look: ({ daemon: { differences, repairs = [] } }) => {
    const own = differences.filter(
      (one) =>
        one.problem !== 'foreign' &&
        one.table !== 'kubernetes' &&
        !isKernelParameter(one) &&
        !isOfPolicies(one) &&
        !isOfServices(one),
    );
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
      ...repairsOf(
        'repairs-contested',
        repairs.filter(({ isContested }) => isContested),
      ),
      ...repairsOf(
        'repaired-by-itself',
        repairs.filter(({ isContested }) => !isContested),
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

function repairsOf(id: string, repairs: readonly Repair[]): Finding[] {
  if (repairs.length === 0) return [];
  const evidence = repairs.map(({ message, times, last, isContested, by }) => {
    const often = times === 1 ? 'put right once' : `put right ${times} times`;
    const unknown = isContested ? '; who changed it is not known' : '';
    const who = by === undefined ? unknown : `; the last that is known to have changed it is ${by}`;
    return `${message}: ${often}, last at ${last.slice(11, 19)} UTC${who}`;
  });
  const isKnown = repairs.some(({ by }) => by !== undefined);
  const advice = isKnown ? "have the program that is named leave alone what is weft's" : 'find out who did it';
  return [found(finds, id, evidence, byHand(advice, 'weft events --kind audit'))];
}
