/** Socket addresses of peers in mapped memory, kept until the forwarding state changes. */
import type { MappedMemory } from './mapped-memory.ts';
import { encodeSocketAddress, ipAddressOffset, SOCKET_ADDRESS_BYTES, socketAddressLength } from './socket-address.ts';

/** Where a peer's datagrams go to. `dataplane/forwarding-table.ts` has it. */
export interface PeerEndpoints {
  /** Changes whenever a peer's endpoint may have changed. */
  readonly generation: number;
  endpointFamily(peer: number): 4 | 6;
  endpointPort(peer: number): number;
  copyEndpointAddress(peer: number, bytes: Uint8Array, at: number): void;
}

/** Belongs to the worker that owns the memory; all its senders may share it. */
export class PeerAddresses {
  readonly #memory: MappedMemory;
  readonly #endpoints: PeerEndpoints;
  readonly #addressesAt: number;
  /** Per peer: generation of the endpoint in its socket address. */
  readonly #addressGeneration: Float64Array;
  #generation = 0;

  /** Bytes of mapped memory for peers 0 to `maxPeers`. */
  static memoryBytes(maxPeers: number): number {
    return (maxPeers + 1) * SOCKET_ADDRESS_BYTES + 64;
  }

  constructor(memory: MappedMemory, maxPeers: number, endpoints: PeerEndpoints) {
    this.#memory = memory;
    this.#endpoints = endpoints;
    this.#addressesAt = memory.allocate((maxPeers + 1) * SOCKET_ADDRESS_BYTES).at;
    this.#addressGeneration = new Float64Array(maxPeers + 1).fill(-1);
  }

  /** Before each batch: endpoints of peers may have changed. */
  begin(): void {
    this.#generation = this.#endpoints.generation;
  }

  /** Offset of the peer's socket address, brought up to date. */
  at(peer: number): number {
    const at = this.#addressesAt + peer * SOCKET_ADDRESS_BYTES;
    if (this.#addressGeneration[peer] === this.#generation) return at;
    const { bytes } = this.#memory;
    const family = this.#endpoints.endpointFamily(peer);
    encodeSocketAddress(family, this.#endpoints.endpointPort(peer), bytes, at);
    this.#endpoints.copyEndpointAddress(peer, bytes, at + ipAddressOffset(family));
    this.#addressGeneration[peer] = this.#generation;
    return at;
  }

  /** Length of the peer's socket address, in bytes. */
  lengthOf(peer: number): number {
    return socketAddressLength(this.#endpoints.endpointFamily(peer));
  }
}
