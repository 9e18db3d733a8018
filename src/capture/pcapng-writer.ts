/** Writes pcapng, see `pcapng.ts`, into memory that is taken away piece by piece. */
import { writeU16le, writeU32le } from '../wire/octets.ts';
import { lowerHalf, upperHalf } from './halves.ts';
import {
  BLOCK_FRAME_BYTES,
  BYTE_ORDER_MAGIC,
  BlockType,
  LinkType,
  NameRecord,
  MAX_BLOCK_BYTES,
  OptionCode,
  PCAPNG_VERSION,
  type PcapngInterface,
  type PcapngName,
  type PcapngPacket,
  type PcapngSection,
  type PcapngStatistics,
  type PcapngTime,
} from './pcapng.ts';

const INITIAL_BYTES = 65_536;
/** Longest text of an option: its length has 16 bits, and a block has room for several. */
const MAX_TEXT_BYTES = 65_000;
/** Longer texts are left to the encoder. */
const MAX_ASCII_CHARACTERS = 1024;
const TWO_TO_32 = 2 ** 32;
const NANOSECONDS = 1e9;
/** As a power of ten. */
const NANOSECOND_RESOLUTION = 9;
/** In front of a filter in the language of libpcap. */
const FILTER_IS_TEXT = 0;
const directionFlag = { in: 1, out: 2 } as const;

/** One section of a file. Blocks come out in the order of the calls. */
export class PcapngWriter {
  readonly #encoder: { encode(text: string): Uint8Array };
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(INITIAL_BYTES);
  #used = 0;
  /** Where the block in hand begins. */
  #block = 0;
  #interfaces = 0;

  /** @param encoder makes UTF-8 of texts: a `TextEncoder`. */
  constructor(section: PcapngSection, encoder: { encode(text: string): Uint8Array }) {
    this.#encoder = encoder;
    this.#begin(BlockType.section, 256);
    this.#u32(BYTE_ORDER_MAGIC);
    this.#u16(PCAPNG_VERSION.major);
    this.#u16(PCAPNG_VERSION.minor);
    // Length of the section: not known.
    this.#u32(0xffff_ffff);
    this.#u32(0xffff_ffff);
    this.#text(OptionCode.section.hardware, section.hardware);
    this.#text(OptionCode.section.os, section.os);
    this.#text(OptionCode.section.application, section.application);
    this.#endWithOptions();
  }

  /** Bytes that {@link take} would give. */
  get pendingBytes(): number {
    return this.#used;
  }

  /** All that was written since the last time. It belongs to the caller. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.#bytes.subarray(0, this.#used);
    this.#bytes = new Uint8Array(Math.max(INITIAL_BYTES, this.#used));
    this.#used = 0;
    return taken;
  }

  /** Describes an interface, before its first packet. Returns its number. */
  interface(described: PcapngInterface): number {
    this.#begin(BlockType.interface, 64);
    this.#u16(described.linkType ?? LinkType.raw);
    this.#u16(0);
    this.#u32(described.snaplenBytes ?? 0);
    const { interface: code } = OptionCode;
    this.#text(code.name, described.name);
    this.#text(code.description, described.description);
    this.#text(OptionCode.comment, described.comment);
    this.#option(code.timeResolution, 1);
    this.#bytes[this.#used] = NANOSECOND_RESOLUTION;
    this.#used += 4;
    this.#text(code.filter, described.filter, FILTER_IS_TEXT);
    this.#text(code.os, described.os);
    this.#endWithOptions();
    return this.#interfaces++;
  }

  /** Says what addresses are called, before or after packets in which they are: a reader that shows names takes them from here. */
  names(names: readonly PcapngName[]): void {
    // One for each: a block of all of them would have a largest size, and there are few.
    for (const { address, name } of names) {
      const text = this.#encoder.encode(name);
      const lengthBytes = address.bytes.length + text.length + 1;
      this.#begin(BlockType.names, lengthBytes + 64);
      this.#option(address.family === 4 ? NameRecord.ipv4 : NameRecord.ipv6, lengthBytes);
      this.#bytes.set(address.bytes, this.#used);
      // A zero ends the name.
      this.#bytes.set(text, this.#used + address.bytes.length);
      this.#used += (lengthBytes + 3) & ~3;
      this.#u32(0);
      this.#endWithOptions();
    }
  }

  /** Writes a packet. @throws RangeError for an interface that was not described, or more bytes than a block has room for */
  packet(packet: PcapngPacket): void {
    const { bytes, encodedComment } = packet;
    this.#checkInterface(packet.interfaceId);
    if (bytes.length > MAX_BLOCK_BYTES / 2) throw new RangeError(`${bytes.length} bytes are no packet`);
    this.#begin(BlockType.packet, bytes.length + 128);
    this.#u32(packet.interfaceId);
    this.#time(packet);
    this.#u32(bytes.length);
    this.#u32(packet.lengthBytes);
    this.#bytes.set(bytes, this.#used);
    this.#used += (bytes.length + 3) & ~3;
    const { packet: code } = OptionCode;
    if (packet.direction !== undefined) {
      this.#option(code.flags, 4);
      this.#u32(directionFlag[packet.direction]);
    }
    if (packet.lost !== undefined && packet.lost > 0) this.#count(code.lost, packet.lost);
    if (packet.id !== undefined) {
      this.#option(code.id, 8);
      this.#u32(lowerHalf(packet.id));
      this.#u32(upperHalf(packet.id));
    }
    if (packet.queue !== undefined) {
      this.#option(code.queue, 4);
      this.#u32(packet.queue);
    }
    if (encodedComment === undefined) this.#text(OptionCode.comment, packet.comment);
    else this.#encodedText(OptionCode.comment, encodedComment);
    this.#endWithOptions();
  }

  /** Writes how an interface fared; as a rule once, in the end. @throws RangeError for one that was not described */
  statistics(statistics: PcapngStatistics): void {
    this.#checkInterface(statistics.interfaceId);
    this.#begin(BlockType.statistics, 128);
    this.#u32(statistics.interfaceId);
    this.#time(statistics);
    const { statistics: code } = OptionCode;
    this.#text(OptionCode.comment, statistics.comment);
    this.#count(code.received, statistics.received);
    this.#count(code.dropped, statistics.dropped);
    if (statistics.accepted !== undefined) this.#count(code.accepted, statistics.accepted);
    this.#endWithOptions();
  }

  #checkInterface(interfaceId: number): void {
    if (interfaceId < 0 || interfaceId >= this.#interfaces)
      throw new RangeError(`there is no interface ${interfaceId}`);
  }

  #begin(type: number, roomBytes: number): void {
    this.#block = this.#used;
    this.#makeRoom(BLOCK_FRAME_BYTES + roomBytes);
    this.#u32(type);
    this.#u32(0);
  }

  #endWithOptions(): void {
    this.#u32(OptionCode.end);
    const lengthBytes = this.#used + 4 - this.#block;
    this.#u32(lengthBytes);
    writeU32le(this.#bytes, this.#block + 4, lengthBytes);
  }

  #option(code: number, lengthBytes: number): void {
    this.#u16(code);
    this.#u16(lengthBytes);
  }

  #count(code: number, value: number): void {
    this.#option(code, 8);
    this.#u32(value % TWO_TO_32);
    this.#u32(Math.floor(value / TWO_TO_32));
  }

  /** An empty one is left out. `kind`, if given, is an octet in front of it. */
  #text(code: number, text: string | undefined, kind?: number): void {
    if (text === undefined || text === '') return;
    if (kind === undefined && this.#asciiText(code, text)) return;
    this.#encodedText(code, this.#encoder.encode(text), kind);
  }

  /** Most texts are short and ASCII: an encoder takes longer to be called than they take. Returns false for others. */
  #asciiText(code: number, text: string): boolean {
    const { length } = text;
    if (length > MAX_ASCII_CHARACTERS) return false;
    this.#makeRoom(length + 128);
    const bytes = this.#bytes;
    const at = this.#used + 4;
    let all = 0;
    for (let index = 0; index < length; index++) {
      const character = text.charCodeAt(index);
      all |= character;
      bytes[at + index] = character;
    }
    if (all > 0x7f) {
      bytes.fill(0, at, at + length);
      return false;
    }
    this.#option(code, length);
    this.#used += (length + 3) & ~3;
    return true;
  }

  #encodedText(code: number, text: Uint8Array, kind?: number): void {
    const encoded = text.length > MAX_TEXT_BYTES ? text.subarray(0, MAX_TEXT_BYTES) : text;
    const lengthBytes = encoded.length + (kind === undefined ? 0 : 1);
    this.#makeRoom(lengthBytes + 128);
    this.#option(code, lengthBytes);
    if (kind !== undefined) this.#bytes[this.#used] = kind;
    this.#bytes.set(encoded, this.#used + lengthBytes - encoded.length);
    this.#used += (lengthBytes + 3) & ~3;
  }

  /** Nanoseconds since 1970, 64 bits in two halves, without passing 2^53. */
  #time({ seconds, nanoseconds }: PcapngTime): void {
    const upper = Math.floor(seconds / 0x1_0000) * NANOSECONDS;
    const lower = (upper % 0x1_0000) * 0x1_0000 + (seconds % 0x1_0000) * NANOSECONDS + nanoseconds;
    this.#u32(Math.floor(upper / 0x1_0000) + Math.floor(lower / TWO_TO_32));
    this.#u32(lower % TWO_TO_32);
  }

  #u16(value: number): void {
    writeU16le(this.#bytes, this.#used, value);
    this.#used += 2;
  }

  #u32(value: number): void {
    writeU32le(this.#bytes, this.#used, value);
    this.#used += 4;
  }

  /** Memory that was never used is zero, and so is padding. */
  #makeRoom(lengthBytes: number): void {
    const needed = this.#used + lengthBytes;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#used));
    this.#bytes = larger;
  }
}
