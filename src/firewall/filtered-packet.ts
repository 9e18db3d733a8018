/** A packet as rules of a firewall see it. */
import type { IpAddress } from '../wire/address.ts';
import { IpProtocol } from '../wire/ip.ts';
import { TcpFlag } from '../wire/tcp.ts';

/** What connection tracking says of a packet; `invalid` also before it has looked, `untracked` where it was told not to. */
export type ConnectionState = 'new' | 'established' | 'related' | 'invalid' | 'untracked';

/** What a rule may ask of a packet. What is `undefined` is not known: then a rule that asks for it cannot be decided. */
export interface FilteredPacket {
  readonly family: 4 | 6;
  /** Device that it came in by, at this hook; empty: it was made here. */
  readonly inDevice: string | undefined;
  /** Device that it leaves by; empty: it is for this machine, or not routed yet. */
  readonly outDevice: string | undefined;
  /** MAC address that it came from, lower case: `02:00:00:00:00:01`; empty: its device has none, as a TUN device. */
  readonly sourceMac: string | undefined;
  readonly source: IpAddress | undefined;
  readonly destination: IpAddress | undefined;
  /** Number in the IP header: see `IpProtocol`. */
  readonly protocol: number | undefined;
  /** Of TCP and UDP. */
  readonly sourcePort: number | undefined;
  readonly destinationPort: number | undefined;
  readonly tcpFlags: number | undefined;
  /** Of ICMP or ICMPv6. */
  readonly icmpType: number | undefined;
  readonly icmpCode: number | undefined;
  readonly connection: ConnectionState | undefined;
  /** Whether it goes the other way than the first packet of its connection; absent: not known, but of a first packet. */
  readonly isReply?: boolean;
  readonly mark: number | undefined;
  /** Mark of its connection. */
  readonly connectionMark: number | undefined;
  /** Whether its connection is one of which addresses or ports were rewritten. */
  readonly isTranslated: boolean | undefined;
  /** Whether its destination is an address of this machine, by the routing table. */
  readonly isDestinationLocal: boolean | undefined;
  /** Whether the route to its source leads out of the device that it came in by: what filters of the reverse path ask. */
  readonly returnsByInDevice: boolean | undefined;
}

/**
 * The first packet of a connection with nothing known but what is said: without marks, a SYN if it is TCP, an echo request if it is
 * ICMP.
 */
export function firstPacket(known: Partial<FilteredPacket> & Pick<FilteredPacket, 'family'>): FilteredPacket {
  const { protocol, family } = known;
  const isIcmp = protocol === (family === 4 ? IpProtocol.icmp : IpProtocol.icmpv6);
  return {
    inDevice: undefined,
    outDevice: undefined,
    sourceMac: undefined,
    source: undefined,
    destination: undefined,
    protocol: undefined,
    sourcePort: undefined,
    destinationPort: undefined,
    tcpFlags: protocol === IpProtocol.tcp ? TcpFlag.syn : undefined,
    icmpType: isIcmp ? (family === 4 ? 8 : 128) : undefined,
    icmpCode: isIcmp ? 0 : undefined,
    connection: 'new',
    mark: 0,
    connectionMark: 0,
    isTranslated: false,
    isDestinationLocal: undefined,
    returnsByInDevice: undefined,
    ...known,
  };
}

/** What both say, and nothing where they differ: for a packet that went one of two ways. */
export function commonPacket(a: FilteredPacket, b: FilteredPacket): FilteredPacket {
  if (a === b) return a;
  const keys = Object.keys(a) as (keyof FilteredPacket)[];
  const entries = keys.map((key) => [key, a[key] === b[key] ? a[key] : undefined]);
  return Object.fromEntries(entries) as FilteredPacket;
}
