/**
 * What the kernel says of a packet that nftables traces (`meta nftrace set 1`): a netlink message for every rule that it matched.
 *
 *     nlmsghdr, nfgenmsg, attributes: NFTA_TRACE_*, numbers in network order
 *
 * The first message of a chain with a hook has the headers of the packet. Those of chains of iptables before nftables are not told.
 */
import { readU16, readU32 } from '../wire/octets.ts';
import { Abi, Struct } from './kernel-abi.ts';
import { aligned, attributesOf, textOf } from './netlink-attributes.ts';

/** One message. */
export interface NftTraceEvent {
  /** The same for all messages about one packet, and sometimes for another packet later. */
  readonly id: number;
  /** `inet filter`, and the chain in which that happened: one with a hook, or one that was jumped to. */
  readonly table: string;
  readonly chain: string;
  /** `rule`: a rule matched. `return`: the end of a chain that was jumped to. `policy`: the end of a chain with a hook. */
  readonly type: 'rule' | 'return' | 'policy';
  /** Of the rule; -1 for none. */
  readonly handle: number;
  readonly verdict: 'accept' | 'drop' | 'stolen' | 'queue' | 'continue' | 'jump' | 'goto' | 'return';
  /** Chain that is jumped to; empty if none is. */
  readonly target: string;
  /** Network and transport header, as they were there; empty in all but the first message of a chain with a hook. */
  readonly headers: Uint8Array;
}

const families: Readonly<Record<number, string>> = {
  [Abi.NFPROTO_INET]: 'inet',
  [Abi.AF_INET]: 'ip',
  [Abi.NFPROTO_NETDEV]: 'netdev',
  [Abi.AF_INET6]: 'ip6',
};

const types: Readonly<Record<number, NftTraceEvent['type']>> = {
  [Abi.NFT_TRACETYPE_POLICY]: 'policy',
  [Abi.NFT_TRACETYPE_RETURN]: 'return',
  [Abi.NFT_TRACETYPE_RULE]: 'rule',
};

const verdicts: Readonly<Record<number, NftTraceEvent['verdict']>> = {
  [Abi.NF_DROP]: 'drop',
  [Abi.NF_ACCEPT]: 'accept',
  [Abi.NF_STOLEN]: 'stolen',
  [Abi.NF_QUEUE]: 'queue',
  [Abi.NFT_CONTINUE]: 'continue',
  [Abi.NFT_JUMP]: 'jump',
  [Abi.NFT_GOTO]: 'goto',
  [Abi.NFT_RETURN]: 'return',
};

const TRACE = (Abi.NFNL_SUBSYS_NFTABLES << 8) | Abi.NFT_MSG_TRACE;

/** Messages in the first `lengthBytes` of `bytes`, those about something else left out. */
export function parseNftTraceEvents(bytes: Uint8Array, lengthBytes: number): NftTraceEvent[] {
  const events: NftTraceEvent[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, lengthBytes);
  const { size } = Struct.nlmsghdr;
  for (let at = 0; at + size <= lengthBytes;) {
    // The header is in the machine's byte order, unlike what is behind it.
    const length = view.getUint32(at + Struct.nlmsghdr.nlmsg_len, true);
    if (length < size || at + length > lengthBytes) break;
    const event =
      view.getUint16(at + Struct.nlmsghdr.nlmsg_type, true) === TRACE
        ? parseEvent(bytes.subarray(at + size, at + length))
        : undefined;
    if (event !== undefined) events.push(event);
    at += aligned(length);
  }
  return events;
}

function parseEvent(bytes: Uint8Array): NftTraceEvent | undefined {
  if (bytes.length < Struct.nfgenmsg.size) return undefined;
  const family = families[bytes[Struct.nfgenmsg.nfgen_family]!] ?? 'other';
  const attributes = attributesOf(bytes.subarray(Struct.nfgenmsg.size));
  const type = types[numberOf(attributes.get(Abi.NFTA_TRACE_TYPE)) ?? -1];
  if (type === undefined) return undefined;
  const verdict = attributesOf(attributes.get(Abi.NFTA_TRACE_VERDICT) ?? new Uint8Array());
  const policy = numberOf(attributes.get(Abi.NFTA_TRACE_POLICY));
  const code = type === 'policy' ? policy : numberOf(verdict.get(Abi.NFTA_VERDICT_CODE));
  const handle = attributes.get(Abi.NFTA_TRACE_RULE_HANDLE);
  return {
    id: numberOf(attributes.get(Abi.NFTA_TRACE_ID)) ?? 0,
    table: `${family} ${textOf(attributes.get(Abi.NFTA_TRACE_TABLE))}`,
    chain: textOf(attributes.get(Abi.NFTA_TRACE_CHAIN)),
    type,
    // 64 bits, of which no ruleset needs more than the lower half.
    handle: handle === undefined || handle.length < 8 ? -1 : readU32(handle, 4),
    verdict: verdicts[(code ?? Abi.NFT_CONTINUE) | 0] ?? 'continue',
    target: textOf(verdict.get(Abi.NFTA_VERDICT_CHAIN)),
    headers: Uint8Array.of(
      ...(attributes.get(Abi.NFTA_TRACE_NETWORK_HEADER) ?? []),
      ...(attributes.get(Abi.NFTA_TRACE_TRANSPORT_HEADER) ?? []),
    ),
  };
}

function numberOf(value: Uint8Array | undefined): number | undefined {
  return value?.length === 4 ? readU32(value, 0) : value?.length === 2 ? readU16(value, 0) : undefined;
}
