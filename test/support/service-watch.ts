/** What became of packets to services at a router: what left it, and to whom it said that there is nothing. */
import { runCommand } from '../../src/linux/command.ts';

/** Sees what leaves behind all translation, and what the router itself tells of what does not. Nobody on the router answers. */
const rules = `table inet watch {
  set left4 { typeof meta length . ip saddr . ip daddr . th dport; size 65535; flags dynamic; }
  set left6 { typeof meta length . ip6 saddr . ip6 daddr . th dport; size 65535; flags dynamic; }
  set told4 { typeof meta length; size 65535; flags dynamic; }
  set told6 { typeof meta length; size 65535; flags dynamic; }
  set resets { typeof th dport; size 65535; flags dynamic; }
  chain into { type filter hook input priority 0; policy drop; }
  chain own {
    type filter hook output priority 300;
    tcp flags & rst == rst add @resets { th dport } drop
    icmp type destination-unreachable add @told4 { meta length } drop
    icmpv6 type destination-unreachable add @told6 { meta length } drop
  }
  chain left {
    type filter hook postrouting priority 300;
    ip6 daddr ff00::/8 return
    add @left4 { meta length . ip saddr . ip daddr . th dport } drop
    add @left6 { meta length . ip6 saddr . ip6 daddr . th dport } drop
  }
}`;

/** What an error adds to the packet that it quotes: an IP header, and one of ICMP (RFC 792) or ICMPv6 (RFC 4443, section 3.1), in bytes. */
const QUOTE_BYTES = { 4: 28, 6: 48 } as const;

const purpose = 'see what becomes of packets to services';

/** A packet that left: from whom, to which address and port. */
export interface LeftPacket {
  readonly source: string;
  readonly destination: string;
  readonly port: number;
}

/** Of one volley. */
export interface Watched {
  /** By the lengths of packets. */
  readonly left: ReadonlyMap<number, LeftPacket>;
  /** Lengths of packets that an ICMP error quoted whole. */
  readonly told: { readonly 4: ReadonlySet<number>; readonly 6: ReadonlySet<number> };
  /** Ports from which connections of TCP were begun that were refused. */
  readonly reset: ReadonlySet<number>;
}

/** Begins anew. */
export async function watchServices(): Promise<void> {
  const lines = `add table inet watch\ndelete table inet watch\n${rules}\n`;
  await runCommand(['nft', '-f', '-'], { purpose, input: lines });
}

export async function watchedServices(): Promise<Watched> {
  const [left4, left6, told4, told6, reset] = await Promise.all(
    ['left4', 'left6', 'told4', 'told6', 'resets'].map(elementsOf),
  );
  const left = [...left4!, ...left6!].map((element): [number, LeftPacket] => {
    const [length, source, destination, port] = element.split(' . ');
    return [Number(length), { source: source!, destination: destination!, port: Number(port) }];
  });
  return {
    left: new Map(left),
    told: { 4: quoted(told4!, QUOTE_BYTES[4]), 6: quoted(told6!, QUOTE_BYTES[6]) },
    reset: new Set(reset!.map(Number)),
  };
}

/** Lengths of packets, from those of the errors that quote them. */
function quoted(lengths: readonly string[], quoteBytes: number): ReadonlySet<number> {
  return new Set(lengths.map((length) => Number(length) - quoteBytes));
}

async function elementsOf(set: string): Promise<readonly string[]> {
  const listed = await runCommand(['nft', '-n', 'list', 'set', 'inet', 'watch', set], { purpose });
  const [, elements = ''] = /elements = \{([^}]*)\}/.exec(listed) ?? [];
  return elements
    .split(',')
    .map((element) => element.trim())
    .filter((element) => element !== '');
}
