/** Socket addresses, as the kernel reads and writes them: ip(7), ipv6(7). */
import type { IpAddress } from '../wire/address.ts';
import { Abi, Struct } from './kernel-abi.ts';

/** Room for a socket address of either family, in bytes. */
export const SOCKET_ADDRESS_BYTES = 32;

/** Length of a socket address of `family`, in bytes. */
export function socketAddressLength(family: 4 | 6): number {
  return family === 4 ? Struct.sockaddr_in.size : Struct.sockaddr_in6.size;
}

/** Where the IP address begins in a socket address of `family`, in bytes. */
export function ipAddressOffset(family: 4 | 6): number {
  return family === 4 ? Struct.sockaddr_in.sin_addr : Struct.sockaddr_in6.sin6_addr;
}

/**
 * Writes a socket address at `at`, all but the IP address, whose bytes are zeroed: they belong at
 * {@link ipAddressOffset}.
 */
export function encodeSocketAddress(family: 4 | 6, port: number, bytes: Uint8Array, at: number): void {
  bytes.fill(0, at, at + socketAddressLength(family));
  // The family is in the machine's byte order, the port in the network's.
  bytes[at] = family === 4 ? Abi.AF_INET : Abi.AF_INET6;
  bytes[at + Struct.sockaddr_in.sin_port] = port >> 8;
  bytes[at + Struct.sockaddr_in.sin_port + 1] = port & 0xff;
}

/** A socket address of its own, for calls that are rare. */
export function socketAddress(address: IpAddress, port: number): Uint8Array {
  const bytes = new Uint8Array(socketAddressLength(address.family));
  encodeSocketAddress(address.family, port, bytes, 0);
  bytes.set(address.bytes, ipAddressOffset(address.family));
  return bytes;
}

/** UDP port of the socket address at `at`. */
export function readSocketAddressPort(bytes: Uint8Array, at: number): number {
  const { sin_port: portAt } = Struct.sockaddr_in;
  return (bytes[at + portAt]! << 8) | bytes[at + portAt + 1]!;
}

/** Family of the socket address at `at`. */
export function readSocketAddressFamily(bytes: Uint8Array, at: number): 4 | 6 {
  return bytes[at] === Abi.AF_INET6 ? 6 : 4;
}
