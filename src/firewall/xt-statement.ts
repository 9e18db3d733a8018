/** Matches and targets of iptables inside of nftables: `nft -j` tells their names and nothing else. */
import type { Statement } from './ruleset.ts';

/** Targets that let the packet go on as it is, for all that is asked here. */
const neutralTargets: readonly string[] = [
  'LOG',
  'NFLOG',
  'TCPMSS',
  'TCPOPTSTRIP',
  'CHECKSUM',
  'CLASSIFY',
  'CONNSECMARK',
  'DSCP',
  'ECN',
  'HL',
  'RATEEST',
  'SECMARK',
  'SET',
  'TEE',
  'TOS',
  'TRACE',
  'TTL',
];

const translatingTargets: readonly string[] = ['SNAT', 'DNAT', 'MASQUERADE', 'REDIRECT', 'NETMAP'];

/** What a statement does of which this is all that is known. */
export function xtStatement(json: unknown): Statement {
  const { type, name } = Object(json) as { readonly type?: unknown; readonly name?: unknown };
  // A comment always matches.
  if (type === 'match') return name === 'comment' ? { kind: 'nothing' } : { kind: 'doubt' };
  return type === 'target' && typeof name === 'string' ? targetStatement(name) : { kind: 'mystery' };
}

/** What a target does, by its name alone. */
export function targetStatement(name: string): Statement {
  if (neutralTargets.includes(name)) return { kind: 'nothing' };
  if (translatingTargets.includes(name)) return { kind: 'translate' };
  if (name === 'REJECT') return { kind: 'verdict', verdict: { kind: 'reject' } };
  if (name === 'MARK') return { kind: 'mark', of: 'packet', value: undefined };
  if (name === 'CONNMARK') return { kind: 'mark', of: 'connection', value: undefined };
  return { kind: 'mystery' };
}
