/**
 * Whole frames of one kind, as they come to a network device and leave by it: packet(7). What the device itself sends is not among them.
 *
 * Chosen: a socket that is read now and then. Instead of: a thread that waits. Because: whoever asks for an address waits for a second before
 * it asks again, and a read in vain costs a microsecond.
 */
import type { BpfProgram } from '../capture/bpf-program.ts';
import { SystemCallError } from '../errors.ts';
import { checked, lastErrnoName } from './errno.ts';
import { libc } from './ffi.ts';
import { Abi, Struct } from './kernel-abi.ts';
import { attachFilter } from './socket-filter.ts';

/** Longest frame that is read whole; of others, so much. */
const FRAME_BYTES = 2_048;

const PURPOSE = 'take part in a link';

export class LinkSocket {
  readonly #fd: number;
  readonly #index: number;
  readonly #bytes = new Uint8Array(FRAME_BYTES);

  /**
   * @param index of the device, in the namespace of the calling thread
   * @param etherType of the frames
   * @param filter for whole frames: only what it wants is read
   * @throws SystemCallError `EPERM` without NET_RAW, `ENXIO` or `ENODEV` if there is no such device
   */
  constructor(index: number, etherType: number, filter: BpfProgram) {
    this.#index = index;
    const type = Abi.SOCK_RAW | Abi.SOCK_CLOEXEC | Abi.SOCK_NONBLOCK;
    // Of no protocol, it hears nothing before it has its filter.
    this.#fd = checked(libc.socket(Abi.AF_PACKET, type, 0), 'socket', PURPOSE);
    try {
      attachFilter(this.#fd, filter, PURPOSE);
      const { size, sll_family, sll_protocol, sll_ifindex } = Struct.sockaddr_ll;
      const address = new DataView(new ArrayBuffer(size));
      address.setUint16(sll_family, Abi.AF_PACKET, true);
      address.setUint16(sll_protocol, etherType);
      address.setInt32(sll_ifindex, index, true);
      checked(libc.bind(this.#fd, new Uint8Array(address.buffer), size), 'bind', PURPOSE);
    } catch (error) {
      libc.close(this.#fd);
      throw error;
    }
  }

  /** The next frame, a copy; `undefined`: there is none. Never waits. @throws SystemCallError `ENETDOWN` and others: the device went */
  read(): Uint8Array | undefined {
    const length = libc.readBytes(this.#fd, this.#bytes, this.#bytes.length);
    if (length > 0) return this.#bytes.slice(0, length);
    const name = length === 0 ? 'EAGAIN' : lastErrnoName();
    if (name === 'EAGAIN') return undefined;
    throw new SystemCallError('read', name, PURPOSE);
  }

  /** What cannot be sent now is not sent: whoever waits for it asks again. */
  send(frame: Uint8Array): void {
    libc.writeBytes(this.#fd, frame, frame.length);
  }

  /** Hears what goes to any group, too. */
  hearAllGroups(): void {
    const { size, mr_ifindex, mr_type } = Struct.packet_mreq;
    const request = new DataView(new ArrayBuffer(size));
    request.setInt32(mr_ifindex, this.#index, true);
    request.setUint16(mr_type, Abi.PACKET_MR_ALLMULTI, true);
    const option = new Uint8Array(request.buffer);
    libc.setsockopt(this.#fd, Abi.SOL_PACKET, Abi.PACKET_ADD_MEMBERSHIP, option, option.length);
  }

  close(): void {
    libc.close(this.#fd);
  }
}
