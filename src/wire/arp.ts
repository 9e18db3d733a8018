/**
 * ARP packet for IPv4 over Ethernet (RFC 826). All fields are big-endian.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   0 |       Hardware type: 1        |     Protocol type: 0x0800     |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   4 |  Length: 6    |  Length: 4    |           Operation           |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   8 |       Sender's MAC address (6), its IPv4 address (4)          |
 *  18 |       Target's MAC address (6), its IPv4 address (4)          |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
import type { IpAddress, MacAddress } from './address.ts';
import { ETHERNET_HEADER_LENGTH, encodeEthernet, EtherType, MAC_ADDRESS_LENGTH } from './ethernet.ts';
import { readU16, writeU16, writeU32 } from './octets.ts';

const Offset = {
  hardware: 0,
  protocol: 2,
  lengths: 4,
  operation: 6,
  senderMac: 8,
  sender: 14,
  targetMac: 18,
  target: 24,
};
const HARDWARE_ETHERNET = 1;
/** Of both kinds of addresses. */
const LENGTHS = 0x06_04;

/** Size of a packet, in bytes. */
export const ARP_LENGTH = 28;

/** Values of the field for the operation. */
export const ArpOperation = { request: 1, reply: 2 } as const;

/** What a packet says. Addresses are copies. */
export interface ArpPacket {
  readonly operation: number;
  readonly senderMac: MacAddress;
  /** 0.0.0.0: it is a probe (RFC 5227, section 1.1). */
  readonly sender: IpAddress;
  readonly targetMac: MacAddress;
  readonly target: IpAddress;
}

/** The packet at `at`, up to the end of `bytes`; `undefined`: it is cut short, or not about IPv4 over Ethernet. */
export function readArp(bytes: Uint8Array, at: number): ArpPacket | undefined {
  if (bytes.length < at + ARP_LENGTH) return undefined;
  const isForUs =
    readU16(bytes, at + Offset.hardware) === HARDWARE_ETHERNET &&
    readU16(bytes, at + Offset.protocol) === EtherType.ipv4 &&
    readU16(bytes, at + Offset.lengths) === LENGTHS;
  if (!isForUs) return undefined;
  const mac = (offset: number): MacAddress => bytes.slice(at + offset, at + offset + MAC_ADDRESS_LENGTH);
  const address = (offset: number): IpAddress => ({ family: 4, bytes: bytes.slice(at + offset, at + offset + 4) });
  return {
    operation: readU16(bytes, at + Offset.operation),
    senderMac: mac(Offset.senderMac),
    sender: address(Offset.sender),
    targetMac: mac(Offset.targetMac),
    target: address(Offset.target),
  };
}

/** A frame with this packet, from the sender of the packet. */
export function arpFrame(packet: ArpPacket, destination: MacAddress): Uint8Array {
  const bytes = new Uint8Array(ETHERNET_HEADER_LENGTH + ARP_LENGTH);
  encodeEthernet(destination, 0, packet.senderMac, 0, EtherType.arp, bytes, 0);
  const at = ETHERNET_HEADER_LENGTH;
  writeU32(bytes, at + Offset.hardware, HARDWARE_ETHERNET * 0x1_00_00 + EtherType.ipv4);
  writeU16(bytes, at + Offset.lengths, LENGTHS);
  writeU16(bytes, at + Offset.operation, packet.operation);
  bytes.set(packet.senderMac, at + Offset.senderMac);
  bytes.set(packet.sender.bytes, at + Offset.sender);
  bytes.set(packet.targetMac, at + Offset.targetMac);
  bytes.set(packet.target.bytes, at + Offset.target);
  return bytes;
}
