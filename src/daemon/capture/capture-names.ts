/** Names for what records have numbers and addresses of, as the main thread last told them. */
import { formatPrefix } from '../../wire/prefix.ts';
import type { IpAddress } from '../../wire/address.ts';
import { readU32 } from '../../wire/octets.ts';
import type { NamedPeer, NamedRoute, NamesSlice } from './capture-messages.ts';

/** A route, as a comment has it. */
export interface RouteName {
  readonly prefix: string;
  readonly origin: string;
  readonly version: number;
}

/** Answers that are kept: a capture has few different addresses in it. */
const MAX_REMEMBERED = 4_096;
/** An address that no route leads to. */
const NONE: RouteName = { prefix: '', origin: '', version: 0 };

export class CaptureNames {
  readonly #peers = new Map<number, NamedPeer>();
  readonly #byAddress = new Map<string, NamedPeer>();
  /** By length of their prefix, longest first, and then by its octets. */
  #routes: { lengthBits: number; family: 4 | 6; byOctets: Map<string, NamedRoute> }[] = [];
  /** By the number that an IPv4 address is, or the octets of an IPv6 address. */
  readonly #remembered = new Map<number | string, RouteName>();

  /** Takes what was told. */
  take({ isFirst, peers, routes }: NamesSlice): void {
    if (isFirst) {
      this.#peers.clear();
      this.#byAddress.clear();
      this.#routes = [];
    }
    this.#remembered.clear();
    for (const peer of peers) {
      this.#peers.set(peer.number, peer);
      if (peer.address !== undefined && peer.relay === '') this.#byAddress.set(peer.address.bytes.join('.'), peer);
    }
    for (const route of routes) this.#insert(route);
    this.#routes.sort((a, b) => b.lengthBits - a.lengthBits);
  }

  /** The peer, or the way to it, with this number. */
  peer(number: number): NamedPeer | undefined {
    return this.#peers.get(number);
  }

  /** The peer with the underlay address of `lengthBytes` bytes at `at`. */
  peerAt(bytes: Uint8Array, at: number, lengthBytes: number): NamedPeer | undefined {
    return this.#byAddress.get(bytes.subarray(at, at + lengthBytes).join('.'));
  }

  /** The route that packets to the address of `lengthBytes` bytes at `at` take: the one with the longest prefix. */
  route(bytes: Uint8Array, at: number, lengthBytes: number): RouteName | undefined {
    const key = lengthBytes === 4 ? readU32(bytes, at) : bytes.subarray(at, at + lengthBytes).join('.');
    const known = this.#remembered.get(key);
    if (known !== undefined) return known === NONE ? undefined : known;
    const found = this.#find({ family: lengthBytes === 4 ? 4 : 6, bytes: bytes.subarray(at, at + lengthBytes) });
    const name = found && { prefix: formatPrefix(found.prefix), origin: found.origin, version: found.version };
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear();
    this.#remembered.set(key, name ?? NONE);
    return name;
  }

  #find(address: IpAddress): NamedRoute | undefined {
    for (const { family, lengthBits, byOctets } of this.#routes) {
      if (family !== address.family) continue;
      const found = byOctets.get(firstBits(address.bytes, lengthBits));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #insert(route: NamedRoute): void {
    const { address, lengthBits } = route.prefix;
    let group = this.#routes.find((one) => one.lengthBits === lengthBits && one.family === address.family);
    if (group === undefined) {
      group = { lengthBits, family: address.family, byOctets: new Map() };
      this.#routes.push(group);
    }
    group.byOctets.set(firstBits(address.bytes, lengthBits), route);
  }
}

/** The octets of an address with all bits beyond `lengthBits` cleared, as a key. */
function firstBits(octets: ArrayLike<number>, lengthBits: number): string {
  return Array.from(octets, (octet, index) => {
    const kept = Math.min(8, Math.max(0, lengthBits - index * 8));
    return octet & (0xff << (8 - kept)) & 0xff;
  }).join('.');
}
