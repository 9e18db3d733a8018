/**
 * The flight recorder: headers of the packets that passed, and of those that did not, with what became of them, for whoever asks
 * later what happened. Always on, and so as cheap as can be: one slot per packet, or super-packet, that is put into a batch, and
 * per drop; the oldest is overwritten. Drops have a ring of their own, so that traffic cannot push them out.
 *
 *      0         4         8     9     10    11   12       14       16     18         20       24           28       32
 *     +---------+---------+-----+-----+------+----+--------+--------+------+----------+--------+------------+--------+--------+
 *     | seconds | ns      |hook |dir. |header|form| reason |gsoSize | peer | segments | length | generation | number | header |
 *     +---------+---------+-----+-----+------+----+--------+--------+------+----------+--------+------------+--------+--------+
 *
 * Workers write into shared memory, each into rings of its own, and say now and then how far they are. Chosen: a reader that
 * takes a copy, and leaves out what may have been overwritten meanwhile. Instead of: a sequence lock per slot. Because: the
 * two atomic stores would cost as much as all the rest.
 */
import { VIRTIO_NET_HEADER_LENGTH, GsoType, readGsoSize, readGsoType } from '../wire/virtio-net.ts';
import type { DeliveryBatch } from './delivery-batch.ts';
import type { DropReason } from './drop-reason.ts';
import { ENCAPSULATION_LENGTH } from './encapsulation.ts';
import type { ForwardingReader } from './forwarding-table.ts';
import { Hook } from './hook.ts';
import type { TransmitBatch } from './transmit-batch.ts';

/** Size of a slot, in bytes. */
export const FLIGHT_SLOT_BYTES = 128;
/** Bytes of a packet that are kept: IPv6 and TCP with 20 bytes of options, or IPv4 and TCP with all of them. */
export const FLIGHT_HEADER_BYTES = 80;

/** Offsets in a slot, in bytes; see the diagram. */
export const FlightField = {
  seconds: 0,
  nanoseconds: 4,
  hook: 8,
  direction: 9,
  headerBytes: 10,
  form: 11,
  reason: 12,
  gsoSize: 14,
  peer: 16,
  segments: 18,
  lengthBytes: 20,
  generation: 24,
  number: 28,
  header: 32,
} as const;

/** What the header is that of. */
export const FlightForm = { packet: 0, datagram: 1 } as const;

/** Slots that are written before readers are told: as many of the oldest may be overwritten while one reads. */
export const FLIGHT_UNTOLD_SLOTS = 64;

/**
 * Words of a worker's head: how many packets, and how many drops, were recorded, modulo 2^32, each in a cache line of its own;
 * behind each, whether its ring was ever full.
 */
export const FlightWord = { packets: 0, drops: 16, fence: 32 } as const;
export const FLIGHT_HEAD_BYTES = 192;

const SLOT_WORDS = FLIGHT_SLOT_BYTES / 4;
const NUMBER_WORD = FlightField.number / 4;
const HEADER_WORD = FlightField.header / 4;

/** Memory that the main thread and all workers share; it may be posted. */
export interface FlightRecorderMemory {
  readonly workers: number;
  /** Of each ring: a power of two. */
  readonly slots: number;
  readonly buffer: SharedArrayBuffer;
}

/** Memory for the recorders of `workers` workers: of at most `lengthBytes` bytes, but for 256 slots in each of their rings. */
export function createFlightRecorderMemory(lengthBytes: number, workers: number): FlightRecorderMemory {
  let slots = 4 * FLIGHT_UNTOLD_SLOTS;
  while (slots * 2 * 2 * FLIGHT_SLOT_BYTES * workers <= lengthBytes) slots *= 2;
  const workerBytes = FLIGHT_HEAD_BYTES + 2 * slots * FLIGHT_SLOT_BYTES;
  return { workers, slots, buffer: new SharedArrayBuffer(workers * workerBytes) };
}

/** Where the rings of a worker begin in the memory, in bytes: its head, its packets, its drops. */
export function flightRings(
  { workers, slots }: FlightRecorderMemory,
  worker: number,
): { readonly head: number; readonly packets: number; readonly drops: number } {
  if (worker < 0 || worker >= workers) throw new RangeError(`there is no worker ${worker}`);
  const ringBytes = slots * FLIGHT_SLOT_BYTES;
  const head = worker * (FLIGHT_HEAD_BYTES + 2 * ringBytes);
  return { head, packets: head + FLIGHT_HEAD_BYTES, drops: head + FLIGHT_HEAD_BYTES + ringBytes };
}

export interface FlightRecorderOptions {
  /** The worker's whole memory; all offsets are into it. */
  readonly memory: Uint8Array;
  readonly recorder: FlightRecorderMemory;
  readonly worker: number;
  readonly forwarding: Pick<ForwardingReader, 'generation'>;
  /** Writes the time, by CLOCK_MONOTONIC, as seconds and nanoseconds. */
  readonly readTime: (time: Uint32Array) => void;
}

/** A worker's side. Nothing here throws for any bytes, and nothing allocates. */
export class FlightRecorder {
  readonly #options: FlightRecorderOptions;
  readonly #packets: FlightRing;
  readonly #drops: FlightRing;
  readonly #time = new Uint32Array(2);
  #isTimed = false;

  /** @throws RangeError if the recorder's memory has no such worker. */
  constructor(options: FlightRecorderOptions) {
    const { recorder, worker, memory } = options;
    const rings = flightRings(recorder, worker);
    const head = new Int32Array(recorder.buffer, rings.head, FLIGHT_HEAD_BYTES / 4);
    const ring = (at: number, word: number): FlightRing =>
      new FlightRing(memory, new Int32Array(recorder.buffer, at, recorder.slots * SLOT_WORDS), head, word);
    this.#options = options;
    this.#packets = ring(rings.packets, FlightWord.packets);
    this.#drops = ring(rings.drops, FlightWord.drops);
  }

  /**
   * A packet goes on, out of a batch, at `hook`: to the underlay, to another peer, or to a pod.
   *
   * @param at where it begins. @param lengthBytes of it, or of the super-packet that it is.
   * @param gsoSize payload of each of its segments then, else 0.
   */
  forwarded(
    hook: Hook,
    direction: 0 | 1,
    peer: number,
    at: number,
    lengthBytes: number,
    segments: number,
    gsoSize: number,
  ): void {
    this.#record(this.#packets, hook | (direction << 8), -1, peer, at, lengthBytes, segments, gsoSize);
  }

  /** Packet `packet` of `batch` was taken by the TUN device. */
  delivered(batch: DeliveryBatch, packet: number, direction: 0 | 1): void {
    this.#delivery(this.#packets, Hook.toPod, -1, batch, packet, direction);
  }

  /** A packet goes nowhere. @param peer 0: none that is known. */
  dropped(
    direction: 0 | 1,
    peer: number,
    at: number,
    lengthBytes: number,
    segments: number,
    gsoSize: number,
    reason: DropReason,
  ): void {
    this.#record(this.#drops, Hook.drop | (direction << 8), reason, peer, at, lengthBytes, segments, gsoSize);
  }

  /** A datagram that came in, `lengthBytes` bytes at `at`, goes nowhere. */
  refused(peer: number, at: number, lengthBytes: number, segments: number, gsoSize: number, reason: DropReason): void {
    const packetBytes = lengthBytes - ENCAPSULATION_LENGTH;
    if (packetBytes > 0) {
      this.dropped(1, peer, at + ENCAPSULATION_LENGTH, packetBytes, segments, gsoSize, reason);
      return;
    }
    const kind = Hook.drop | (1 << 8) | (FlightForm.datagram << 24);
    this.#record(this.#drops, kind, reason, peer, at, lengthBytes, segments, gsoSize);
  }

  /** Datagram `datagram` of `batch` could not be sent. */
  unsent(batch: TransmitBatch, datagram: number, direction: 0 | 1, reason: DropReason): void {
    const at = batch.pieceAt[batch.firstPiece[datagram]!]! + ENCAPSULATION_LENGTH;
    const lengthBytes = batch.innerLengthBytes[datagram]!;
    this.dropped(direction, batch.peer[datagram]!, at, lengthBytes, 1, 0, reason);
  }

  /** Packet `packet` of `batch` could not be written. */
  undelivered(batch: DeliveryBatch, packet: number, direction: 0 | 1, reason: DropReason): void {
    this.#delivery(this.#drops, Hook.drop, reason, batch, packet, direction);
  }

  /** To be called at the end of each turn: readers see what was recorded, and the next record gets a time of its own. */
  endTurn(): void {
    this.#isTimed = false;
    this.#packets.tell();
    this.#drops.tell();
  }

  #delivery(
    ring: FlightRing,
    hook: Hook,
    reason: number,
    batch: DeliveryBatch,
    packet: number,
    direction: 0 | 1,
  ): void {
    const { memory } = this.#options;
    const at = batch.pieceAt[batch.firstPiece[packet]!]!;
    const gsoSize = readGsoType(memory, at) === GsoType.none ? 0 : readGsoSize(memory, at);
    const ipAt = at + VIRTIO_NET_HEADER_LENGTH;
    const bytes = batch.lengthBytes[packet]!;
    const segments = batch.innerPackets[packet]!;
    this.#record(ring, hook | (direction << 8), reason, batch.peer[packet]!, ipAt, bytes, segments, gsoSize);
  }

  #record(
    ring: FlightRing,
    kind: number,
    reason: number,
    peer: number,
    at: number,
    lengthBytes: number,
    segments: number,
    gsoSize: number,
  ): void {
    if (!this.#isTimed) {
      this.#isTimed = true;
      this.#options.readTime(this.#time);
    }
    const time = this.#time;
    const words = ring.words;
    const word = ring.next();
    const headerBytes = lengthBytes < FLIGHT_HEADER_BYTES ? Math.max(0, lengthBytes) : FLIGHT_HEADER_BYTES;
    words[word] = time[0]!;
    words[word + 1] = time[1]!;
    words[word + 2] = kind | (headerBytes << 16);
    words[word + 3] = (reason & 0xffff) | (gsoSize << 16);
    words[word + 4] = peer | (segments << 16);
    words[word + 5] = lengthBytes;
    words[word + 6] = this.#options.forwarding.generation;
    ring.copy(word + HEADER_WORD, at);
  }
}

/** Slots of one ring, as the worker that fills them sees it. */
class FlightRing {
  readonly words: Int32Array;
  readonly #source: DataView;
  readonly #lastAt: number;
  readonly #head: Int32Array;
  readonly #headWord: number;
  readonly #mask: number;
  #number = 0;
  #told = 0;
  #isFull = false;

  constructor(memory: Uint8Array, words: Int32Array, head: Int32Array, headWord: number) {
    this.words = words;
    this.#source = new DataView(memory.buffer, memory.byteOffset, memory.byteLength);
    this.#lastAt = memory.byteLength - FLIGHT_HEADER_BYTES;
    this.#head = head;
    this.#headWord = headWord;
    this.#mask = words.length / SLOT_WORDS - 1;
  }

  /** First word of the next slot, its number written. */
  next(): number {
    const number = this.#number;
    if (((number - this.#told) | 0) === FLIGHT_UNTOLD_SLOTS) this.tell();
    const word = (number & this.#mask) * SLOT_WORDS;
    this.words[word + NUMBER_WORD] = number;
    this.#number = (number + 1) | 0;
    return word;
  }

  /** Copies what a slot keeps of the bytes at `at`, whatever is behind them. */
  copy(word: number, at: number): void {
    const { words } = this;
    const source = this.#source;
    if (at > this.#lastAt) {
      this.#copyLast(word, at);
      return;
    }
    // 32 bits at a time, at any offset: a third of what octets take, and no array is made, as it is for `set`.
    // Four at a time, as the compiler does not unroll it.
    for (let offset = 0, to = word; offset < FLIGHT_HEADER_BYTES; offset += 16, to += 4) {
      words[to] = source.getInt32(at + offset, true);
      words[to + 1] = source.getInt32(at + offset + 4, true);
      words[to + 2] = source.getInt32(at + offset + 8, true);
      words[to + 3] = source.getInt32(at + offset + 12, true);
    }
  }

  /** The same, where the memory ends before a slot does. */
  #copyLast(word: number, at: number): void {
    this.words.fill(0, word, word + FLIGHT_HEADER_BYTES / 4);
    for (let offset = 0; at + offset < this.#source.byteLength; offset++) {
      this.words[word + (offset >> 2)]! |= this.#source.getUint8(at + offset) << (8 * (offset & 3));
    }
  }

  /** Lets readers know what was written. */
  tell(): void {
    if (this.#told === this.#number) return;
    this.#told = this.#number;
    Atomics.store(this.#head, this.#headWord, this.#number);
    if (this.#isFull || this.#number <= this.#mask) return;
    this.#isFull = true;
    Atomics.store(this.#head, this.#headWord + 1, 1);
  }
}
