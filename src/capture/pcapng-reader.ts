/**
 * Reads pcapng, see `pcapng.ts`, as it comes: a chunk may end anywhere. Enough of the format to read what `pcapng-writer.ts`
 * writes: little-endian, times in nanoseconds. Other blocks and options are skipped.
 *
 * What is read came from another process, maybe from another node: all lengths are checked before anything is believed.
 */
import { WeftError } from '../errors.ts';
import { readU16le, readU32le } from '../wire/octets.ts';
import { joinHalves } from './halves.ts';
import {
  BLOCK_FRAME_BYTES,
  BYTE_ORDER_MAGIC,
  BlockType,
  LinkType,
  MAX_BLOCK_BYTES,
  OptionCode,
  PACKET_FIXED_BYTES,
  PCAPNG_VERSION,
  type PcapngDirection,
  type PcapngInterface,
  type PcapngSection,
  type PcapngStatistics,
  type PcapngTime,
} from './pcapng.ts';
import { ReadPacket } from './read-packet.ts';

/** A block, as it was read. The numbers of interfaces are those of the stream. */
export type PcapngBlock =
  | { readonly kind: 'section'; readonly section: PcapngSection }
  | { readonly kind: 'interface'; readonly interface: PcapngInterface }
  | { readonly kind: 'packet'; readonly packet: ReadPacket }
  | { readonly kind: 'statistics'; readonly statistics: PcapngStatistics };

const FIXED_BYTES: Readonly<Record<number, number>> = {
  [BlockType.section]: 16,
  [BlockType.interface]: 8,
  [BlockType.packet]: PACKET_FIXED_BYTES,
  [BlockType.statistics]: 12,
};
/** Most interfaces of one stream: there are nine hooks, and a node may be captured several times. */
const MAX_INTERFACES = 4096;
const NANOSECONDS = 1_000_000_000;
const TWO_TO_32 = 2 ** 32;
/** Of the upper 32 bits of an id, what a double has room for. */
const ID_KEY_UPPER_MASK = 0x1f_ffff;
const NANOSECOND_RESOLUTION = 9;

/** Where an option's value lies in the chunk. */
interface OptionValue {
  readonly at: number;
  readonly lengthBytes: number;
}

/** One stream. */
export class PcapngReader {
  readonly #decoder: { decode(bytes: Uint8Array): string };
  /** What was pushed and not read yet, and how much of it is needed to go on. */
  #parts: Uint8Array[] = [];
  #pushedBytes = 0;
  #neededBytes = BLOCK_FRAME_BYTES;
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  #interfaces = -1;

  /** @param decoder makes texts of UTF-8: a `TextDecoder`. */
  constructor(decoder: { decode(bytes: Uint8Array): string }) {
    this.#decoder = decoder;
  }

  /** Whether the stream, if it ended here, would be whole. */
  get isWhole(): boolean {
    return this.#interfaces !== -1 && this.#pushedBytes === 0 && this.#at === this.#bytes.length;
  }

  /** Takes the next chunk, which the reader keeps: the bytes of packets are parts of it. Then {@link next} gives its blocks. */
  push(chunk: Uint8Array): void {
    this.#parts.push(chunk);
    this.#pushedBytes += chunk.length;
  }

  /** The next block, `undefined` until more is pushed. @throws WeftError `capture-malformed` */
  next(): PcapngBlock | undefined {
    for (;;) {
      if (!this.#gather()) return undefined;
      const at = this.#at;
      const type = readU32le(this.#bytes, at);
      const lengthBytes = readU32le(this.#bytes, at + 4);
      this.#checkBlock(type, lengthBytes);
      if (this.#bytes.length - at < lengthBytes) {
        this.#neededBytes = lengthBytes;
        if (!this.#gather()) return undefined;
        continue;
      }
      if (readU32le(this.#bytes, at + lengthBytes - 4) !== lengthBytes) throw malformed('a block has two lengths');
      this.#neededBytes = BLOCK_FRAME_BYTES;
      this.#at = at + lengthBytes;
      const block = this.#parse(type, at + 8, at + lengthBytes - 4);
      if (block !== undefined) return block;
    }
  }

  /** Puts together what was pushed, once it is as much as is needed. */
  #gather(): boolean {
    const left = this.#bytes.length - this.#at;
    if (left >= this.#neededBytes) return true;
    if (left + this.#pushedBytes < this.#neededBytes) return false;
    const parts = left === 0 ? this.#parts : [this.#bytes.subarray(this.#at), ...this.#parts];
    this.#bytes = parts.length === 1 ? parts[0]! : joined(parts, left + this.#pushedBytes);
    this.#at = 0;
    this.#parts = [];
    this.#pushedBytes = 0;
    return true;
  }

  #checkBlock(type: number, lengthBytes: number): void {
    if (this.#interfaces === -1 && type !== BlockType.section)
      throw malformed('it does not begin with a section header');
    const least = BLOCK_FRAME_BYTES + (FIXED_BYTES[type] ?? 0);
    if (lengthBytes < least || lengthBytes > MAX_BLOCK_BYTES || lengthBytes % 4 !== 0) {
      throw malformed(`a block of type ${type} claims ${lengthBytes} bytes`);
    }
  }

  #parse(type: number, at: number, end: number): PcapngBlock | undefined {
    switch (type) {
      case BlockType.section:
        return { kind: 'section', section: this.#section(at, end) };
      case BlockType.interface:
        return { kind: 'interface', interface: this.#interface(at, end) };
      case BlockType.packet:
        return { kind: 'packet', packet: this.#packet(at, end) };
      case BlockType.statistics:
        return { kind: 'statistics', statistics: this.#statistics(at, end) };
      default:
        return undefined;
    }
  }

  #section(at: number, end: number): PcapngSection {
    if (readU32le(this.#bytes, at) !== BYTE_ORDER_MAGIC) throw malformed('its numbers are not little-endian');
    const major = readU16le(this.#bytes, at + 4);
    if (major !== PCAPNG_VERSION.major) throw malformed(`it has version ${major} of the format`);
    this.#interfaces = 0;
    const options = this.#options(at + 16, end);
    const { section: code } = OptionCode;
    return {
      hardware: this.#text(options, code.hardware) ?? '',
      os: this.#text(options, code.os) ?? '',
      application: this.#text(options, code.application) ?? '',
    };
  }

  #interface(at: number, end: number): PcapngInterface {
    if (this.#interfaces >= MAX_INTERFACES) throw malformed(`it has more than ${MAX_INTERFACES} interfaces`);
    this.#interfaces++;
    const options = this.#options(at + 8, end);
    const { interface: code } = OptionCode;
    const resolution = options.get(code.timeResolution);
    if (resolution === undefined || this.#bytes[resolution.at] !== NANOSECOND_RESOLUTION) {
      throw malformed('its times are not in nanoseconds');
    }
    const linkType = readU16le(this.#bytes, at);
    const filter = options.get(code.filter);
    const optional = {
      description: this.#text(options, code.description),
      comment: this.#text(options, OptionCode.comment),
      os: this.#text(options, code.os),
      filter: filter === undefined ? undefined : this.#decode(filter.at + 1, filter.lengthBytes - 1),
      linkType: linkType === LinkType.raw ? undefined : linkType,
    };
    const name = this.#text(options, code.name) ?? '';
    return { name, snaplenBytes: readU32le(this.#bytes, at + 4), ...withoutUndefined(optional) };
  }

  #packet(at: number, end: number): ReadPacket {
    const capturedBytes = readU32le(this.#bytes, at + 12);
    const bytesAt = at + PACKET_FIXED_BYTES;
    if (capturedBytes > end - bytesAt) throw malformed('a packet is longer than its block');
    const packet = new ReadPacket(
      this.#interfaceId(at),
      this.#time(at + 4),
      this.#bytes.subarray(bytesAt, bytesAt + capturedBytes),
      readU32le(this.#bytes, at + 16),
      this.#decoder,
    );
    this.#packetOptions(packet, bytesAt + ((capturedBytes + 3) & ~3), end);
    return packet;
  }

  /** As {@link #options}, without a map: there are many packets. */
  #packetOptions(packet: ReadPacket, at: number, end: number): void {
    const bytes = this.#bytes;
    const { packet: code } = OptionCode;
    for (let next = at; next + 4 <= end;) {
      const option = readU16le(bytes, next);
      const lengthBytes = readU16le(bytes, next + 2);
      const valueAt = next + 4;
      if (option === OptionCode.end) return;
      if (valueAt + lengthBytes > end) throw malformed('an option is longer than its block');
      if (option === OptionCode.comment) packet.encodedComment ??= bytes.subarray(valueAt, valueAt + lengthBytes);
      else if (option === code.flags && lengthBytes === 4) packet.direction = directions[bytes[valueAt]! & 3];
      else if (option === code.lost && lengthBytes === 8) packet.lost = Number(this.#u64(valueAt));
      else if (option === code.id && lengthBytes === 8) {
        packet.id = this.#u64(valueAt);
        packet.idKey = (readU32le(bytes, valueAt + 4) & ID_KEY_UPPER_MASK) * TWO_TO_32 + readU32le(bytes, valueAt);
      } else if (option === code.queue && lengthBytes === 4) packet.queue = readU32le(bytes, valueAt);
      next = valueAt + ((lengthBytes + 3) & ~3);
    }
  }

  #statistics(at: number, end: number): PcapngStatistics {
    const options = this.#options(at + 12, end);
    const { statistics: code } = OptionCode;
    const optional = {
      accepted: this.#count(options, code.accepted),
      comment: this.#text(options, OptionCode.comment),
    };
    return {
      interfaceId: this.#interfaceId(at),
      ...this.#time(at + 4),
      received: this.#count(options, code.received) ?? 0,
      dropped: this.#count(options, code.dropped) ?? 0,
      ...withoutUndefined(optional),
    };
  }

  /** By their code; of several with one code, the first. */
  #options(at: number, end: number): ReadonlyMap<number, OptionValue> {
    const options = new Map<number, OptionValue>();
    let next = at;
    while (next + 4 <= end) {
      const code = readU16le(this.#bytes, next);
      const lengthBytes = readU16le(this.#bytes, next + 2);
      if (code === OptionCode.end) return options;
      if (next + 4 + lengthBytes > end) throw malformed('an option is longer than its block');
      if (!options.has(code)) options.set(code, { at: next + 4, lengthBytes });
      next += 4 + ((lengthBytes + 3) & ~3);
    }
    return options;
  }

  #interfaceId(at: number): number {
    const interfaceId = readU32le(this.#bytes, at);
    if (interfaceId >= this.#interfaces) throw malformed(`interface ${interfaceId} was not described`);
    return interfaceId;
  }

  /** In a block the upper half comes first, whatever the byte order. */
  #time(at: number): PcapngTime {
    const high = readU32le(this.#bytes, at);
    const low = readU32le(this.#bytes, at + 4);
    // The quotient of doubles may be one off; the remainder, modulo 2^32, says so.
    let seconds = Math.floor((high * TWO_TO_32 + low) / NANOSECONDS);
    let nanoseconds = (low - Math.imul(seconds, NANOSECONDS)) | 0;
    if (nanoseconds < 0) {
      seconds--;
      nanoseconds += NANOSECONDS;
    } else if (nanoseconds >= NANOSECONDS) {
      seconds++;
      nanoseconds -= NANOSECONDS;
    }
    return { seconds, nanoseconds };
  }

  #count(options: ReadonlyMap<number, OptionValue>, code: number): number | undefined {
    const value = options.get(code);
    return value?.lengthBytes === 8 ? Number(this.#u64(value.at)) : undefined;
  }

  #u64(at: number): bigint {
    return joinHalves(readU32le(this.#bytes, at + 4), readU32le(this.#bytes, at));
  }

  #text(options: ReadonlyMap<number, OptionValue>, code: number): string | undefined {
    const value = options.get(code);
    return value === undefined ? undefined : this.#decode(value.at, value.lengthBytes);
  }

  #decode(at: number, lengthBytes: number): string {
    return lengthBytes <= 0 ? '' : this.#decoder.decode(this.#bytes.subarray(at, at + lengthBytes));
  }
}

const directions: readonly (PcapngDirection | undefined)[] = [undefined, 'in', 'out', undefined];

type Defined<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> };

function withoutUndefined<T extends object>(values: T): Defined<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Defined<T>;
}

function joined(parts: readonly Uint8Array[], lengthBytes: number): Uint8Array {
  const bytes = new Uint8Array(lengthBytes);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function malformed(why: string): WeftError {
  return new WeftError('capture-malformed', `this is no capture of weft's: ${why}`);
}
