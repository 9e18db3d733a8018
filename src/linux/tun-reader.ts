/** Reading packets from a TUN queue, one read(2) each, into slots of mapped memory. */
import { SystemCallError } from '../errors.ts';
import { AddressTable } from './address-table.ts';
import { errnoName } from './errno.ts';
import { lastErrno, libc } from './ffi.ts';
import { Struct } from './kernel-abi.ts';
import type { MappedMemory } from './mapped-memory.ts';

/** The virtio-net header and the longest packet that its IP header can describe: IPv6, 40 + 65535. */
const MAX_READ_BYTES = Struct.virtio_net_hdr.size + 40 + 65535;

/** Slots for one batch. The packets in them stay until their slot is read into again. */
export class TunReader {
  readonly #fd: number;
  readonly #firstAt: number;
  readonly #slotBytes: number;
  readonly #addresses: AddressTable;
  /** Whether the device was deleted. Whoever gives the descriptor another one sets this back. */
  isGone = false;

  /** Bytes of mapped memory that `slots` slots with `headroomBytes` in front of each packet take. */
  static memoryBytes(slots: number, headroomBytes: number): number {
    return slots * slotBytes(headroomBytes) + 64;
  }

  /** @param headroomBytes room before each packet that the reader of the packet may write to. */
  constructor(fd: number, memory: MappedMemory, slots: number, headroomBytes: number) {
    this.#fd = fd;
    this.#slotBytes = slotBytes(headroomBytes);
    this.#firstAt = memory.allocate(slots * this.#slotBytes).at + headroomBytes;
    this.#addresses = new AddressTable(memory, this.#firstAt, this.#slotBytes, slots);
  }

  /** Where the packet of slot `slot` begins, with its virtio-net header: an offset into the memory. */
  at(slot: number): number {
    return this.#firstAt + slot * this.#slotBytes;
  }

  /**
   * Reads the next packet, or super-packet, into slot `slot`. Returns its length with the virtio-net header, 0 when there
   * is none at the moment, or no device any more: see {@link isGone}.
   *
   * @throws SystemCallError
   */
  read(slot: number): number {
    const lengthBytes = libc.read(this.#fd, this.#addresses.get(slot), MAX_READ_BYTES);
    if (lengthBytes >= 0) return lengthBytes;
    const name = errnoName(lastErrno());
    if (name === 'EAGAIN' || name === 'EINTR') return 0;
    if (name === 'EBADFD') {
      this.isGone = true;
      return 0;
    }
    throw new SystemCallError('read', name, 'read from the TUN device');
  }
}

function slotBytes(headroomBytes: number): number {
  return Math.ceil((headroomBytes + MAX_READ_BYTES) / 64) * 64;
}
