/** The packet that somebody asks about: what a person would say of it. */
import { IpProtocol } from '../wire/ip.ts';
import type { IpAddress } from '../wire/address.ts';

/** A packet that nobody has sent yet. Both addresses are of one family. */
export interface PacketDescription {
  readonly source: IpAddress;
  readonly destination: IpAddress;
  /** Number of the protocol in the IP header: see `IpProtocol`. */
  readonly protocol: number;
  /** Of TCP and UDP; 0 for what has none. */
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Length of the IP packet, in bytes. */
  readonly sizeBytes: number;
  /** Whether it answers another, on a connection that is known by then; absent: it does not. */
  readonly isAnswer?: boolean | undefined;
}

/** What comes back for a packet that got there. */
export function answerTo(packet: PacketDescription): PacketDescription {
  const { source, destination, sourcePort, destinationPort } = packet;
  const swapped = {
    source: destination,
    destination: source,
    sourcePort: destinationPort,
    destinationPort: sourcePort,
  };
  return { ...packet, ...swapped, isAnswer: true };
}

/**
 * Largest packet that can be asked about, in bytes: above what any pod sends as one packet. Together with its headers, and cut
 * into fragments, it fits into a question to another node.
 */
export const MAX_SIZE_BYTES = 16_384;

/** Least bytes of a packet with this protocol: its headers alone. */
export function minSizeBytes(family: 4 | 6, protocol: number): number {
  const header = family === 4 ? 20 : 40;
  if (protocol === IpProtocol.tcp) return header + 20;
  return isEcho(family, protocol) || protocol === IpProtocol.udp ? header + 8 : header;
}

/** Whether it is a request of ping: ICMP of its own family. */
export function isEcho(family: 4 | 6, protocol: number): boolean {
  return protocol === (family === 4 ? IpProtocol.icmp : IpProtocol.icmpv6);
}

/** Whether packets of this protocol have ports. */
export function hasPorts(protocol: number): boolean {
  return protocol === IpProtocol.tcp || protocol === IpProtocol.udp;
}

/** Name of a protocol for people: `tcp`, or `protocol 47`. */
export function protocolName(protocol: number): string {
  return names[protocol] ?? `protocol ${protocol}`;
}

const names: Readonly<Record<number, string>> = {
  [IpProtocol.icmp]: 'icmp',
  [IpProtocol.tcp]: 'tcp',
  [IpProtocol.udp]: 'udp',
  [IpProtocol.icmpv6]: 'icmpv6',
};
