/**
 * Rules of a firewall as they are judged, of whichever program they are: chains with rules, and rules made of statements that are
 * carried out one after the other until a test fails.
 */
import type { Subject } from './field.ts';
import type { Pattern } from './pattern.ts';

/** Where the kernel calls chains. */
export type Hook = 'ingress' | 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting' | 'egress';

/** All chains of all tables. */
export interface Ruleset {
  readonly chains: readonly FirewallChain[];
}

/** A chain. */
export interface FirewallChain {
  /** Whose it is, and where: `nftables table ip filter`. A jump leads to a chain of the same table. */
  readonly table: string;
  readonly name: string;
  /** `nftables chain ip filter FORWARD`, `iptables-legacy chain FORWARD`. */
  readonly title: string;
  /** Address families that it sees. */
  readonly families: readonly (4 | 6)[];
  /** `undefined`: only other chains call it. */
  readonly base: ChainBase | undefined;
  readonly rules: readonly FirewallRule[];
}

/** How the kernel calls a chain. */
export interface ChainBase {
  readonly hook: Hook;
  /** Lower ones first. */
  readonly priority: number;
  readonly policy: 'accept' | 'drop';
  /** A chain of NAT sees the first packet of a connection only. */
  readonly isNat: boolean;
  /** Devices whose packets it sees; `undefined`: of all. */
  readonly devices: readonly string[] | undefined;
}

/** One rule. */
export interface FirewallRule {
  /** As the firewall's own program shows it: `udp dport 4789 drop`. */
  readonly text: string;
  /** Command that removes just this rule. */
  readonly removal: string;
  /** Number of it in its table, by which nftables knows it; `undefined`: it has none. */
  readonly handle: number | undefined;
  /** Parsed when they are asked for: a ruleset may have thousands of rules that no packet of ours meets. */
  readonly statements: () => readonly Statement[];
}

/** What a rule does with a packet that got so far in it. */
export type Statement =
  | { readonly kind: 'test'; readonly test: Test }
  /** A condition that is not looked into: a limit, a quota, a match of iptables whose details nobody shows. */
  | { readonly kind: 'doubt' }
  | { readonly kind: 'verdict'; readonly verdict: RuleVerdict }
  /** A verdict that is looked up; what is not in the map fails as a test does. */
  | { readonly kind: 'map'; readonly subjects: readonly Subject[]; readonly entries: () => readonly MapEntry[] }
  | { readonly kind: 'mark'; readonly of: 'packet' | 'connection'; readonly value: MarkValue }
  | { readonly kind: 'untrack' }
  /** Addresses or ports are rewritten, and the rest of this chain is over. */
  | { readonly kind: 'translate' }
  /** Something is rewritten in the packet itself, which goes on, and is not known afterwards. */
  | { readonly kind: 'rewrite'; readonly field: 'addresses' | 'ports' }
  /** It counts, writes a log, or changes what no rule is asked for here. */
  | { readonly kind: 'nothing' }
  /** It may take the packet away, or not. */
  | { readonly kind: 'mystery' };

/** How a test asks. `any-bit` and `no-bit` are for numbers that are sets of bits. */
export interface Test {
  readonly subjects: readonly Subject[];
  readonly operator: 'in' | 'not-in' | '<' | '>' | '<=' | '>=' | 'any-bit' | 'no-bit';
  /** Parsed when they are asked for: a set may have a hundred thousand. */
  readonly patterns: () => readonly Pattern[];
}

export interface MapEntry {
  readonly pattern: Pattern;
  readonly verdict: RuleVerdict;
}

/** What a rule decides. */
export type RuleVerdict =
  | { readonly kind: 'accept' | 'drop' | 'reject' | 'return' | 'continue' | 'mystery' }
  | { readonly kind: 'jump' | 'goto'; readonly chain: string };

/** A mark after `mark & and ^ xor`; `undefined`: of something that is not looked into. */
export type MarkValue =
  { readonly and: number; readonly xor: number; readonly from: 'packet' | 'connection' } | undefined;
