/** A packet as it was read from a stream: its comment is decoded when somebody asks, and can be written again as it is. */
import type { PcapngDirection, PcapngPacket, PcapngTime } from './pcapng.ts';

export class ReadPacket implements PcapngPacket {
  interfaceId: number;
  seconds: number;
  nanoseconds: number;
  readonly bytes: Uint8Array;
  readonly lengthBytes: number;
  direction: PcapngDirection | undefined;
  lost: number | undefined;
  id: bigint | undefined;
  /** The low 53 bits of the id: a number is found in a map much faster than a bigint. */
  idKey = 0;
  queue: number | undefined;
  encodedComment: Uint8Array | undefined;
  readonly #decoder: { decode(bytes: Uint8Array): string };

  constructor(
    interfaceId: number,
    time: PcapngTime,
    bytes: Uint8Array,
    lengthBytes: number,
    decoder: { decode(bytes: Uint8Array): string },
  ) {
    this.interfaceId = interfaceId;
    this.seconds = time.seconds;
    this.nanoseconds = time.nanoseconds;
    this.bytes = bytes;
    this.lengthBytes = lengthBytes;
    this.direction = undefined;
    this.lost = undefined;
    this.id = undefined;
    this.queue = undefined;
    this.encodedComment = undefined;
    this.#decoder = decoder;
  }

  get comment(): string | undefined {
    return this.encodedComment && this.#decoder.decode(this.encodedComment);
  }
}
