/**
 * Blocking sockets for the load generators, beyond what the dataplane needs of the C library. A blocking call costs a
 * fraction of a microsecond more than in C, where Node's own sockets would add tens of microseconds to each round trip.
 */
import koffi from 'koffi';
import { checked } from '../../src/linux/errno.ts';
import { libc } from '../../src/linux/ffi.ts';
import { Abi } from '../../src/linux/kernel-abi.ts';
import { socketAddress } from '../../src/linux/socket-address.ts';
import { parseIpAddress } from '../../src/wire/address.ts';

const library = koffi.load(null);

/** Manual pages, section 2. Conventions as in `src/linux/ffi.ts`. */
export const socketCalls = {
  connect: library.func('int connect(int fd, void *address, uint length)') as unknown as (
    fd: number,
    address: Uint8Array,
    lengthBytes: number,
  ) => number,
  listen: library.func('int listen(int fd, int backlog)') as unknown as (fd: number, backlog: number) => number,
  accept: library.func('int accept(int fd, uintptr_t address, uintptr_t length)') as unknown as (
    fd: number,
    address: number,
    lengthAddress: number,
  ) => number,
  fcntl: library.func('int fcntl(int fd, int command, int argument)') as unknown as (
    fd: number,
    command: number,
    argument: number,
  ) => number,
  recvfrom: library.func(
    'int64_t recvfrom(int fd, uintptr_t buffer, size_t length, int flags, uintptr_t address, uintptr_t addressLength)',
  ) as unknown as (
    fd: number,
    buffer: number,
    lengthBytes: number,
    flags: number,
    address: number,
    addressLength: number,
  ) => number,
  sendto: library.func(
    'int64_t sendto(int fd, uintptr_t buffer, size_t length, int flags, uintptr_t address, uint addressLength)',
  ) as unknown as (
    fd: number,
    buffer: number,
    lengthBytes: number,
    flags: number,
    address: number,
    addressLength: number,
  ) => number,
};

/** Constants that the dataplane does not need, by their names in the headers. */
export const SocketAbi = {
  SOCK_STREAM: 1,
  SO_REUSEADDR: 2,
  SO_LINGER: 13,
  SO_RCVTIMEO: 20,
  IPPROTO_TCP: 6,
  TCP_NODELAY: 1,
  MSG_WAITFORONE: 0x1_00_00,
  F_SETFL: 4,
} as const;

/** Opens a socket. @param nonBlocking its connect(2) does not wait. @throws SystemCallError */
export function openSocket(kind: 'tcp' | 'udp', nonBlocking = false): number {
  const type = kind === 'tcp' ? SocketAbi.SOCK_STREAM : Abi.SOCK_DGRAM;
  const flags = Abi.SOCK_CLOEXEC | (nonBlocking ? Abi.SOCK_NONBLOCK : 0);
  return checked(libc.socket(Abi.AF_INET, type | flags, 0), 'socket', `open a ${kind} socket`);
}

/** Sets an option whose value is one or more 32-bit integers. @throws SystemCallError */
export function setOption(fd: number, level: number, name: number, ...values: number[]): void {
  const bytes = new Uint8Array(Int32Array.from(values).buffer);
  checked(libc.setsockopt(fd, level, name, bytes, bytes.length), 'setsockopt', 'set up a socket');
}

/** Limits how long a blocking read waits. @throws SystemCallError */
export function limitReads(fd: number, timeoutMs: number): void {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setBigInt64(0, BigInt(Math.floor(timeoutMs / 1000)), true);
  view.setBigInt64(8, BigInt((timeoutMs % 1000) * 1000), true);
  checked(
    libc.setsockopt(fd, Abi.SOL_SOCKET, SocketAbi.SO_RCVTIMEO, bytes, bytes.length),
    'setsockopt',
    'set up a socket',
  );
}

/** A socket address for `address`, an IPv4 address as text. @throws TypeError */
export function addressOf(address: string, port: number): Uint8Array {
  const parsed = parseIpAddress(address);
  if (parsed === undefined) throw new TypeError(`${address} is not an address`);
  return socketAddress(parsed, port);
}

/** Binds `fd` to `port` at all addresses, or at one. @throws SystemCallError */
export function bindTo(fd: number, port: number, at = '0.0.0.0'): void {
  const address = addressOf(at, port);
  checked(libc.bind(fd, address, address.length), 'bind', `bind port ${port}`);
}
