/** Injected faults in words. Pure. */
import type { FaultRequest } from './fault-api.ts';

const PERCENT = 100;

/** What befalls whom: `out to n2: loss 5 %, delay 20 ms, seed 7`. */
export function describeFault(fault: Required<FaultRequest>): string {
  const { direction, peer } = fault;
  const way = direction === 'out' ? 'out to' : 'in from';
  return `${way} ${peer === '' ? 'all peers' : peer}: ${faultEffects(fault).join(', ')}, seed ${fault.seed}`;
}

/** What befalls datagrams, one text each. */
export function faultEffects(fault: Required<Omit<FaultRequest, 'direction' | 'peer'>>): string[] {
  const { lossRatio, duplicateRatio, corruptRatio, reorderRatio, delayMs, jitterMs, clipBytes } = fault;
  const delay = jitterMs > 0 ? `${delayMs} +- ${jitterMs}` : String(delayMs);
  return [
    ...(lossRatio > 0 ? [`loss ${percent(lossRatio)}`] : []),
    ...(delayMs > 0 || jitterMs > 0 ? [`delay ${delay} ms`] : []),
    ...(reorderRatio > 0 ? [`reorder ${percent(reorderRatio)}`] : []),
    ...(duplicateRatio > 0 ? [`duplicate ${percent(duplicateRatio)}`] : []),
    ...(corruptRatio > 0 ? [`corrupt ${percent(corruptRatio)}`] : []),
    ...(clipBytes > 0 ? [`clip ${clipBytes}`] : []),
  ];
}

function percent(ratio: number): string {
  return `${Number((ratio * PERCENT).toPrecision(4))} %`;
}
