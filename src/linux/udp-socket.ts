/**
 * UDP sockets of the dataplane: udp(7), ip(7), ipv6(7).
 *
 * One receives, on the VXLAN port. Others send, from ports that stand for flows (RFC 7348, section 5: a source port in
 * 49152 to 65535, from a hash of the inner headers) and receive nothing. All are bound to the underlay address, are
 * non-blocking, and belong to one worker. An underlay socket never asks for IP_RECVERR: one peer's ICMP error would fail
 * the next send to another.
 */
import { randomInt } from 'node:crypto';
import { ExhaustedError, RequirementError, SystemCallError } from '../errors.ts';
import { formatEndpoint, formatIpAddress, type IpAddress } from '../wire/address.ts';
import { checked, lastErrnoName } from './errno.ts';
import { libc } from './ffi.ts';
import { Abi } from './kernel-abi.ts';
import { socketAddress } from './socket-address.ts';
import { attachFilter } from './socket-filter.ts';

/** The receiving socket. Whoever opened it closes `fd`. */
export interface ReceivingSocket {
  readonly fd: number;
  /** Whether the kernel may hand over several datagrams as one, with the size of each beside it. Needs Linux 5.0. */
  readonly coalescing: boolean;
  /** Bytes of memory that waiting datagrams may take, kernel's bookkeeping included. */
  readonly bufferBytes: number;
}

/** A sending socket. Whoever opened it closes `fd`. */
export interface SendingSocket {
  readonly fd: number;
  readonly port: number;
  /** Whether one call may send several datagrams of one length (`UDP_SEGMENT`). Needs Linux 4.18. */
  readonly segmentation: boolean;
}

const FIRST_SOURCE_PORT = 49_152;
const LAST_SOURCE_PORT = 65_535;
const MAX_PORT_ATTEMPTS = 256;

/** Holds 100 ms of 64-byte packets at 100 000 a second; each takes up to 768 bytes of kernel memory. */
const RECEIVE_BUFFER_BYTES = 8 * 1024 * 1024;
/** Several super-packets per socket: a full buffer stops the flow that fills it, not the others. */
const SEND_BUFFER_BYTES = 4 * 1024 * 1024;

// Asked for on the packet path, whenever a socket was emptied: two arrays for all.
const memoryInfo = new Uint32Array(Abi.SK_MEMINFO_VARS);
const memoryInfoLength = new Uint32Array(1);

/**
 * Whether nobody has bound UDP `port` at `address`. Must be asked before {@link openReceivingSocket}, which shares the port
 * with other workers and so, unnoticed, with another daemon of the same user.
 *
 * @throws RequirementError `address-not-here`
 */
export function isPortFree(address: IpAddress, port: number): boolean {
  const fd = openSocket(address.family);
  try {
    return tryBind(fd, address, port);
  } finally {
    libc.close(fd);
  }
}

/**
 * Opens a socket that receives on UDP `port` at `address`, beside those of the other workers: they are one group (`SO_REUSEPORT`,
 * socket(7)), among which the kernel spreads datagrams by a hash of both endpoints. This is the only place where a socket joins a
 * group; a program that spreads in another way would be one of the group, and belong here.
 *
 * @param coalescing false: each datagram by itself.
 * @throws RequirementError `address-not-here`
 * @throws SystemCallError
 */
export function openReceivingSocket(address: IpAddress, port: number, coalescing = true): ReceivingSocket {
  const fd = openSocket(address.family);
  try {
    const purpose = 'set up the receiving socket';
    setOption(fd, Abi.SOL_SOCKET, Abi.SO_REUSEPORT, 1, purpose);
    setOption(fd, Abi.SOL_SOCKET, Abi.SO_RXQ_OVFL, 1, purpose);
    setBuffer(fd, Abi.SO_RCVBUFFORCE, Abi.SO_RCVBUF, RECEIVE_BUFFER_BYTES, purpose);
    if (address.family === 4) setOption(fd, Abi.IPPROTO_IP, Abi.IP_RECVTOS, 1, purpose);
    else setOption(fd, Abi.IPPROTO_IPV6, Abi.IPV6_RECVTCLASS, 1, purpose);
    const coalesces = coalescing && trySetOption(fd, Abi.IPPROTO_UDP, Abi.UDP_GRO, 1);
    if (!tryBind(fd, address, port)) throw bindFailed('EADDRINUSE', address, port);
    return { fd, coalescing: coalesces, bufferBytes: readOption(fd, Abi.SOL_SOCKET, Abi.SO_RCVBUF)[0] ?? 0 };
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

/**
 * Opens a socket that sends from a random free port of the dynamic range at `address`, with Don't Fragment set, and
 * whatever the routing cache believes about the path.
 *
 * @param segmentation false: each datagram by itself.
 * @throws RequirementError `address-not-here`
 * @throws ExhaustedError `source-ports-exhausted`
 * @throws SystemCallError
 */
export function openSendingSocket(address: IpAddress, segmentation = true): SendingSocket {
  const fd = openSocket(address.family);
  try {
    const purpose = 'set up a sending socket';
    receiveNothing(fd, purpose);
    setBuffer(fd, Abi.SO_SNDBUFFORCE, Abi.SO_SNDBUF, SEND_BUFFER_BYTES, purpose);
    if (address.family === 4) setOption(fd, Abi.IPPROTO_IP, Abi.IP_MTU_DISCOVER, Abi.IP_PMTUDISC_PROBE, purpose);
    else setOption(fd, Abi.IPPROTO_IPV6, Abi.IPV6_MTU_DISCOVER, Abi.IPV6_PMTUDISC_PROBE, purpose);
    const segments = segmentation && trySetOption(fd, Abi.IPPROTO_UDP, Abi.UDP_SEGMENT, 0);
    return { fd, port: bindToFreePort(fd, address), segmentation: segments };
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

/** Datagrams that the kernel dropped at socket `fd` since it was opened, modulo 2^32; -1 where it cannot tell. */
export function readSocketDrops(fd: number): number {
  memoryInfoLength[0] = memoryInfo.byteLength;
  if (libc.getsockopt(fd, Abi.SOL_SOCKET, Abi.SO_MEMINFO, memoryInfo, memoryInfoLength) === -1) return -1;
  return (memoryInfoLength[0] ?? 0) >> 2 > Abi.SK_MEMINFO_DROPS ? (memoryInfo[Abi.SK_MEMINFO_DROPS] ?? -1) : -1;
}

function openSocket(family: 4 | 6): number {
  const type = Abi.SOCK_DGRAM | Abi.SOCK_NONBLOCK | Abi.SOCK_CLOEXEC;
  const fd = checked(libc.socket(family === 4 ? Abi.AF_INET : Abi.AF_INET6, type, 0), 'socket', 'open a UDP socket');
  if (family === 6) trySetOption(fd, Abi.IPPROTO_IPV6, Abi.IPV6_V6ONLY, 1);
  return fd;
}

function bindToFreePort(fd: number, address: IpAddress): number {
  for (let attempt = 0; attempt < MAX_PORT_ATTEMPTS; attempt++) {
    const port = randomInt(FIRST_SOURCE_PORT, LAST_SOURCE_PORT + 1);
    if (tryBind(fd, address, port)) return port;
  }
  const what = `no free UDP port in ${FIRST_SOURCE_PORT}-${LAST_SOURCE_PORT} at ${formatIpAddress(address)}`;
  throw new ExhaustedError('source-ports-exhausted', `${what} after ${MAX_PORT_ATTEMPTS} attempts`);
}

/** False when the port is taken. */
function tryBind(fd: number, address: IpAddress, port: number): boolean {
  const bytes = socketAddress(address, port);
  if (libc.bind(fd, bytes, bytes.length) !== -1) return true;
  const name = lastErrnoName();
  if (name === 'EADDRINUSE') return false;
  throw bindFailed(name, address, port);
}

function bindFailed(name: string, address: IpAddress, port: number): Error {
  if (name !== 'EADDRNOTAVAIL')
    return new SystemCallError('bind', name, `bind UDP ${formatEndpoint({ address, port })}`);
  const text = formatIpAddress(address);
  return new RequirementError('address-not-here', `no interface of this node has the underlay address ${text}`, {
    address: text,
  });
}

function receiveNothing(fd: number, purpose: string): void {
  // One instruction: keep 0 bytes of each packet, which drops it.
  attachFilter(fd, [[Abi.BPF_RET | Abi.BPF_K, 0, 0, 0]], purpose);
}

function setBuffer(fd: number, forced: number, limited: number, lengthBytes: number, purpose: string): void {
  // The forced one ignores net.core.[rw]mem_max, and needs NET_ADMIN in the first user namespace.
  if (!trySetOption(fd, Abi.SOL_SOCKET, forced, lengthBytes)) {
    setOption(fd, Abi.SOL_SOCKET, limited, lengthBytes, purpose);
  }
}

function setOption(fd: number, level: number, name: number, value: number, purpose: string): void {
  if (!trySetOption(fd, level, name, value)) throw new SystemCallError('setsockopt', lastErrnoName(), purpose);
}

function trySetOption(fd: number, level: number, name: number, value: number): boolean {
  const bytes = new Uint8Array(Int32Array.of(value).buffer);
  return libc.setsockopt(fd, level, name, bytes, bytes.length) !== -1;
}

function readOption(fd: number, level: number, name: number): Uint32Array {
  const value = new Uint32Array(Abi.SK_MEMINFO_VARS);
  const length = Uint32Array.of(value.byteLength);
  if (libc.getsockopt(fd, level, name, value, length) === -1) return new Uint32Array(0);
  return value.subarray(0, (length[0] ?? 0) >> 2);
}
