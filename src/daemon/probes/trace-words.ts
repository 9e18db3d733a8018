/** What the answer to a probe of a trace says, or an error about it, in words. Pure. */
import {
  ICMP_HEADER_LENGTH,
  IcmpType,
  IcmpUnreachableCode,
  readIcmpCode,
  readIcmpRest,
  readIcmpType,
} from '../../wire/icmp.ts';
import { Icmpv6Type, Icmpv6UnreachableCode } from '../../wire/icmpv6.ts';
import { formatIpAddress } from '../../wire/address.ts';
import { IpProtocol } from '../../wire/ip.ts';
import { IPV4_SOURCE_OFFSET, readIpv4HeaderLength } from '../../wire/ipv4.ts';
import { IPV6_HEADER_LENGTH, IPV6_SOURCE_OFFSET } from '../../wire/ipv6.ts';
import { readTcpFlags, TCP_MIN_HEADER_LENGTH, TcpFlag } from '../../wire/tcp.ts';
import { icmpErrorWords } from './echo-words.ts';
import type { TracedPacket } from './trace-probe.ts';
import type { TraceRole } from '../../api/trace-api.ts';

/** Words for the IP packet at `at`, of which `lengthBytes` bytes are there; empty for a probe. */
export function traceWords(
  { protocol, source }: TracedPacket,
  role: TraceRole,
  bytes: Uint8Array,
  at: number,
  lengthBytes: number,
): string {
  const { family } = source;
  const transportAt = at + (family === 4 ? readIpv4HeaderLength(bytes, at) : IPV6_HEADER_LENGTH);
  const available = lengthBytes - (transportAt - at);
  if (role === 'probe') return '';
  if (role === 'error') {
    if (available < ICMP_HEADER_LENGTH) return '';
    const [type, code] = [readIcmpType(bytes, transportAt), readIcmpCode(bytes, transportAt)];
    const [sourceAt, octets] = family === 4 ? [IPV4_SOURCE_OFFSET, 4] : [IPV6_SOURCE_OFFSET, 16];
    const sender = { family, bytes: bytes.slice(at + sourceAt, at + sourceAt + octets) };
    const mtuBytes = readIcmpRest(bytes, transportAt) & 0xff_ff;
    const words = isPortUnreachable(family, type, code) ? 'nobody listens at that port' : undefined;
    return `${formatIpAddress(sender)} says: ${words ?? icmpErrorWords(family, { type, code, mtuBytes })}`;
  }
  if (protocol !== IpProtocol.tcp || available < TCP_MIN_HEADER_LENGTH) return '';
  const flags = readTcpFlags(bytes, transportAt);
  if ((flags & TcpFlag.rst) !== 0) return 'RST: nobody listens at that port';
  return (flags & TcpFlag.syn) !== 0 ? 'SYN ACK: somebody listens at that port' : '';
}

function isPortUnreachable(family: 4 | 6, type: number, code: number): boolean {
  return family === 4
    ? type === IcmpType.destinationUnreachable && code === IcmpUnreachableCode.port
    : type === Icmpv6Type.destinationUnreachable && code === Icmpv6UnreachableCode.port;
}
