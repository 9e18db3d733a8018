/** Writing packets to a TUN queue, one writev(2) each, gathered from slices of mapped memory. */
import type { DeliveryBatch } from '../dataplane/delivery-batch.ts';
import { AddressTable } from './address-table.ts';
import { errnoName } from './errno.ts';
import { lastErrno, libc } from './ffi.ts';
import { Struct } from './kernel-abi.ts';
import type { MappedMemory } from './mapped-memory.ts';

/** What became of the packets of a batch: exactly one of these for each, in order. */
export interface DeliveryOutcome {
  delivered(packet: number): void;
  failed(packet: number, errnoName: string): void;
}

/** Vectors for one batch. */
export class TunWriter {
  readonly #fd: number;
  readonly #memory: MappedMemory;
  readonly #iovecsAt: number;
  readonly #iovecs: AddressTable;
  readonly #outcome: DeliveryOutcome;

  /** Bytes of mapped memory that a writer for batches of `maxPieces` pieces takes. */
  static memoryBytes(maxPieces: number): number {
    return maxPieces * Struct.iovec.size + 64;
  }

  /** @param maxPieces of the batches. */
  constructor(fd: number, memory: MappedMemory, maxPieces: number, outcome: DeliveryOutcome) {
    this.#fd = fd;
    this.#memory = memory;
    this.#outcome = outcome;
    this.#iovecsAt = memory.allocate(maxPieces * Struct.iovec.size).at;
    this.#iovecs = new AddressTable(memory, this.#iovecsAt, Struct.iovec.size, maxPieces);
    for (let piece = 0; piece < maxPieces; piece++) memory.writePointer(this.#iovecsAt + piece * Struct.iovec.size, 0);
  }

  /** Writes all packets of `batch`, and reports the outcome of each. Does not clear the batch. Never throws. */
  write(batch: DeliveryBatch): void {
    const memory = this.#memory;
    for (let piece = 0; piece < batch.pieceCount; piece++) {
      const iovecAt = this.#iovecsAt + piece * Struct.iovec.size;
      memory.changePointer(iovecAt, batch.pieceAt[piece]!);
      memory.words[(iovecAt + Struct.iovec.iov_len) >> 2] = batch.pieceLengthBytes[piece]!;
    }
    for (let packet = 0; packet < batch.packetCount; packet++) {
      const first = batch.firstPiece[packet]!;
      const count = batch.firstPiece[packet + 1]! - first;
      if (libc.writev(this.#fd, this.#iovecs.get(first), count) >= 0) this.#outcome.delivered(packet);
      else this.#outcome.failed(packet, errnoName(lastErrno()));
    }
  }
}
