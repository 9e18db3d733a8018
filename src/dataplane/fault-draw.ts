/** Randomness of injected faults: without a state, so that each draw stands by itself. */

/** What is drawn for. Another fault in the same rule does not change what this one does. */
export const FaultDraw = { loss: 0, duplicate: 1, corrupt: 2, reorder: 3, jitter: 4, bit: 5 } as const;

export type FaultDraw = (typeof FaultDraw)[keyof typeof FaultDraw];

/** Odd constants of MurmurHash3, whose finalizer this is: every bit of what goes in changes half of what comes out. */
const MULTIPLIER_1 = 0x85_eb_ca_6b;
const MULTIPLIER_2 = 0xc2_b2_ae_35;
const STEP = 0x9e_37_79_b9;

/** Uniform, 0 to below 1: the same for the same seed, worker, number of the datagram and purpose. */
export function faultDraw(seed: number, worker: number, datagram: number, purpose: FaultDraw): number {
  let hash = mix(seed ^ Math.imul(worker + 1, STEP));
  hash = mix(hash ^ datagram);
  // Numbers beyond 32 bits: a rule that saw more than four thousand million datagrams does not begin again.
  hash = mix(hash ^ Math.floor(datagram / 0x1_0000_0000));
  return (mix(hash + Math.imul(purpose + 1, STEP)) >>> 0) / 0x1_0000_0000;
}

function mix(value: number): number {
  let hash = value | 0;
  hash = Math.imul(hash ^ (hash >>> 16), MULTIPLIER_1);
  hash = Math.imul(hash ^ (hash >>> 13), MULTIPLIER_2);
  return hash ^ (hash >>> 16);
}
