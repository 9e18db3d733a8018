/** Which sizes to try between one that passes and one that does not. */

/** Smallest inner packet that a path is searched down to, in bytes. A path that does not take this is none. */
export const MIN_PATH_MTU_BYTES = 256;

/**
 * MTUs that links have, outer header included, in bytes: jumbo frames, FDDI, Ethernet, PPPoE, tunnels (IP in IP, GRE, VXLAN,
 * WireGuard), clouds (8896, 1460), IPv6's least (1280), what RFC 791 asks every host to take (576). Tried first, as the right one
 * is mostly among them.
 */
const LIKELY_LINK_MTUS = [9000, 8896, 4352, 1500, 1492, 1480, 1476, 1460, 1450, 1420, 1400, 1280, 576];

/** How many likely sizes are tried at once. */
const MAX_LIKELY = 6;
/** How many sizes are tried at once, likely ones included: each round makes the gap that much smaller. */
const MAX_SIZES = 10;

/**
 * Sizes above `passing` and below `failing`, the largest first; at most {@link MAX_SIZES}, none if there is none between.
 *
 * @param overheadBytes between an inner packet and the outer one.
 */
export function sizesBetween(passing: number, failing: number, overheadBytes: number): number[] {
  const between = failing - passing - 1;
  if (between <= MAX_SIZES) return Array.from({ length: Math.max(0, between) }, (_, index) => failing - 1 - index);
  const likely = LIKELY_LINK_MTUS.map((mtu) => mtu - overheadBytes)
    .filter((size) => size > passing && size < failing)
    .slice(0, MAX_LIKELY);
  const sizes = new Set(likely);
  const spread = MAX_SIZES - sizes.size;
  for (let step = 1; step <= spread; step++)
    sizes.add(passing + Math.round((step * (failing - passing)) / (spread + 1)));
  return [...sizes].sort((a, b) => b - a);
}
