/**
 * Makes one capture of the streams of several nodes: interfaces get new numbers, time stamps are corrected by how much each node's
 * clock is ahead, and packets come out in the order of time, as far as a window of a second reaches,
 * or a stream lags behind.
 *
 *     n1 ──blocks──┐
 *     n2 ──blocks──┼─> correct, wait, look for ids that are there twice ─> sink: a file, or lines for people
 *     n3 ──blocks──┘
 *
 * Arrivals come out behind what was sent, whatever the time stamps say: see `packet-hops.ts`.
 *
 * A clock is known up to an uncertainty. An offset that is not larger than that may as well be none, and is left alone: clocks that
 * agree would otherwise be moved apart. Either way the interfaces of a node say what was measured and what was done.
 */
import { formatComment, parseComment } from './comment.ts';
import { PacketHops, placeOf, type PacketPlace, type WaitingPacket } from './packet-hops.ts';
import type { PcapngInterface, PcapngPacket, PcapngStatistics, PcapngTime } from './pcapng.ts';
import { PcapngReader, type PcapngBlock } from './pcapng-reader.ts';
import type { ReadPacket } from './read-packet.ts';
import { ReorderBuffer, isBefore } from './reorder-buffer.ts';

/** Where merged blocks go to: a `PcapngWriter` is one. */
export interface PcapngSink {
  /** Returns the number of the interface. */
  interface(described: PcapngInterface): number;
  packet(packet: PcapngPacket): void;
  statistics(statistics: PcapngStatistics): void;
}

/** How much a node's clock is ahead, and how far the truth may be from that. */
export interface StreamClock {
  readonly offsetNs: number;
  readonly uncertaintyNs: number;
}

export interface MergerOptions {
  readonly sink: PcapngSink;
  /** Makes texts of UTF-8: a `TextDecoder`. */
  readonly decoder: { decode(bytes: Uint8Array): string };
  /** How long a packet waits for older ones, in the streams' time; absent: a second. */
  readonly windowNs?: number;
  /** Most bytes of packets that wait; beyond, the oldest go on early. Absent: 128 MiB. */
  readonly maxWaitingBytes?: number;
}

const NANOSECONDS = 1_000_000_000;
const WINDOW_NS = NANOSECONDS;
const MAX_WAITING_BYTES = 134_217_728;
/** About a second. */
const PATIENCE = 4;
const start: PcapngTime = { seconds: 0, nanoseconds: 0 };
/** What a packet takes beside its bytes, about. */
const WAITING_OVERHEAD_BYTES = 256;

interface Stream {
  readonly reader: PcapngReader;
  readonly clock: StreamClock | undefined;
  /** What its time stamps are corrected by. */
  readonly offsetNs: number;
  /** By the number of the stream's interface: its number in the sink, and what it is. */
  interfaces: { readonly id: number; readonly place: PacketPlace }[];
  isOpen: boolean;
  /** Time of its newest packet. */
  newest: PcapngTime;
  /** Looks at the clock since it said anything. */
  silence: number;
}

/** Streams that become one. */
export class PcapngMerger {
  readonly #sink: PcapngSink;
  readonly #decoder: MergerOptions['decoder'];
  readonly #windowNs: number;
  readonly #maxWaitingBytes: number;
  readonly #streams: Stream[] = [];
  readonly #waiting = new ReorderBuffer();
  readonly #hops = new PacketHops();
  /** Per interface of the sink: the newest, which come after all packets. */
  readonly #statistics = new Map<number, PcapngStatistics>();
  #waitingPackets = 0;
  #waitingBytes = 0;
  #arrivals = 0;
  #newest = start;
  #last = start;
  #late = 0;

  constructor(options: MergerOptions) {
    this.#sink = options.sink;
    this.#decoder = options.decoder;
    this.#windowNs = options.windowNs ?? WINDOW_NS;
    this.#maxWaitingBytes = options.maxWaitingBytes ?? MAX_WAITING_BYTES;
  }

  /** Packets that wait. */
  get waiting(): number {
    return this.#waitingPackets;
  }

  /** Packets that came too late for their place. */
  get late(): number {
    return this.#late;
  }

  /** Begins a stream; returns its number. Without a clock its time stamps are taken as they are, and nothing is said of them. */
  add(clock?: StreamClock): number {
    const reader = new PcapngReader(this.#decoder);
    const offsetNs = offsetOf(clock);
    return this.#streams.push({ reader, clock, offsetNs, interfaces: [], isOpen: true, newest: start, silence: 0 }) - 1;
  }

  /** Takes the next chunk of stream `number`, which is kept. @throws WeftError `capture-malformed` */
  push(number: number, chunk: Uint8Array): void {
    const stream = this.#streams[number]!;
    stream.silence = 0;
    stream.reader.push(chunk);
    for (let block = stream.reader.next(); block !== undefined; block = stream.reader.next()) this.#take(stream, block);
    this.#release();
  }

  /** Stream `number` has come to its end, or is given up. The last one lets everything go, statistics at the end. */
  end(number: number): void {
    this.#streams[number]!.isOpen = false;
    if (this.#streams.some(({ isOpen }) => isOpen)) {
      this.#release();
      return;
    }
    while (this.#waiting.size > 0) this.#emitOldest();
    for (const statistics of this.#statistics.values()) this.#sink.statistics(statistics);
    this.#statistics.clear();
  }

  /**
   * It is `now`, by the clock that streams are corrected to: what is older than the window need not wait for newer packets. To be
   * called four times a second: a stream that said nothing in between for {@link PATIENCE} times is not waited for.
   */
  advance(now: PcapngTime): void {
    if (isBefore(this.#newest, now)) this.#newest = now;
    for (const stream of this.#streams) stream.silence++;
    this.#release();
  }

  #take(stream: Stream, block: PcapngBlock): void {
    switch (block.kind) {
      case 'section':
        stream.interfaces = [];
        break;
      case 'interface':
        this.#describe(stream, block.interface);
        break;
      case 'packet':
        this.#insert(stream, block.packet);
        break;
      case 'statistics': {
        const { statistics } = block;
        const interfaceId = stream.interfaces[statistics.interfaceId]!.id;
        this.#statistics.set(interfaceId, { ...statistics, ...corrected(statistics, stream.offsetNs), interfaceId });
        break;
      }
    }
  }

  #describe(stream: Stream, described: PcapngInterface): void {
    const id = this.#sink.interface(withClock(described, stream.clock));
    stream.interfaces.push({ id, place: placeOf(described.name, stream.clock?.uncertaintyNs ?? 0) });
  }

  #insert(stream: Stream, packet: ReadPacket): void {
    const { id, place } = stream.interfaces[packet.interfaceId]!;
    packet.interfaceId = id;
    if (stream.offsetNs !== 0) {
      const { seconds, nanoseconds } = corrected(packet, stream.offsetNs);
      packet.seconds = seconds;
      packet.nanoseconds = nanoseconds;
    }
    const waiting = { packet, place, arrival: this.#arrivals++, isAmbiguous: false, isGone: false };
    this.#waiting.insert(waiting);
    this.#waitingPackets++;
    this.#waitingBytes += packet.bytes.length + WAITING_OVERHEAD_BYTES;
    if (isBefore(stream.newest, packet)) {
      stream.newest = { seconds: packet.seconds, nanoseconds: packet.nanoseconds };
      if (isBefore(this.#newest, packet)) this.#newest = stream.newest;
    }
    this.#hops.insert(waiting, this.#windowNs);
  }

  #release(): void {
    // One that lags behind, as a slow connection does, has it all wait.
    const awaited = this.#streams.filter(({ isOpen, silence }) => isOpen && silence < PATIENCE);
    const seen = awaited.reduce((oldest, { newest }) => (isBefore(newest, oldest) ? newest : oldest), this.#newest);
    const limit = shifted(seen.seconds, seen.nanoseconds, -this.#windowNs);
    for (let oldest = this.#waiting.oldest; oldest !== undefined; oldest = this.#waiting.oldest) {
      if (this.#waitingBytes <= this.#maxWaitingBytes && !isBefore(oldest.packet, limit)) return;
      this.#emitOldest();
    }
  }

  #emitOldest(): void {
    const waiting = this.#waiting.removeOldest()!;
    if (waiting.isGone) return;
    if (isBefore(waiting.packet, this.#last)) this.#late++;
    else this.#last = waiting.packet;
    for (const earlier of this.#hops.before(waiting)) this.#emit(earlier);
    this.#emit(waiting);
  }

  #emit(waiting: WaitingPacket): void {
    const { packet } = waiting;
    waiting.isGone = true;
    this.#hops.remove(waiting);
    this.#waitingPackets--;
    this.#waitingBytes -= packet.bytes.length + WAITING_OVERHEAD_BYTES;
    this.#sink.packet(waiting.isAmbiguous ? asAmbiguous(packet) : packet);
  }
}

/** What is said of the clock, too: in words, and in the keys of a comment. */
function withClock(described: PcapngInterface, clock: StreamClock | undefined): PcapngInterface {
  if (clock === undefined) return described;
  const isCorrected = offsetOf(clock) !== 0;
  const words = clockWords(clock, isCorrected);
  const comment = formatComment({
    'clock-offset-ns': String(Math.round(clock.offsetNs)),
    'uncertainty-ns': String(Math.round(clock.uncertaintyNs)),
    corrected: isCorrected ? 'yes' : 'no',
  });
  const description = described.description === undefined ? words : `${described.description}; ${words}`;
  return { ...described, description, comment };
}

function clockWords({ offsetNs, uncertaintyNs }: StreamClock, isCorrected: boolean): string {
  if (offsetNs === 0 && uncertaintyNs === 0) return 'times are by the clock of this node';
  const offset = `clock ${milliseconds(Math.abs(offsetNs))} ms ${offsetNs < 0 ? 'behind' : 'ahead'}`;
  const uncertainty = `+-${milliseconds(uncertaintyNs)} ms`;
  return `${offset}, ${uncertainty}, ${isCorrected ? 'corrected' : 'not corrected: no more than that'}`;
}

function milliseconds(nanoseconds: number): string {
  return (nanoseconds / 1e6).toFixed(3);
}

/** What time stamps are corrected by. */
function offsetOf(clock: StreamClock | undefined): number {
  return clock !== undefined && Math.abs(clock.offsetNs) > clock.uncertaintyNs ? Math.round(clock.offsetNs) : 0;
}

/** Nothing was captured before 1970. */
function corrected({ seconds, nanoseconds }: PcapngTime, offsetNs: number): PcapngTime {
  const time = shifted(seconds, nanoseconds, -offsetNs);
  return time.seconds < 0 ? { seconds: 0, nanoseconds: 0 } : time;
}

function shifted(seconds: number, nanoseconds: number, byNs: number): PcapngTime {
  const wholeSeconds = Math.floor(byNs / NANOSECONDS);
  const sum = nanoseconds + (byNs - wholeSeconds * NANOSECONDS);
  const carry = sum >= NANOSECONDS ? 1 : 0;
  return { seconds: seconds + wholeSeconds + carry, nanoseconds: sum - carry * NANOSECONDS };
}

function asAmbiguous(packet: PcapngPacket): PcapngPacket {
  const { comment } = packet;
  const known = comment === undefined ? {} : parseComment(comment);
  // The comment of somebody else stays as it is.
  if (known === undefined) return packet;
  const { interfaceId, seconds, nanoseconds, bytes, lengthBytes, direction, lost, id, queue } = packet;
  const said = formatComment({ ...known, ambiguous: 'yes' });
  return { interfaceId, seconds, nanoseconds, bytes, lengthBytes, direction, lost, id, queue, comment: said };
}
