/** Hears what nftables says of traced packets of a network namespace: netlink(7), group NFNLGRP_NFTRACE. */
import { SystemCallError } from '../errors.ts';
import { checked, lastErrnoName } from './errno.ts';
import { libc } from './ffi.ts';
import { Abi, Struct } from './kernel-abi.ts';
import { type NftTraceEvent, parseNftTraceEvents } from './nft-trace-message.ts';

/** Room for the messages about some hundreds of packets through large rulesets; each takes half a kilobyte. */
const BUFFER_BYTES = 4 * 1024 * 1024;

/** No message is longer. */
const MESSAGE_BYTES = 65_536;

/** Messages that are taken in one go: others must not be kept waiting. */
const MAX_MESSAGES = 10_000;

export class NftTraceSocket {
  readonly #fd: number;
  readonly #bytes = new Uint8Array(MESSAGE_BYTES);
  #overran = false;

  /**
   * Hears all that is traced in the namespace of the calling thread from now on.
   *
   * @throws SystemCallError also where this process may not (NET_ADMIN).
   */
  constructor() {
    const purpose = 'hear what nftables traces';
    const type = Abi.SOCK_RAW | Abi.SOCK_NONBLOCK | Abi.SOCK_CLOEXEC;
    this.#fd = checked(libc.socket(Abi.AF_NETLINK, type, Abi.NETLINK_NETFILTER), 'socket', purpose);
    const address = new Uint8Array(Struct.sockaddr_nl.size);
    const view = new DataView(address.buffer);
    view.setUint16(Struct.sockaddr_nl.nl_family, Abi.AF_NETLINK, true);
    view.setUint32(Struct.sockaddr_nl.nl_groups, 1 << (Abi.NFNLGRP_NFTRACE - 1), true);
    try {
      const size = new Uint8Array(Int32Array.of(BUFFER_BYTES).buffer);
      libc.setsockopt(this.#fd, Abi.SOL_SOCKET, Abi.SO_RCVBUFFORCE, size, size.length);
      checked(libc.bind(this.#fd, address, address.length), 'bind', purpose);
    } catch (error) {
      libc.close(this.#fd);
      throw error;
    }
  }

  /** Whether there was no room for some messages. */
  get overran(): boolean {
    return this.#overran;
  }

  /** What was said since it was asked last. */
  read(): NftTraceEvent[] {
    const events: NftTraceEvent[] = [];
    for (let messages = 0; messages < MAX_MESSAGES; messages++) {
      const length = libc.readBytes(this.#fd, this.#bytes, this.#bytes.length);
      if (length > 0) {
        events.push(...parseNftTraceEvents(this.#bytes, length));
        continue;
      }
      // 0 bytes are no error, and leave the number of an earlier one.
      const name = length === 0 ? 'EAGAIN' : lastErrnoName();
      if (name === 'EAGAIN') break;
      if (name !== 'ENOBUFS') throw new SystemCallError('read', name, 'hear what nftables traces');
      this.#overran = true;
    }
    return events;
  }

  close(): void {
    libc.close(this.#fd);
  }
}
