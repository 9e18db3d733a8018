/** Rules of injected faults, of which only what matters has to be said. */
import type { FaultRule } from '../../src/dataplane/fault-rule.ts';

/** One that does nothing, but for what is given. Its slot is its id, if nothing else is said. */
export function faultRule(given: Partial<FaultRule> & Pick<FaultRule, 'direction'>): FaultRule {
  const { id = 1 } = given;
  return {
    slot: id % 32,
    peer: 0,
    lossRatio: 0,
    duplicateRatio: 0,
    corruptRatio: 0,
    reorderRatio: 0,
    delayUs: 0,
    jitterUs: 0,
    clipBytes: 0,
    seed: 7,
    ...given,
    id,
  };
}
