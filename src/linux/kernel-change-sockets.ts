/**
 * Hears what changes in the network of this process's namespace: links, addresses, routes, and rules of nftables.
 *
 * Chosen: sockets of netlink(7) that are read now and then. Instead of: `ip monitor` and `nft monitor`, left running. Because: a
 * read in vain costs a microsecond, and there is no process that may end, block or be missing. Instead of: a thread that
 * waits. Because: it would take ten megabytes, to be some hundred milliseconds sooner.
 */
import { SystemCallError } from '../errors.ts';
import { checked, lastErrnoName } from './errno.ts';
import { libc } from './ffi.ts';
import { Abi, Struct } from './kernel-abi.ts';
import { type KernelChange, parseKernelChanges } from './kernel-change.ts';
import { isOwnPort } from './own-ports.ts';

/** Room for some thousand messages. Where there is no room, that is told, and everything is looked at. */
const BUFFER_BYTES = 1024 * 1024;

/** No message is longer. */
const MESSAGE_BYTES = 65_536;

/** Most messages that are taken in one go, of each socket: ten thousand routes of others must keep nobody waiting. */
const MAX_MESSAGES = 1_000;

const ROUTE_GROUPS =
  Abi.RTMGRP_LINK | Abi.RTMGRP_IPV4_IFADDR | Abi.RTMGRP_IPV4_ROUTE | Abi.RTMGRP_IPV6_IFADDR | Abi.RTMGRP_IPV6_ROUTE;

/** What was heard since it was asked last. Of what weft changes in nftables itself, hundreds of messages at a time, only the ends of transactions. */
export interface HeardChanges {
  readonly changes: readonly KernelChange[];
  /** Whether there was more than could be kept: anything may have changed. */
  readonly overran: boolean;
}

export class KernelChangeSockets {
  readonly #fds: number[] = [];
  readonly #bytes = new Uint8Array(MESSAGE_BYTES);

  /** Hears from now on. @throws SystemCallError also where this process may not (NET_ADMIN). */
  constructor() {
    try {
      this.#open(Abi.NETLINK_ROUTE, ROUTE_GROUPS);
      this.#open(Abi.NETLINK_NETFILTER, 1 << (Abi.NFNLGRP_NFTABLES - 1));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Never waits. @throws SystemCallError */
  read(): HeardChanges {
    const changes: KernelChange[] = [];
    let overran = false;
    for (const fd of this.#fds) {
      for (let messages = 0; messages < MAX_MESSAGES; messages++) {
        const length = libc.readBytes(fd, this.#bytes, this.#bytes.length);
        if (length > 0) {
          changes.push(...parseKernelChanges(this.#bytes, length, isOwnPort));
          continue;
        }
        const name = length === 0 ? 'EAGAIN' : lastErrnoName();
        if (name === 'EAGAIN') break;
        if (name !== 'ENOBUFS') throw new SystemCallError('read', name, 'hear what changes in the kernel');
        overran = true;
      }
    }
    return { changes, overran };
  }

  close(): void {
    for (const fd of this.#fds.splice(0)) libc.close(fd);
  }

  #open(protocol: number, groups: number): void {
    const purpose = 'hear what changes in the kernel';
    const type = Abi.SOCK_RAW | Abi.SOCK_NONBLOCK | Abi.SOCK_CLOEXEC;
    const fd = checked(libc.socket(Abi.AF_NETLINK, type, protocol), 'socket', purpose);
    this.#fds.push(fd);
    const size = new Uint8Array(Int32Array.of(BUFFER_BYTES).buffer);
    libc.setsockopt(fd, Abi.SOL_SOCKET, Abi.SO_RCVBUFFORCE, size, size.length);
    const address = new Uint8Array(Struct.sockaddr_nl.size);
    const view = new DataView(address.buffer);
    view.setUint16(Struct.sockaddr_nl.nl_family, Abi.AF_NETLINK, true);
    view.setUint32(Struct.sockaddr_nl.nl_groups, groups, true);
    checked(libc.bind(fd, address, address.length), 'bind', purpose);
  }
}
