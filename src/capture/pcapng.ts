/**
 * The file format pcapng (draft-ietf-opsawg-pcapng): what stands in it, and its numbers. Of the format's many blocks, those five that
 * a capture of weft has. Numbers are little-endian here; a reader of any kind can tell by the section header.
 *
 *     block    | type | length | body, padded to 32 bits | length |          length: of all of the block
 *     section  | byte order | version | -1, -1 | options |
 *     iface    | link type | 0 | snap length | options |
 *     names    | record type | length | address, names, padded | ... | 0 | 0 | options |
 *     packet   | interface | time, high | time, low | captured | length | bytes, padded | options |
 *     counts   | interface | time, high | time, low | options |
 *     option   | code | length | value, padded |                              in the end | 0 | 0 |
 */
import type { IpAddress } from '../wire/address.ts';

/** Types of blocks. */
export const BlockType = { section: 0x0a0d0d0a, interface: 1, names: 4, statistics: 5, packet: 6 } as const;

/** In a section header: written in the byte order of the section. */
export const BYTE_ORDER_MAGIC = 0x1a2b3c4d;

/** Version of the format: 1.0. */
export const PCAPNG_VERSION = { major: 1, minor: 0 } as const;

/** Codes of options, by the block that they belong to. */
export const OptionCode = {
  end: 0,
  comment: 1,
  section: { hardware: 2, os: 3, application: 4 },
  interface: { name: 2, description: 3, timeResolution: 9, filter: 11, os: 12, hardware: 15 },
  packet: { flags: 2, lost: 4, id: 5, queue: 6 },
  statistics: { received: 4, dropped: 5, accepted: 6, delivered: 8 },
} as const;

/** Records of a block of names: what an IPv4 address is called, and an IPv6 address. */
export const NameRecord = { ipv4: 1, ipv6: 2 } as const;

/** Types of links (tcpdump.org/linktypes.html): packets begin with an IP header, or with an Ethernet header. */
export const LinkType = { ethernet: 1, raw: 101 } as const;

/** Longest block that is read, in bytes: a packet of the largest size, and options with room to spare. */
export const MAX_BLOCK_BYTES = 1_048_576;

/** Length of the parts of a block that are always there, in bytes. */
export const BLOCK_FRAME_BYTES = 12;

/** Of the packet block, without its frame. */
export const PACKET_FIXED_BYTES = 20;

/** What captured: stands at the beginning of a file. */
export interface PcapngSection {
  /** Of the machine: `x64`. */
  readonly hardware: string;
  /** Of the machine: `Linux 6.18.1`. */
  readonly os: string;
  /** `weft 0.3.0`. */
  readonly application: string;
}

/** Where packets were seen. */
export interface PcapngInterface {
  /** `n1/to-underlay`. */
  readonly name: string;
  /** One line for people. */
  readonly description?: string;
  /** In the language of libpcap. */
  readonly filter?: string;
  /** Of the machine where it was. */
  readonly os?: string;
  readonly comment?: string;
  /** Packets were cut to this; 0: they were not. */
  readonly snaplenBytes?: number;
  /** A {@link LinkType}; absent: IP packets. */
  readonly linkType?: number;
}

/** Which way a packet goes, as seen from the node: into it, or out of it. */
export type PcapngDirection = 'in' | 'out';

/** A moment, since 1970. */
export interface PcapngTime {
  readonly seconds: number;
  readonly nanoseconds: number;
}

/** What an address is called. */
export interface PcapngName {
  readonly address: IpAddress;
  readonly name: string;
}

/** A packet. */
export interface PcapngPacket extends PcapngTime {
  /** Number of its interface in the file. */
  readonly interfaceId: number;
  /** What is there of it. Belongs to the caller. */
  readonly bytes: Uint8Array;
  /** Of the whole packet. */
  readonly lengthBytes: number;
  readonly direction?: PcapngDirection | undefined;
  /** Packets that the capture lost at this interface since the one before. */
  readonly lost?: number | undefined;
  /** 64 bits: by which it is known again elsewhere. */
  readonly id?: bigint | undefined;
  /** Number of the worker. */
  readonly queue?: number | undefined;
  readonly comment?: string | undefined;
  /** The comment in UTF-8, where that is at hand: it saves the encoding. */
  readonly encodedComment?: Uint8Array | undefined;
}

/** How an interface fared, up to this moment. */
export interface PcapngStatistics extends PcapngTime {
  readonly interfaceId: number;
  /** Packets that were seen. */
  readonly received: number;
  /** Packets that the capture itself lost. */
  readonly dropped: number;
  /** Packets that filters let through. */
  readonly accepted?: number;
  readonly comment?: string;
}
