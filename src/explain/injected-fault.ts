/** What faults that somebody injected mean for a packet, in words. Pure. */
import { DropReason, nameOf } from '../dataplane/drop-reason.ts';
import type { ToldStage } from './departure.ts';
import { dropStep } from './drop-words.ts';
import type { ExplainedStep } from './explanation.ts';

/** Detail of the step of a fault that is not certain to drop it: the fault in words. */
const FAULT = 'fault';

/** A fault that is about the datagrams in question. */
export interface FaultFacts {
  /** `out to n2: loss 5 %, seed 7` */
  readonly words: string;
  /** Share that is lost, 0 to 1. */
  readonly lossRatio: number;
  /** Longer outer packets are lost, in bytes; 0: none are. */
  readonly clipBytes: number;
}

/** Which way the datagrams go. */
export type FaultedWay = 'out' | 'relayed' | 'in';

const lossReason = { out: DropReason.faultLossOut, relayed: DropReason.faultLossRelayed, in: DropReason.faultLossIn };
const clipReason = { out: DropReason.faultClipOut, relayed: DropReason.faultClipRelayed, in: DropReason.faultClipIn };

/** The part of a node, with the faults that are injected there: on its end where datagrams leave it, on its beginning else. */
export function withFaults(
  stage: ToldStage,
  faults: readonly FaultFacts[],
  way: FaultedWay,
  outerBytes: number,
): ToldStage {
  const hook = way === 'in' ? 'from-underlay' : 'to-underlay';
  const certain = faults.find((fault) => reasonOf(fault, way, outerBytes) !== -1);
  const told = faults
    .slice(0, certain === undefined ? faults.length : faults.indexOf(certain))
    .map(({ words }): ExplainedStep => ({
      hook,
      verdict: 'doubt',
      text: `a fault is injected ${words}`,
      details: { [FAULT]: words },
    }));
  if (certain === undefined) {
    return { ...stage, steps: way === 'in' ? [...told, ...stage.steps] : [...stage.steps, ...told] };
  }
  const reason = reasonOf(certain, way, outerBytes) as DropReason;
  const end = [...told, dropStep(hook, reason, `; the fault: ${certain.words}`)];
  return { ...stage, steps: way === 'in' ? end : [...stage.steps, ...end], fate: 'dropped', reason: nameOf(reason) };
}

/** What is to be said above all else about such faults; empty: nothing. */
export function faultRemark({ node, steps }: Pick<ToldStage, 'node' | 'steps'>): string {
  const words = steps.flatMap(({ details }) => details[FAULT] ?? []);
  return words.length === 0
    ? ''
    : `a fault is injected at ${node}, and what it does to a packet is left to chance: ${words.join('; ')}`;
}

/** Why the fault is certain to drop it, or -1. */
function reasonOf({ lossRatio, clipBytes }: FaultFacts, way: FaultedWay, outerBytes: number): DropReason | -1 {
  if (clipBytes > 0 && outerBytes > clipBytes) return clipReason[way];
  return lossRatio === 1 ? lossReason[way] : -1;
}
