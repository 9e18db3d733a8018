/**
 * Sockets for requests to netfilter, by netlink(7), that are used again.
 *
 * Chosen: a few that stay open. Instead of: one for each request. Because: whenever a socket of this protocol is closed, the kernel waits
 * until what was removed from nftables before is free (nf_tables_api.c, nft_rcv_nl_event), and that takes a grace period of RCU: 10 ms after
 * each change, in which the thread does nothing else.
 */
import { libc } from './ffi.ts';
import { Abi } from './kernel-abi.ts';
import { MAX_TRANSACTION_BYTES } from './nft-element-message.ts';
import { isInOtherNamespace } from './network-namespace.ts';

/** Most that stay open while nobody uses them. */
const MAX_IDLE = 4;

/** In the namespace where the thread began. One in another would keep that from going. */
const idle: number[] = [];

export class NetfilterSocket {
  /** -1: it could not be made, and errno says why. */
  readonly fd: number;
  readonly #isElsewhere = isInOtherNamespace();

  /** In the network namespace where the calling thread is now. To be closed. */
  constructor() {
    this.fd = (this.#isElsewhere ? undefined : idle.pop()) ?? open();
  }

  /** @param isAnswered whether all that was asked is answered, and everything was read: otherwise nobody else can use it */
  close(isAnswered: boolean): void {
    if (this.fd === -1) return;
    if (isAnswered && !this.#isElsewhere && idle.length < MAX_IDLE) idle.push(this.fd);
    else libc.close(this.fd);
  }
}

function open(): number {
  const type = Abi.SOCK_RAW | Abi.SOCK_CLOEXEC | Abi.SOCK_NONBLOCK;
  const fd = libc.socket(Abi.AF_NETLINK, type, Abi.NETLINK_NETFILTER);
  if (fd === -1) return fd;
  // Messages of a transaction and their answers are all there at one time, with what the kernel keeps of each.
  const room = new Uint8Array(Int32Array.of(2 * MAX_TRANSACTION_BYTES).buffer);
  for (const option of [Abi.SO_SNDBUFFORCE, Abi.SO_RCVBUFFORCE])
    libc.setsockopt(fd, Abi.SOL_SOCKET, option, room, room.length);
  return fd;
}
