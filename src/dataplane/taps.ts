/**
 * The taps of one worker: what captures want to see is copied into their rings, as `tap-record.ts` says, while packets go on.
 *
 * A packet is judged once, by each capture's filter, when it is first seen; the outcome is a set of marks, a bit per capture, that
 * goes along with it through all hooks. Where there is no capture, a hook costs a look at one number. What to write at which
 * hook is in `egress-taps.ts` and `ingress-taps.ts`.
 */
import { VIRTIO_NET_HEADER_LENGTH } from '../wire/virtio-net.ts';
import { ENCAPSULATION_LENGTH } from './encapsulation.ts';
import type { DropReason } from './drop-reason.ts';
import type { ForwardingReader } from './forwarding-table.ts';
import { Hook } from './hook.ts';
import { TAP_HEADER_BYTES, TapField, TapForm } from './tap-record.ts';
import type { TapRingWriter } from './tap-ring.ts';
import type { TransmitBatch } from './transmit-batch.ts';

/** Most captures at a time: a mark is a bit of an octet. */
const MAX_CAPTURES = 8;

/** Not 0 if the `lengthBytes` bytes at `at`, an IP packet, are wanted. Never throws, reads nothing beyond them. */
export type PacketFilter = (bytes: Uint8Array, at: number, lengthBytes: number) => number;

/** A capture, as a worker has it. */
export interface TapCapture {
  /** 0 to {@link MAX_CAPTURES} - 1. */
  readonly slot: number;
  /** A bit per hook that it wants: `1 << Hook.fromPod` and so on. */
  readonly hooks: number;
  /** For inner packets; without one, all are wanted. */
  readonly filter: PacketFilter | undefined;
  /** For inner super-packets: it may say yes too often, as whoever reads the ring asks again for each segment. */
  readonly superFilter: PacketFilter | undefined;
  /**
   * How much of a packet is kept. Of a super-packet it is all if its segments are shorter than this, and else that much of its
   * beginning: of its first segment as much as of any packet, of the others the headers.
   */
  readonly snaplenBytes: number;
  readonly ring: TapRingWriter;
}

/** Copies bytes between arrays that do not overlap. `Buffer` can do it several times faster than a loop, or `set`. */
export type CopyBytes = (from: Uint8Array, fromAt: number, to: Uint8Array, toAt: number, lengthBytes: number) => void;

/** Where this worker's datagrams leave from, and arrive at. */
export interface TapEndpoint {
  readonly family: 4 | 6;
  /** 4 or 16 bytes. */
  readonly address: Uint8Array;
  readonly receivingPort: number;
  /** By the number of the sending socket. */
  readonly sendingPorts: readonly number[];
}

export interface TapsOptions {
  /** The worker's whole memory; all offsets are into it. */
  readonly memory: Uint8Array;
  readonly worker: number;
  /** Number of the forwarding state in use. */
  readonly forwarding: Pick<ForwardingReader, 'generation'>;
  /** Writes the time, by CLOCK_MONOTONIC, as seconds and nanoseconds. */
  readonly readTime: (time: Uint32Array) => void;
  readonly copy: CopyBytes;
  readonly endpoint: TapEndpoint;
}

/** The outer header of a datagram, as far as a record names it. */
class TapOuter {
  /** 0: there is none. */
  family: 0 | 4 | 6 = 0;
  trafficClass = 0;
  hopLimit = 0;
  localPort = 0;
  remotePort = 0;
  readonly remoteAddress = new Uint8Array(16);
}

const EGRESS_HOOKS =
  (1 << Hook.fromPod) | (1 << Hook.route) | (1 << Hook.encapsulate) | (1 << Hook.toUnderlay) | (1 << Hook.drop);
const INGRESS_HOOKS =
  (1 << Hook.fromUnderlay) | (1 << Hook.decapsulate) | (1 << Hook.relay) | (1 << Hook.toPod) | (1 << Hook.drop);
const ADDRESS_WORDS = 8;

/** What is recorded once the kernel took it has the time of {@link Taps.handOver}: of before. */
const HANDED_OVER = (1 << Hook.toUnderlay) | (1 << Hook.relay) | (1 << Hook.toPod);

/** Belongs to one worker. Nothing here throws for any bytes; what is written allocates no more than the clock does. */
export class Taps {
  /** Whether a capture wants anything of what leaves, or of what comes in. */
  egress = false;
  ingress = false;
  /** Of the packet in hand: to be filled in before {@link record}. */
  direction: 0 | 1 = 0;
  form: TapForm = TapForm.virtio;
  /** A `DropReason`, or -1. */
  reason = -1;
  peer = 0;
  segments = 1;
  gsoSize = 0;
  headerLength = 0;
  readonly outer = new TapOuter();
  readonly #options: TapsOptions;
  readonly #memory: Uint8Array;
  readonly #time = new Uint32Array(2);
  readonly #localAddress = new Uint8Array(16);
  readonly #onePieceAt = new Int32Array(1);
  readonly #onePieceLength = new Int32Array(1);
  /** Per slot: where the record that waits for {@link settle} is, or -1. */
  readonly #pendingAt = new Int32Array(MAX_CAPTURES).fill(-1);
  #endpoint: TapEndpoint;
  #captures: readonly TapCapture[] = [];
  /** Of each of them: what it asks of packets and of super-packets, and its bit. */
  #filters: readonly PacketFilter[] = [];
  #superFilters: readonly PacketFilter[] = [];
  #bits: readonly number[] = [];
  /** The same of the first, which mostly is the only one. */
  #filter: PacketFilter = everything;
  #superFilter: PacketFilter = everything;
  #bit = 0;
  /** A bit per hook that any capture wants. */
  #hooks = 0;

  constructor(options: TapsOptions) {
    this.#options = options;
    this.#memory = options.memory;
    this.#endpoint = options.endpoint;
    this.moveTo(options.endpoint);
  }

  /** Has these captures from now on, and no others. @throws RangeError for two in one slot, or one in none */
  setCaptures(captures: readonly TapCapture[]): void {
    const slots = new Set(captures.map(({ slot }) => slot));
    if (slots.size !== captures.length || captures.some(({ slot }) => slot < 0 || slot >= MAX_CAPTURES)) {
      throw new RangeError(`captures must have slots of their own, 0 to ${MAX_CAPTURES - 1}`);
    }
    this.#captures = captures;
    this.#filters = captures.map(({ filter }) => filter ?? everything);
    this.#superFilters = captures.map(({ superFilter }) => superFilter ?? everything);
    this.#bits = captures.map(({ slot }) => 1 << slot);
    this.#filter = this.#filters[0] ?? everything;
    this.#superFilter = this.#superFilters[0] ?? everything;
    this.#bit = this.#bits[0] ?? 0;
    this.#hooks = captures.reduce((hooks, capture) => hooks | capture.hooks, 0);
    this.egress = (this.#hooks & EGRESS_HOOKS) !== 0;
    this.ingress = (this.#hooks & INGRESS_HOOKS) !== 0;
    this.#pendingAt.fill(-1);
  }

  /** Datagrams leave from here, and arrive here, from now on. */
  moveTo(endpoint: TapEndpoint): void {
    this.#endpoint = endpoint;
    this.#localAddress.fill(0).set(endpoint.address);
  }

  /** UDP port that datagrams arrive at. */
  get receivingPort(): number {
    return this.#endpoint.receivingPort;
  }

  /** Whether any capture wants hook `hook`. */
  wants(hook: Hook): boolean {
    return ((this.#hooks >>> hook) & 1) !== 0;
  }

  /** Marks of the inner packet at `at`: by which captures it is wanted. With no length, there is none. */
  judge(at: number, lengthBytes: number, isSuper: boolean): number {
    if (lengthBytes <= 0) return this.judgeWithoutPacket();
    const memory = this.#memory;
    const filter = isSuper ? this.#superFilter : this.#filter;
    let marks = filter(memory, at, lengthBytes) === 0 ? 0 : this.#bit;
    const filters = isSuper ? this.#superFilters : this.#filters;
    for (let index = 1; index < filters.length; index++) {
      if (filters[index]!(memory, at, lengthBytes) !== 0) marks |= this.#bits[index]!;
    }
    return marks;
  }

  /** Marks of what has no inner packet: of those captures that want everything. */
  judgeWithoutPacket(): number {
    let marks = 0;
    for (const { slot, filter } of this.#captures) if (filter === undefined) marks |= 1 << slot;
    return marks;
  }

  /** Records the `lengthBytes` bytes at `at`. */
  record(hook: Hook, marks: number, at: number, lengthBytes: number): void {
    this.#onePieceAt[0] = at;
    this.#onePieceLength[0] = lengthBytes;
    this.recordPieces(hook, marks, lengthBytes, this.#onePieceAt, this.#onePieceLength, 0);
  }

  /** As {@link record}, but nobody sees it before {@link settle}, which knows more. */
  recordUnsettled(hook: Hook, marks: number, at: number, lengthBytes: number): void {
    this.#onePieceAt[0] = at;
    this.#onePieceLength[0] = lengthBytes;
    this.#write(hook, marks, lengthBytes, this.#onePieceAt, this.#onePieceLength, 0, this.#pendingAt);
  }

  /** Completes what was recorded unsettled, by {@link segments}, {@link gsoSize} and {@link headerLength}. */
  settle(): void {
    for (const { slot, ring } of this.#captures) {
      const at = this.#pendingAt[slot]!;
      if (at === -1) continue;
      this.#pendingAt[slot] = -1;
      this.#writeSegments(ring, at);
      ring.commit();
    }
  }

  /** Records `lengthBytes` bytes in pieces, of which the first is number `firstPiece`. */
  recordPieces(
    hook: Hook,
    marks: number,
    lengthBytes: number,
    pieceAt: Int32Array,
    pieceLengthBytes: Int32Array,
    firstPiece: number,
  ): void {
    this.#write(hook, marks, lengthBytes, pieceAt, pieceLengthBytes, firstPiece, undefined);
  }

  /**
   * Records datagram `datagram` of `batch`, for whom it is marked.
   *
   * @param direction 1 for one that is relayed.
   * @param hopLimit of its outer header; 0: the kernel's.
   */
  recordDatagram(
    hook: Hook,
    forwarding: ForwardingReader,
    batch: TransmitBatch,
    datagram: number,
    direction: 0 | 1,
    hopLimit: number,
    reason: DropReason | -1,
  ): void {
    if (!this.wants(hook)) return;
    const { outer } = this;
    const peer = batch.peer[datagram]!;
    this.direction = direction;
    this.form = TapForm.datagram;
    this.reason = reason;
    this.peer = peer;
    this.segments = 1;
    this.gsoSize = 0;
    this.headerLength = 0;
    outer.family = forwarding.endpointFamily(peer);
    outer.trafficClass = batch.trafficClass[datagram]!;
    outer.hopLimit = hopLimit;
    outer.localPort = this.#endpoint.sendingPorts[batch.socket[datagram]!] ?? 0;
    outer.remotePort = forwarding.endpointPort(peer);
    forwarding.copyEndpointAddress(peer, outer.remoteAddress, 0);
    const { marks, lengthBytes, pieceAt, pieceLengthBytes, firstPiece } = batch;
    this.recordPieces(hook, marks[datagram]!, lengthBytes[datagram]!, pieceAt, pieceLengthBytes, firstPiece[datagram]!);
  }

  /** To be called right before a batch is handed to the kernel: by the time that it says that it took it, others may have it. */
  handOver(): void {
    if (this.#captures.length > 0) this.#options.readTime(this.#time);
  }

  #write(
    hook: Hook,
    marks: number,
    lengthBytes: number,
    pieceAt: Int32Array,
    pieceLengthBytes: Int32Array,
    firstPiece: number,
    pendingAt: Int32Array | undefined,
  ): void {
    if (!this.wants(hook)) return;
    const { memory, copy, readTime } = this.#options;
    if (((HANDED_OVER >>> hook) & 1) === 0) readTime(this.#time);
    for (const capture of this.#captures) {
      const { ring, slot } = capture;
      if (((marks >>> slot) & 1) === 0 || ((capture.hooks >>> hook) & 1) === 0) continue;
      const capturedBytes = Math.min(lengthBytes, this.#keptBytes(capture.snaplenBytes));
      const at = ring.reserve(TAP_HEADER_BYTES + capturedBytes);
      if (at === -1) continue;
      this.#writeHeader(ring, at, hook, slot, lengthBytes, capturedBytes);
      let to = at + TAP_HEADER_BYTES;
      const end = to + capturedBytes;
      for (let piece = firstPiece; to < end; piece++) {
        const bytes = Math.min(pieceLengthBytes[piece]!, end - to);
        copy(memory, pieceAt[piece]!, ring.bytes, to, bytes);
        to += bytes;
      }
      if (pendingAt === undefined) ring.commit();
      else pendingAt[slot] = at;
    }
  }

  #keptBytes(snaplenBytes: number): number {
    if (this.gsoSize > 0 && snaplenBytes >= this.headerLength + this.gsoSize) return Infinity;
    if (this.form === TapForm.virtio) return VIRTIO_NET_HEADER_LENGTH + snaplenBytes;
    return this.form === TapForm.inner ? snaplenBytes : ENCAPSULATION_LENGTH + snaplenBytes;
  }

  #writeHeader(
    ring: TapRingWriter,
    at: number,
    hook: Hook,
    slot: number,
    lengthBytes: number,
    capturedBytes: number,
  ): void {
    const { bytes, words } = ring;
    const { outer } = this;
    const word = at >> 2;
    words[word + 1] = hook | (this.direction << 8) | (this.form << 16) | (1 << (slot + 24));
    words[word + 2] = (this.reason & 0xffff) | (this.#options.worker << 16);
    words[word + TapField.peer / 4] = this.peer;
    words[word + TapField.seconds / 4] = this.#time[0]!;
    words[word + TapField.nanoseconds / 4] = this.#time[1]!;
    words[word + TapField.lengthBytes / 4] = lengthBytes;
    words[word + TapField.capturedBytes / 4] = capturedBytes;
    this.#writeSegments(ring, at);
    words[word + TapField.localPort / 4] = outer.localPort | (outer.remotePort << 16);
    words[word + TapField.family / 4] = outer.family | (outer.trafficClass << 8) | (outer.hopLimit << 16);
    words.fill(0, word + TapField.localAddress / 4, word + TapField.localAddress / 4 + ADDRESS_WORDS);
    if (outer.family !== 0) {
      const length = outer.family === 4 ? 4 : 16;
      for (let index = 0; index < length; index++) {
        bytes[at + TapField.localAddress + index] = this.#localAddress[index]!;
        bytes[at + TapField.remoteAddress + index] = outer.remoteAddress[index]!;
      }
    }
    words[word + TapField.generation / 4] = this.#options.forwarding.generation;
    words[word + TapField.lost / 4] = ring.lost;
    words[word + TapField.lost / 4 + 1] = 0;
    words[word + TapField.lost / 4 + 2] = 0;
  }

  #writeSegments({ words }: TapRingWriter, at: number): void {
    const word = at >> 2;
    words[word + TapField.gsoSize / 4] = this.gsoSize | (this.headerLength << 16);
    words[word + TapField.segments / 4] = this.segments;
  }
}

function everything(): number {
  return 1;
}
