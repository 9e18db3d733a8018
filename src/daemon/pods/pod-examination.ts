/** One pod, looked at from both ends now: whoever asks whether it is as it was given wants no answer of a moment ago. */
import { listLinks } from '../../linux/link.ts';
import { listRoutes } from '../../linux/route.ts';
import type { IpAddress } from '../../wire/address.ts';
import { podFaults } from './pod-faults.ts';
import { cableFindings } from './pod-inspection.ts';
import { lookInside } from './pod-interior.ts';
import type { PodSources } from './pod-sources.ts';
import type { PodCable } from './pod-wiring.ts';

/** What was seen of it. */
export interface ExaminedPod {
  /** That are leased to it. */
  readonly addresses: readonly IpAddress[];
  /** Of the network namespace that it was connected in. */
  readonly netnsIdentity: string;
  /** What is not as it was given, in words; empty: all is. */
  readonly problems: readonly string[];
}

/** What is not as it was given, at either end of the cable, and in the rules about what it may send. */
export async function examineCable(cable: PodCable, sources: Pick<PodSources, 'inspect'>): Promise<string[]> {
  const [links, routes, bound, inside] = await Promise.all([
    listLinks(),
    listRoutes('ours'),
    sources.inspect(),
    problemsInside(cable),
  ]);
  // What concerns the tables as a whole concerns this pod too.
  const ofOthers = (subject: string): boolean => subject.startsWith('wf') && subject !== cable.hostDevice;
  const findings = [...cableFindings(cable, { links, routes }), ...bound.filter(({ subject }) => !ofOthers(subject))];
  return [...findings.map(({ message }) => message), ...inside];
}

async function problemsInside(cable: PodCable): Promise<string[]> {
  try {
    const faults = podFaults(cable, await lookInside(cable));
    return faults.map(({ message }) => `inside of pod ${cable.pod}: ${message}`);
  } catch (error) {
    return [`nobody can look into pod ${cable.pod}: ${(error as Error).message}`];
  }
}
