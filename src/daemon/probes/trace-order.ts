/** In which order hooks of weft and of the kernel are met, on a node where a packet begins its way, ends it, or passes. Pure. */

/** Where a node is on the way. */
export type TracePlace = 'first' | 'between' | 'last' | 'only';

const outward = ['outer-output', 'outer-postrouting'];
const inward = ['outer-prerouting', 'outer-input'];
const inner = ['output', 'prerouting', 'forward', 'input', 'postrouting'];
const orders: Readonly<Record<TracePlace, readonly string[]>> = {
  first: [...inner, 'from-pod', 'route', 'encapsulate', ...outward, 'to-underlay', ...inward],
  between: [...inward, 'from-underlay', 'decapsulate', 'relay', ...outward],
  last: [...inward, 'from-underlay', 'decapsulate', 'to-pod', ...inner],
  only: inner,
};

/** Rank of a hook there; what is not expected there, such as a drop, comes in the end. */
export function rankOf(hook: string, place: TracePlace): number {
  const rank = orders[place].indexOf(hook);
  return rank === -1 ? orders[place].length : rank;
}
