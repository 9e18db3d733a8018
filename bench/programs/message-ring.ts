/** An array of `mmsghdr` over mapped memory, for sendmmsg(2) and recvmmsg(2) of datagrams of one length. */
import { Struct } from '../../src/linux/kernel-abi.ts';
import { MappedMemory } from '../../src/linux/mapped-memory.ts';

export class MessageRing {
  readonly count: number;
  readonly memory: MappedMemory;
  /** Offset of the first socket address; they lie one behind the other. */
  readonly addressesAt: number;
  readonly #messagesAt: number;

  /**
   * @param slots how many datagrams' worth of memory there is; messages share them in turn. A sender of equal datagrams
   *   needs one.
   */
  constructor(count: number, lengthBytes: number, slots = count) {
    this.count = count;
    const perMessage = Struct.mmsghdr.size + Struct.iovec.size + Struct.sockaddr_in.size;
    const memory = new MappedMemory(count * perMessage + slots * lengthBytes + 4 * 64);
    this.memory = memory;
    this.#messagesAt = memory.allocate(count * Struct.mmsghdr.size).at;
    const iovecsAt = memory.allocate(count * Struct.iovec.size).at;
    this.addressesAt = memory.allocate(count * Struct.sockaddr_in.size).at;
    const dataAt = memory.allocate(slots * lengthBytes).at;
    for (let message = 0; message < count; message++) {
      const at = this.#messagesAt + message * Struct.mmsghdr.size;
      const iovec = iovecsAt + message * Struct.iovec.size;
      memory.writePointer(at + Struct.msghdr.msg_iov, iovec);
      memory.words[(at + Struct.msghdr.msg_iovlen) >> 2] = 1;
      memory.writePointer(iovec + Struct.iovec.iov_base, dataAt + (message % slots) * lengthBytes);
      memory.words[(iovec + Struct.iovec.iov_len) >> 2] = lengthBytes;
    }
  }

  /** For the kernel. */
  get address(): number {
    return this.memory.address + this.#messagesAt;
  }

  /** Length of the datagram that message `message` received, in bytes. */
  receivedBytes(message: number): number {
    return this.memory.words[(this.#messagesAt + message * Struct.mmsghdr.size + Struct.mmsghdr.msg_len) >> 2]!;
  }

  /** Lets each message go where its socket address says: `count` IPv4 addresses are written by the caller. */
  addressMessages(): void {
    for (let message = 0; message < this.count; message++) {
      const at = this.#messagesAt + message * Struct.mmsghdr.size;
      this.memory.writePointer(at + Struct.msghdr.msg_name, this.addressesAt + message * Struct.sockaddr_in.size);
      this.memory.words[(at + Struct.msghdr.msg_namelen) >> 2] = Struct.sockaddr_in.size;
    }
  }
}
