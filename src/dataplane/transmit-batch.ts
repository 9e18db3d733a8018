/** Whose a datagram in a batch is. */
export const DatagramOwner = {
  /** `Egress`: what pods sent; */
  egress: 0,
  /** `PathProbes`; */
  probe: 1,
  /** `Relay`: what is passed on from one peer to another. */
  relay: 2,
} as const;

export type DatagramOwner = (typeof DatagramOwner)[keyof typeof DatagramOwner];

/**
 * What the dataplane wants sent to the underlay: datagrams, each gathered from pieces of the worker's memory.
 *
 * The core fills it, the edge (`linux/datagram-sender.ts`) turns it into `sendmmsg` calls. A datagram is a header piece,
 * built by us, and slices of what was read from the TUN device: a payload is never copied in user space. Neighbouring
 * datagrams with the same peer, socket and length may leave in one `UDP_SEGMENT` send; order within a socket is kept.
 * Over virtual links, such a send is one frame up to the receiver: it passes where each of its datagrams by itself is too large,
 * and may be lost where they are not. Hence what measures the path leaves alone ({@link TransmitBatch.isAlone}).
 *
 * Plain typed arrays, allocated once. Offsets are bytes into the worker's memory.
 */
export class TransmitBatch {
  readonly maxDatagrams: number;
  readonly maxPieces: number;
  /** Number of datagrams that are filled in. */
  datagramCount = 0;
  /** Number of pieces that are filled in. */
  pieceCount = 0;
  /** Per datagram: index of the peer it goes to. */
  readonly peer: Int32Array;
  /** Per datagram: whose it is, and who is told what becomes of it: see {@link DatagramOwner}. */
  readonly owner: Uint8Array;
  /** Per datagram: the peer in whose account it is: the same or, where it is relayed, the one that it came from. */
  readonly accountPeer: Int32Array;
  /** Per datagram: which of the sending sockets (source ports) takes it; {@link WITHHELD}: none. */
  readonly socket: Int32Array;
  /** Per datagram: its UDP payload, in bytes: the sum of its pieces. */
  readonly lengthBytes: Int32Array;
  /** Per datagram: the inner IP packet in it, in bytes. What surrounds that is not the same for all. */
  readonly innerLengthBytes: Int32Array;
  /** Per datagram: index of its first piece; its last ends where the next datagram's first begins. */
  readonly firstPiece: Int32Array;
  /**
   * Per datagram: 0, or the largest outer packet that its path carries, in bytes: it is longer, and is to be fragmented
   * (`linux/fragment-sender.ts`).
   */
  readonly outerFragmentBytes: Int32Array;
  /** Per datagram: traffic class of the outer header, DSCP and ECN. */
  readonly trafficClass: Uint8Array;
  /** Per datagram: 1 if it leaves in a send of its own, as it would on any wire. */
  readonly isAlone: Uint8Array;
  /** Per datagram: which captures want it, see `Taps`. */
  readonly marks: Uint8Array;
  /** Per datagram: 1 if injected faults held it back before: it is not judged again. */
  readonly held: Uint8Array;
  /** Per piece: where it starts. */
  readonly pieceAt: Int32Array;
  /** Per piece: how long it is, in bytes. */
  readonly pieceLengthBytes: Int32Array;

  constructor(maxDatagrams: number, maxPieces: number) {
    this.maxDatagrams = maxDatagrams;
    this.maxPieces = maxPieces;
    this.peer = new Int32Array(maxDatagrams);
    this.owner = new Uint8Array(maxDatagrams);
    this.accountPeer = new Int32Array(maxDatagrams);
    this.socket = new Int32Array(maxDatagrams);
    this.lengthBytes = new Int32Array(maxDatagrams);
    this.innerLengthBytes = new Int32Array(maxDatagrams);
    this.firstPiece = new Int32Array(maxDatagrams + 1);
    this.outerFragmentBytes = new Int32Array(maxDatagrams);
    this.trafficClass = new Uint8Array(maxDatagrams);
    this.isAlone = new Uint8Array(maxDatagrams);
    this.marks = new Uint8Array(maxDatagrams);
    this.held = new Uint8Array(maxDatagrams);
    this.pieceAt = new Int32Array(maxPieces);
    this.pieceLengthBytes = new Int32Array(maxPieces);
  }

  /** Begins a datagram of `owner`, with an inner packet of `innerLengthBytes`, for `peer` on sending socket `socket`. {@link piece} adds to it. */
  datagram(owner: DatagramOwner, peer: number, socket: number, innerLengthBytes: number): void {
    const index = this.datagramCount++;
    this.owner[index] = owner;
    this.innerLengthBytes[index] = innerLengthBytes;
    this.peer[index] = peer;
    this.accountPeer[index] = peer;
    this.socket[index] = socket;
    this.lengthBytes[index] = 0;
    this.outerFragmentBytes[index] = 0;
    this.trafficClass[index] = 0;
    this.isAlone[index] = 0;
    this.marks[index] = 0;
    this.held[index] = 0;
    this.firstPiece[index] = this.pieceCount;
    this.firstPiece[index + 1] = this.pieceCount;
  }

  /** Adds `lengthBytes` bytes at `at` to the datagram begun last. */
  piece(at: number, lengthBytes: number): void {
    const index = this.pieceCount++;
    this.pieceAt[index] = at;
    this.pieceLengthBytes[index] = lengthBytes;
    const datagram = this.datagramCount - 1;
    this.lengthBytes[datagram] = this.lengthBytes[datagram]! + lengthBytes;
    this.firstPiece[datagram + 1] = this.pieceCount;
  }

  /**
   * Has those datagrams from number `first` on that are longer than `maxLengthBytes` leave in outer packets of at most
   * `pathMtuBytes`.
   */
  fragmentOuter(first: number, maxLengthBytes: number, pathMtuBytes: number): void {
    for (let datagram = first; datagram < this.datagramCount; datagram++) {
      if (this.lengthBytes[datagram]! > maxLengthBytes) this.outerFragmentBytes[datagram] = pathMtuBytes;
    }
  }

  /** Copies the pieces of `datagram`, one after the other, to `at` in the memory that they are in. */
  copyInto(datagram: number, memory: Uint8Array, at: number): void {
    const end = this.firstPiece[datagram + 1]!;
    for (let piece = this.firstPiece[datagram]!; piece < end; piece++) {
      const from = this.pieceAt[piece]!;
      const lengthBytes = this.pieceLengthBytes[piece]!;
      memory.copyWithin(at, from, from + lengthBytes);
      at += lengthBytes;
    }
  }

  /** Has `datagram` stay here when the batch is sent: nothing will be reported of it. */
  withhold(datagram: number): void {
    this.socket[datagram] = WITHHELD;
  }

  /** Forgets everything. */
  clear(): void {
    this.datagramCount = 0;
    this.pieceCount = 0;
  }
}

/** Socket of a datagram that is not to be sent. */
export const WITHHELD = -1;
