/**
 * What the dataplane wants written to the TUN device: packets, each gathered from pieces of the worker's memory.
 *
 * The core fills it, the edge (`linux/tun-writer.ts`) turns each into one `writev`. The first piece of a packet is its
 * virtio-net header, built by us; the rest are slices of the received datagrams.
 *
 * Plain typed arrays, allocated once. Offsets are bytes into the worker's memory.
 */
export class DeliveryBatch {
  readonly maxPackets: number;
  readonly maxPieces: number;
  /** Number of packets that are filled in. */
  packetCount = 0;
  /** Number of pieces that are filled in. */
  pieceCount = 0;
  /** Per packet: how many inner IP packets, counted after segmentation, it stands for. */
  readonly innerPackets: Int32Array;
  /** Per packet: bytes of the inner IP packet or super-packet, without the virtio-net header. */
  readonly lengthBytes: Int32Array;
  /** Per packet: bytes of the inner packets it stands for, after segmentation. */
  readonly innerBytes: Int32Array;
  /** Per packet: the peer that it came from. */
  readonly peer: Int32Array;
  /** Per packet: which captures want it, or one of those that it stands for, see `Taps`. */
  readonly marks: Uint8Array;
  /** Per packet: index of its first piece; its last ends where the next packet's first begins. */
  readonly firstPiece: Int32Array;
  /** Per piece: where it starts. */
  readonly pieceAt: Int32Array;
  /** Per piece: how long it is, in bytes. */
  readonly pieceLengthBytes: Int32Array;

  constructor(maxPackets: number, maxPieces: number) {
    this.maxPackets = maxPackets;
    this.maxPieces = maxPieces;
    this.innerPackets = new Int32Array(maxPackets);
    this.lengthBytes = new Int32Array(maxPackets);
    this.innerBytes = new Int32Array(maxPackets);
    this.peer = new Int32Array(maxPackets);
    this.marks = new Uint8Array(maxPackets);
    this.firstPiece = new Int32Array(maxPackets + 1);
    this.pieceAt = new Int32Array(maxPieces);
    this.pieceLengthBytes = new Int32Array(maxPieces);
  }

  /**
   * Begins a packet from `peer` that stands for `innerPackets` packets of `innerBytes` bytes together. {@link piece} adds to
   * it, the virtio-net header first.
   *
   * @param peer 0: this node itself, or none.
   */
  packet(innerPackets: number, lengthBytes: number, innerBytes: number, peer = 0, marks = 0): void {
    const index = this.packetCount++;
    this.innerPackets[index] = innerPackets;
    this.lengthBytes[index] = lengthBytes;
    this.innerBytes[index] = innerBytes;
    this.peer[index] = peer;
    this.marks[index] = marks;
    this.firstPiece[index] = this.pieceCount;
    this.firstPiece[index + 1] = this.pieceCount;
  }

  /** Adds `lengthBytes` bytes at `at` to the packet begun last. */
  piece(at: number, lengthBytes: number): void {
    const index = this.pieceCount++;
    this.pieceAt[index] = at;
    this.pieceLengthBytes[index] = lengthBytes;
    this.firstPiece[this.packetCount] = this.pieceCount;
  }

  /** Forgets everything. */
  clear(): void {
    this.packetCount = 0;
    this.pieceCount = 0;
  }
}
