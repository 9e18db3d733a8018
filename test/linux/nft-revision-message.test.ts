/** Revisions of tables of nftables as messages, beside `nft`, in a network namespace of this test. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { revisionTransaction } from '../../src/linux/nft-revision-message.ts';
import { ruleExpressions } from '../../src/linux/nft-rule-expressions.ts';
import type { NftTableContent } from '../../src/linux/nft-table-content.ts';
import type { NftTableRevision } from '../../src/linux/nft-table-revision.ts';
import type { NftRevisionReport } from '../support/nft-revision-script.ts';

const script = fileURLToPath(new URL('../support/nft-revision-script.ts', import.meta.url));
const rootTest = process.getuid?.() === 0 ? test : test.skip;

rootTest(
  'the kernel has the same by messages as by nft: counters, sets, elements, chains, and each form of a rule',
  (t) => {
    const text = execFileSync('unshare', ['--net', '--', process.execPath, script], { encoding: 'utf8' });
    const { unknown, isDone, byMessages, byNft, areRulesSame, areLayoutsSame } = JSON.parse(text) as NftRevisionReport;
    t.deepEqual(unknown, []);
    t.true(isDone);
    t.is(byMessages, byNft);
    t.true(areRulesSame);
    t.true(areLayoutsSame);
  },
);

const before: NftTableContent = {
  table: { family: 'inet', name: 'weft' },
  counters: [],
  sets: { blocks: { type: 'ipv4_addr', details: 'flags interval;', elements: new Set(['10.0.0.0/8']) } },
  chains: { judge: { rules: [] } },
};

const nothing: NftTableRevision = {
  counters: { added: [], gone: [] },
  sets: { added: {}, gone: [] },
  elements: new Map(),
  chains: { changed: {}, gone: [] },
};

const left: Readonly<Record<string, Partial<NftTableRevision>>> = {
  'a rule of another form': { chains: { changed: { judge: { rules: ['ip ttl 1 drop'] } }, gone: [] } },
  'a chain that the kernel calls': {
    chains: { changed: { hooked: { hook: 'type filter hook input priority 0;', rules: [] } }, gone: [] },
  },
  'a map': {
    sets: { added: { verdicts: { type: 'ifname', data: 'verdict', elements: new Set() } }, gone: [] },
  },
  'a set that the kernel fills, of another form': { sets: { added: { seen: { type: 'ipv4_addr' } }, gone: [] } },
  'ranges that change': { elements: new Map([['blocks', { added: ['11.0.0.0/8'], gone: [] }]]) },
  'more than the kernel can answer': {
    counters: { added: Array.from({ length: 3_000 }, (_, index) => `r${index}`), gone: [] },
  },
};
for (const [what, part] of Object.entries(left)) {
  test(`${what}: that is left to nft`, (t) => {
    t.is(revisionTransaction(before, { ...nothing, ...part }), undefined);
  });
}

const strange = [
  'return now',
  'th dport 80-',
  'th dport 80,90',
  'counter',
  'ip saddr 10.0.0.1 return',
  'dropped',
  'ip saddr 0.0.0.0/0 return',
  'ip saddr fd00::/64 return',
  'meta l4proto 300 accept',
  'dnat ip to 10.0.0.256:80',
  'dnat ip to 10.0.0.1:65536',
  'dnat ip to ip6 daddr . meta l4proto . th dport map @backends',
  'jhash ip saddr . th sport mod 2 seed 0x1 vmap { 0 : drop }',
];
for (const rule of strange)
  test(`${rule} is no rule that is known`, (t) => {
    t.is(
      ruleExpressions(rule, () => 1),
      undefined,
    );
  });
