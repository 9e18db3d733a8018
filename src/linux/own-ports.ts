/** Ports of netlink by which weft changes something itself: of its programs, mostly their process ids, and of sockets of its own. */
import { libc } from './ffi.ts';
import { Struct } from './kernel-abi.ts';

/** Most that are known. */
const MAX_KNOWN = 512;

/** The last one at the end. */
const known = new Set<number>();

/** Whether weft has a port, or had it of late. */
export function isOwnPort(port: number): boolean {
  return known.has(port);
}

/** Has {@link isOwnPort} know a port. */
export function rememberOwnPort(port: number): void {
  known.delete(port);
  known.add(port);
  const [first] = known;
  if (known.size > MAX_KNOWN) known.delete(first!);
}

/** Has {@link isOwnPort} know that of a socket of netlink, which has one from its first message on. */
export function rememberOwnSocket(fd: number): void {
  const { size, nl_pid } = Struct.sockaddr_nl;
  const address = new Uint8Array(size);
  if (libc.getsockname(fd, address, Uint32Array.of(size)) === -1) return;
  rememberOwnPort(new DataView(address.buffer).getUint32(nl_pid, true));
}
