/**
 * What is authenticated with a message beside its own envelope: the network, and between which endpoints it goes. So
 * nobody can play a recorded message to another node, or from another place than it came from.
 */
import type { IpAddress } from '../wire/address.ts';
import { copyOctets, writeU16 } from '../wire/octets.ts';
import { HEAD_BYTES } from './envelope.ts';
import { octetsOf } from './octet-text.ts';

/** Octets of an endpoint: family, address, port. */
const ENDPOINT_BYTES = { 4: 1 + 4 + 2, 6: 1 + 16 + 2 } as const;

/** Associated data of one network. */
export class AssociatedData {
  readonly #network: Uint8Array;
  /** By the families of the endpoints. Written anew for each message: this is done for every datagram. */
  readonly #buffers = new Map<number, Uint8Array>();

  constructor(network: string) {
    const octets = octetsOf(network);
    this.#network = new Uint8Array(2 + octets.length);
    writeU16(this.#network, 0, octets.length);
    this.#network.set(octets, 2);
  }

  /**
   * Of the message whose head is at the start of `envelope`.
   *
   * @param fromPort 0 for a stream, which comes from a port of no meaning
   * @returns bytes that the next call writes over.
   */
  of(envelope: Uint8Array, from: IpAddress, fromPort: number, to: IpAddress, toPort: number): Uint8Array {
    const network = this.#network;
    const fromAt = HEAD_BYTES + network.length;
    const toAt = fromAt + ENDPOINT_BYTES[from.family];
    const data = this.#buffer(8 * from.family + to.family, toAt + ENDPOINT_BYTES[to.family]);
    copyOctets(envelope, 0, data, 0, HEAD_BYTES);
    writeEndpoint(data, fromAt, from, fromPort);
    writeEndpoint(data, toAt, to, toPort);
    return data;
  }

  #buffer(families: number, lengthBytes: number): Uint8Array {
    const known = this.#buffers.get(families);
    if (known !== undefined) return known;
    const made = new Uint8Array(lengthBytes);
    made.set(this.#network, HEAD_BYTES);
    this.#buffers.set(families, made);
    return made;
  }
}

function writeEndpoint(data: Uint8Array, at: number, { family, bytes }: IpAddress, port: number): void {
  data[at] = family;
  copyOctets(bytes, 0, data, at + 1, bytes.length);
  writeU16(data, at + 1 + bytes.length, port);
}
