/** Where nodes are: a place is an address of the underlay; nodes have numbers and may move from place to place. */
import type { Endpoint } from '../wire/address.ts';

/** Most places, and most nodes. */
export const MAX_PLACES = 0xff_ff;

const FIRST_OCTET = 198;
const SECOND_OCTET = 18;

/** An endpoint at `place`, 1 to {@link MAX_PLACES}: 198.18.0.5 is place 5. */
export function endpointAt(place: number, port: number): Endpoint {
  return {
    address: { family: 4, bytes: Uint8Array.of(FIRST_OCTET, SECOND_OCTET, place >> 8, place & 0xff) },
    port,
  };
}

/** The place that an endpoint is at; -1 if it is none of ours. */
export function placeOf(endpoint: Endpoint): number {
  const { family, bytes } = endpoint.address;
  if (family !== 4 || bytes[0] !== FIRST_OCTET || bytes[1] !== SECOND_OCTET) return -1;
  return (bytes[2]! << 8) | bytes[3]!;
}
