/** Which packets of its rings a capture wants: what a worker leaves open, as it asks once per packet and not for every segment. */
import { compileFilter, type CompiledFilter } from '../../capture/bpf-compiler.ts';
import type { TappedPackets } from '../../capture/tapped-packets.ts';
import type { TapHeader } from '../../capture/tap-reader.ts';
import { TapForm } from '../../dataplane/tap-record.ts';
import { readIpVersion } from '../../wire/ip.ts';
import { IPV4_ADDRESS_LENGTH, IPV4_DESTINATION_OFFSET, IPV4_SOURCE_OFFSET } from '../../wire/ipv4.ts';
import {
  IPV6_ADDRESS_LENGTH,
  IPV6_DESTINATION_OFFSET,
  IPV6_HEADER_LENGTH,
  IPV6_SOURCE_OFFSET,
} from '../../wire/ipv6.ts';
import { isLinkLocalAddress } from '../../wire/link-local-address.ts';
import { equalOctets } from '../../wire/octets.ts';
import type { IpAddress } from '../../wire/address.ts';
import type { CapturePlan } from './capture-messages.ts';
import type { CaptureNames, RouteName } from './capture-names.ts';

/** Where the addresses of an IP packet are, by its family. */
const addressPlaces = {
  4: { source: IPV4_SOURCE_OFFSET, destination: IPV4_DESTINATION_OFFSET, lengthBytes: IPV4_ADDRESS_LENGTH },
  6: { source: IPV6_SOURCE_OFFSET, destination: IPV6_DESTINATION_OFFSET, lengthBytes: IPV6_ADDRESS_LENGTH },
} as const;

export class CaptureChoice {
  readonly #inner: CompiledFilter | undefined;
  readonly #outer: CompiledFilter | undefined;
  readonly #podAddresses: readonly IpAddress[] | undefined;
  readonly #peer: string | undefined;
  readonly #names: CaptureNames;
  readonly #withProbes: boolean;

  /** @throws WeftError `filter-invalid` */
  constructor({ spec, podAddresses }: Pick<CapturePlan, 'spec' | 'podAddresses'>, names: CaptureNames) {
    this.#inner = spec.filter && compileFilter(spec.filter.program);
    this.#outer = spec.outer && compileFilter(spec.outer.program);
    this.#podAddresses = podAddresses;
    this.#peer = spec.peer;
    this.#withProbes = spec.probes ?? false;
    this.#names = names;
  }

  /** Whether the packet in hand, of the record with this header, is wanted. */
  wants(header: TapHeader, record: Uint8Array, packets: TappedPackets): boolean {
    return (
      (this.#withProbes || !isProbe(packets)) &&
      this.#hasInner(packets) &&
      this.#hasOuter(header, packets) &&
      this.#hasPod(packets) &&
      this.#hasPeer(header, record, packets)
    );
  }

  #hasPeer(header: TapHeader, record: Uint8Array, packets: TappedPackets): boolean {
    if (this.#peer === undefined || peerOf(header, record, packets, this.#names) === this.#peer) return true;
    // What came through a relay was sent by that, but is of another peer.
    return header.direction === 1 && routeOf(packets, this.#names, 'source')?.origin === this.#peer;
  }

  #hasInner({ bytes, innerAt, innerLengthBytes, innerCapturedBytes }: TappedPackets): boolean {
    if (this.#inner === undefined) return true;
    return innerAt !== -1 && this.#inner(bytes, innerAt, innerLengthBytes, innerCapturedBytes) !== 0;
  }

  #hasOuter({ form }: TapHeader, { bytes, at, lengthBytes, capturedBytes }: TappedPackets): boolean {
    if (this.#outer === undefined) return true;
    return form === TapForm.datagram && this.#outer(bytes, at, lengthBytes, capturedBytes) !== 0;
  }

  #hasPod({ bytes, innerAt, innerCapturedBytes }: TappedPackets): boolean {
    if (this.#podAddresses === undefined) return true;
    const places = placesOf(bytes, innerAt, innerCapturedBytes);
    if (places === undefined) return false;
    const { source, destination, lengthBytes } = places;
    return this.#podAddresses.some(
      ({ bytes: octets }) =>
        octets.length === lengthBytes &&
        (equalOctets(octets, 0, bytes, innerAt + source, lengthBytes) ||
          equalOctets(octets, 0, bytes, innerAt + destination, lengthBytes)),
    );
  }
}

/** Whether the packet in hand is one of weft's own: from one link-local address to another, as no packet of a pod is here. */
function isProbe({ bytes, innerAt, innerCapturedBytes }: TappedPackets): boolean {
  if (innerAt === -1 || innerCapturedBytes < IPV6_HEADER_LENGTH || readIpVersion(bytes, innerAt) !== 6) return false;
  return (
    isLinkLocalAddress(bytes, innerAt + IPV6_SOURCE_OFFSET) &&
    isLinkLocalAddress(bytes, innerAt + IPV6_DESTINATION_OFFSET)
  );
}

/** Name of the node that the packet in hand goes to, or comes from; empty: nobody knows. */
export function peerOf(header: TapHeader, record: Uint8Array, packets: TappedPackets, names: CaptureNames): string {
  const known = names.peer(header.peer)?.name;
  if (known !== undefined) return known;
  // Before anything was decided about it: by its addresses, as those who decide will see them.
  if (header.direction === 0) return routeOf(packets, names, 'destination')?.origin ?? '';
  if (header.family === 0) return '';
  const lengthBytes = header.family === 4 ? IPV4_ADDRESS_LENGTH : IPV6_ADDRESS_LENGTH;
  return names.peerAt(record, header.remoteAddressAt, lengthBytes)?.name ?? '';
}

/** The route of an address of the inner packet in hand. */
export function routeOf(
  { bytes, innerAt, innerCapturedBytes }: TappedPackets,
  names: CaptureNames,
  end: 'source' | 'destination',
): RouteName | undefined {
  const places = placesOf(bytes, innerAt, innerCapturedBytes);
  return places && names.route(bytes, innerAt + places[end], places.lengthBytes);
}

function placesOf(bytes: Uint8Array, innerAt: number, capturedBytes: number) {
  if (innerAt === -1 || capturedBytes < 1) return undefined;
  const version = readIpVersion(bytes, innerAt);
  const places = version === 4 || version === 6 ? addressPlaces[version] : undefined;
  return places && places.destination + places.lengthBytes <= capturedBytes ? places : undefined;
}
