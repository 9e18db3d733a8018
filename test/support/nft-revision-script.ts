/**
 * Revises a table of nftables in the network namespace in which it was started, by messages, and another one by `nft`, and prints as JSON what
 * became of both.
 */
import { isDeepStrictEqual } from 'node:util';
import { runCommand } from '../../src/linux/command.ts';
import { applyTransaction, dumpTable } from '../../src/linux/nft-netlink.ts';
import { listTable } from '../../src/linux/nft-table-listing.ts';
import { revisionTransaction } from '../../src/linux/nft-revision-message.ts';
import { ruleExpressions } from '../../src/linux/nft-rule-expressions.ts';
import { creationLines, type NftTableContent } from '../../src/linux/nft-table-content.ts';
import { type NftTableRevision, revisionLines } from '../../src/linux/nft-table-revision.ts';
import { type NftTable, nftTransaction, titleOf } from '../../src/linux/nftables.ts';
import { Abi } from '../../src/linux/kernel-abi.ts';

export interface NftRevisionReport {
  /** Rules that are no messages. */
  readonly unknown: readonly string[];
  /** Whether the kernel took the messages. */
  readonly isDone: boolean;
  /** Both tables as `nft` lists them, under one name. */
  readonly byMessages: string;
  readonly byNft: string;
  /** Whether the kernel has the same of each rule. */
  readonly areRulesSame: boolean;
  /** Whether all is declared alike. */
  readonly areLayoutsSame: boolean;
}

/** Each form that weft writes. */
const rules = [
  'goto target',
  'jump target',
  'return',
  'drop',
  'accept',
  'counter name new',
  'ct status & confirmed == 0 counter name new',
  'ct status & confirmed != 0 accept',
  'limit rate 100/second burst 100 packets log prefix "weft-policy r0123456789abcdef" group 4789 snaplen 256',
  'meta l4proto != tcp return',
  'meta l4proto sctp goto target',
  'tcp flags & (fin | syn | rst | ack) == syn return',
  'tcp flags & (fin | syn | rst | ack) != syn goto target',
  'tcp flags & (fin | syn | rst | ack) != syn iifname @set-devices goto target',
  'oifname @set-devices goto target',
  'oifname vmap @map-devices',
  'ip saddr @hosts4 goto target',
  'ip6 daddr @hosts6 return',
  'ip daddr @blocks4 meta l4proto tcp th dport 80 goto target',
  'ip6 saddr @blocks6 meta l4proto udp th dport { 53, 5353 } goto target',
  'meta l4proto tcp th sport 8000-8010 return',
  'meta l4proto tcp th dport { 22, 80, 443 } goto target',
  'ip daddr . meta l4proto . th dport @ports4 goto target',
  'ip6 saddr . meta l4proto . th sport @ports6 return',
  'ip saddr @blocks4 ip daddr . meta l4proto . th dport @ports4 goto target',
  'ip6 saddr @hosts6 ip6 daddr . meta l4proto . th dport @ports6 goto target',
  'meta mark set meta mark | 0x20000000',
  'jhash ip saddr . th sport mod 3 seed 0x77656674 vmap { 0 : goto target, 1 : goto slot-1, 2 : goto target }',
  'jhash ip6 saddr . th sport mod 2 seed 0x77656674 vmap { 0 : goto slot-1, 1 : goto target }',
  `jhash ip saddr . th sport mod 1500 seed 0x1 vmap { ${Array.from({ length: 1_500 }, (_, index) => `${index} : goto slot-1`).join(', ')} }`,
  'dnat ip to ip daddr . meta l4proto . th dport map @backends4',
  'dnat ip6 to ip6 daddr . meta l4proto . th dport map @backends6',
  'update @kept4 { ip saddr }',
  'update @kept6 { ip6 saddr }',
  'meta l4proto 6 dnat ip to 10.0.0.2:8080',
  'meta l4proto 132 dnat ip6 to [fd00::2]:8080',
  'ip saddr 10.0.0.0/8 goto target',
  'ip saddr 10.16.0.0/12 goto target',
  'ip saddr 10.0.0.1/32 goto target',
  'ip6 saddr fd00::/64 goto target',
  'ip6 saddr fd00::/63 goto target',
  'ip6 daddr fd00::1/128 goto target',
];

const sets = {
  hosts4: { type: 'ipv4_addr', elements: new Set(['10.0.0.1', '10.0.0.2']) },
  hosts6: { type: 'ipv6_addr', elements: new Set(['fd00::1']) },
  blocks4: {
    type: 'ipv4_addr',
    details: 'flags interval;',
    elements: new Set(['10.0.0.0/8', '11.0.0.0/8', '192.168.0.0/16', '255.0.0.0/8']),
  },
  blocks6: { type: 'ipv6_addr', details: 'flags interval;', elements: new Set(['::/1', 'fd00::/8']) },
  everything4: { type: 'ipv4_addr', details: 'flags interval;', elements: new Set(['0.0.0.0/0']) },
  ports4: { type: 'ipv4_addr . inet_proto . inet_service', elements: new Set(['10.0.0.1 . 6 . 80']) },
  ports6: { type: 'ipv6_addr . inet_proto . inet_service', elements: new Set(['fd00::1 . 17 . 53']) },
  backends4: {
    type: 'ipv4_addr . inet_proto . inet_service',
    data: 'ipv4_addr . inet_service',
    elements: new Set(['10.96.0.1 . 6 . 80 : 10.0.0.2 . 8080']),
  },
  backends6: {
    type: 'ipv6_addr . inet_proto . inet_service',
    data: 'ipv6_addr . inet_service',
    elements: new Set(['fd00:96::1 . 17 . 53 : fd00::2 . 8053']),
  },
  verdicts4: {
    type: 'ipv4_addr . inet_proto . inet_service',
    data: 'verdict',
    elements: new Set(['10.96.0.1 . 6 . 80 : goto target']),
  },
  kept4: { type: 'ipv4_addr', details: 'size 65536; flags dynamic,timeout; timeout 10800s;' },
  kept6: { type: 'ipv6_addr', details: 'size 65536; flags dynamic,timeout; timeout 86400s;' },
};

function contentOf(name: string): NftTableContent {
  return {
    table: { family: 'inet', name },
    counters: ['old', 'kept'],
    sets: {
      'map-devices': { type: 'ifname', data: 'verdict', elements: new Set(['wf0 : jump target']) },
      'set-devices': { type: 'ifname', elements: new Set(['wf0', 'wf1']) },
      'set-gone': { type: 'ipv4_addr', elements: new Set(['10.0.0.9']) },
      'set-stays': { type: 'ipv4_addr', elements: new Set(['10.0.0.1', '10.0.0.2']) },
    },
    chains: {
      target: { rules: [] },
      'slot-1': { rules: [] },
      changed: { rules: ['ip saddr @set-gone return', 'counter name old', 'goto leaving'] },
      leaving: { rules: ['counter name old'] },
    },
  };
}

const revision: NftTableRevision = {
  counters: { added: ['new'], gone: ['old'] },
  sets: { added: sets, gone: ['set-gone'] },
  elements: new Map([
    ['set-stays', { added: ['10.0.0.3'], gone: ['10.0.0.1'] }],
    ['map-devices', { added: ['wf0 : goto target'], gone: ['wf0 : jump target'] }],
  ]),
  chains: { changed: { fresh: { rules }, changed: { rules: rules.toReversed() } }, gone: ['leaving'] },
};

async function listed({ name, ...table }: NftTable): Promise<string> {
  const text = await runCommand(['nft', 'list', 'table', ...titleOf({ name, ...table }).split(' ')], {
    purpose: 'test',
  });
  return text.replace(name, 'NAME');
}

function expressionsOf(table: NftTable): unknown {
  // Names of sets without a name are numbered through the table.
  return dumpTable(table)!.rules.map((rule) => [
    rule.get(Abi.NFTA_RULE_CHAIN),
    Buffer.from(rule.get(Abi.NFTA_RULE_EXPRESSIONS) ?? []).toString('latin1'),
  ]);
}

const [own, other] = [contentOf('own'), contentOf('other')];
await nftTransaction([...creationLines(own), ...creationLines(other)], 'make tables');
const messages = revisionTransaction(own, revision);
const isDone = messages !== undefined && applyTransaction(messages);
await nftTransaction(revisionLines(other, revision), 'revise a table');
const report: NftRevisionReport = {
  unknown: rules.filter((rule) => ruleExpressions(rule, () => 1) === undefined),
  isDone,
  byMessages: await listed(own.table),
  byNft: await listed(other.table),
  areRulesSame: isDeepStrictEqual(expressionsOf(own.table), expressionsOf(other.table)),
  areLayoutsSame: listTable(own.table)?.layout === listTable(other.table)?.layout,
};
process.stdout.write(JSON.stringify(report));
