/** Hears which packets rules of the firewall log, by one group of nfnetlink_log, in the network namespace of the calling thread. */
import { SystemCallError } from '../errors.ts';
import { checked, errnoName, lastErrnoName } from './errno.ts';
import { libc } from './ffi.ts';
import { Abi } from './kernel-abi.ts';
import { acknowledgedError } from './netlink-message.ts';
import {
  listenMessage,
  type LoggedPacket,
  type PacketLogWish,
  parseLoggedPackets,
  tellMessage,
} from './packet-log-message.ts';

/** Room for some thousand packets. */
const BUFFER_BYTES = 2 * 1024 * 1024;

/** No message is longer. */
const MESSAGE_BYTES = 65_536;

const PURPOSE = 'hear which packets are logged';

/** What was heard since it was asked last. */
export interface HeardPackets {
  readonly packets: readonly LoggedPacket[];
  /** Whether there may be more already. */
  readonly isMore: boolean;
  /** Packets that there was no room for. */
  readonly lost: number;
}

export class PacketLogSocket {
  readonly #fd: number;
  readonly #bytes = new Uint8Array(MESSAGE_BYTES);
  /** Of this listener: the kernel begins with 0 (nfnetlink_log.c, instance_create). */
  #nextSequence = 0;

  /**
   * Hears from now on.
   *
   * @throws SystemCallError `EBUSY` or `EPERM` if another socket listens to the group, also one of this process; `EINVAL` or
   * `EOPNOTSUPP` if the kernel has no nfnetlink_log
   */
  constructor(wish: PacketLogWish) {
    const type = Abi.SOCK_RAW | Abi.SOCK_CLOEXEC | Abi.SOCK_NONBLOCK;
    this.#fd = checked(libc.socket(Abi.AF_NETLINK, type, Abi.NETLINK_NETFILTER), 'socket', PURPOSE);
    try {
      const size = new Uint8Array(Int32Array.of(BUFFER_BYTES).buffer);
      libc.setsockopt(this.#fd, Abi.SOL_SOCKET, Abi.SO_RCVBUFFORCE, size, size.length);
      this.#ask(listenMessage(wish));
      this.#ask(tellMessage(wish));
    } catch (error) {
      libc.close(this.#fd);
      throw error;
    }
  }

  /** Takes packets until there are `most`, or some more that the kernel told with the last one. Never waits. @throws SystemCallError */
  read(most: number): HeardPackets {
    const packets: LoggedPacket[] = [];
    let lost = 0;
    while (packets.length < most) {
      const length = libc.readBytes(this.#fd, this.#bytes, this.#bytes.length);
      if (length > 0) {
        for (const packet of parseLoggedPackets(this.#bytes, length)) {
          lost += this.#lostBefore(packet.sequence);
          packets.push({ ...packet, packet: packet.packet.slice() });
        }
        continue;
      }
      // 0 bytes are no error, and leave the number of an earlier one.
      const name = length === 0 ? 'EAGAIN' : lastErrnoName();
      if (name === 'EAGAIN') return { packets, isMore: false, lost };
      // There was no room for some: the number of the next one says for how many.
      if (name !== 'ENOBUFS') throw new SystemCallError('read', name, PURPOSE);
    }
    return { packets, isMore: true, lost };
  }

  close(): void {
    libc.close(this.#fd);
  }

  #lostBefore(sequence: number | undefined): number {
    if (sequence === undefined) return 0;
    const lost = (sequence - this.#nextSequence) >>> 0;
    this.#nextSequence = (sequence + 1) >>> 0;
    return lost;
  }

  /** The kernel answers within the call that asks. Before that answer there may be packets already: these count as lost. */
  #ask(message: Uint8Array): void {
    checked(libc.writeBytes(this.#fd, message, message.length), 'write', PURPOSE);
    for (;;) {
      const length = checked(libc.readBytes(this.#fd, this.#bytes, this.#bytes.length), 'read', PURPOSE);
      const error = acknowledgedError(this.#bytes.subarray(0, length));
      if (error === undefined) continue;
      if (error !== 0) throw new SystemCallError('netlink', errnoName(error), PURPOSE);
      return;
    }
  }
}
