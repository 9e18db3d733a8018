import test from 'ava';
import { chainOf, tagChain, tagOfIsolation, tagOfRule } from '../../../src/daemon/policy/policy-names.ts';
import { basePiece } from '../../../src/daemon/policy/policy-tables.ts';
import { PolicyPieces } from '../../../src/daemon/policy/policy-pieces.ts';
import { ruleExpressions } from '../../../src/linux/nft-rule-expressions.ts';
import { creationLines } from '../../../src/linux/nft-table-content.ts';
import { changesElementsOnly, changesNothing } from '../../../src/linux/nft-table-revision.ts';
import type { IsolationPlan, NodePlan, PeerSet, PlannedRule } from '../../../src/policy/node-plan.ts';
import { addressKey } from '../../../src/policy/plan-state.ts';
import { parseIpAddress } from '../../../src/wire/address.ts';
import { parsePrefix } from '../../../src/wire/prefix.ts';

const address = (text: string) => parseIpAddress(text)!;
const NOTHING = { changed: [], gone: [] };
const NO_CHANGE = { pods: NOTHING, isolations: NOTHING, peerSets: NOTHING, portSets: NOTHING };

function rule(part: Partial<PlannedRule>): PlannedRule {
  return {
    tier: 'namespace',
    name: 'shop/web ingress[0]',
    action: 'allow',
    isAudit: false,
    peers: undefined,
    ports: undefined,
    ...part,
  };
}

const ingress: IsolationPlan = {
  key: 'ingress shop/web',
  direction: 'ingress',
  isolatedBy: ['shop/web'],
  isAudit: false,
  rules: [
    rule({ tier: 'admin', name: 'guard ingress[0]', action: 'pass', peers: 'db' }),
    rule({ tier: 'admin', name: 'guard ingress[1]', action: 'deny', ports: [{ kind: 'any', protocol: 'UDP' }] }),
    rule({
      peers: 'office',
      ports: [
        { kind: 'range', protocol: 'TCP', first: 443, last: 443 },
        { kind: 'range', protocol: 'TCP', first: 80, last: 80 },
        { kind: 'range', protocol: 'TCP', first: 8_000, last: 8_099 },
        { kind: 'range', protocol: 'SCTP', first: 9, last: 9 },
        { kind: 'named', ports: 'http' },
      ],
    }),
  ],
};

const egress: IsolationPlan = {
  key: 'egress all',
  direction: 'egress',
  isolatedBy: ['shop/all'],
  isAudit: true,
  rules: [rule({ tier: 'baseline', name: 'base egress[0]', action: 'deny', isAudit: true, peers: 'db' })],
};

const plan: NodePlan = {
  pods: [
    { pod: 'shop/web', addresses: [address('10.0.0.1')], ingress: ingress.key, egress: egress.key },
    { pod: 'shop/db', addresses: [address('10.0.0.2')], ingress: undefined, egress: egress.key },
  ],
  isolations: [ingress, egress],
  peerSets: [
    { key: 'db', prefixes: [parsePrefix('10.0.0.2/32')!] },
    { key: 'office', prefixes: ['192.0.2.0/25', '2001:db8::1/128'].map((text) => parsePrefix(text)!) },
  ],
  portSets: [{ key: 'http', elements: [{ address: address('10.0.0.1'), protocol: 'TCP', port: 8_080 }] }],
};

const words: Readonly<Record<string, string>> = {
  [tagOfRule({ name: 'guard ingress[0]' })]: 'GUARD-0',
  [tagOfRule({ name: 'guard ingress[1]' })]: 'GUARD-1',
  [tagOfRule({ name: 'shop/web ingress[0]' })]: 'WEB-0',
  [tagOfRule({ name: 'base egress[0]' })]: 'BASE-0',
  [tagOfIsolation(ingress)]: 'INGRESS',
  [tagOfIsolation(egress)]: 'EGRESS',
  [tagOfIsolation(ingress).slice(1)]: 'IN',
  [tagOfIsolation(egress).slice(1)]: 'OUT',
};

/** With words in the place of digests; of sets, letters in the order in which they come. */
function readable(lines: readonly string[]): string[] {
  const sets = new Map<string, string>();
  const named = Object.entries(words).reduce((text, [digest, word]) => text.replaceAll(digest, word), lines.join('\n'));
  const letter = (digest: string): string => {
    const known = sets.get(digest) ?? String.fromCharCode(65 + sets.size);
    sets.set(digest, known);
    return known;
  };
  return named.replaceAll(/(?<=(?:hosts|blocks|ports)[46]-)[0-9a-f]{16}/g, letter).split('\n');
}

function made(): PolicyPieces {
  const pieces = new PolicyPieces({ withLog: true }, new Map([['shop/web', { name: 'wfweb', isHeld: false }]]));
  pieces.update([
    { kind: 'plan', plan },
    { kind: 'device', pod: 'shop/db', device: { name: 'wfdb', isHeld: false } },
  ]);
  return pieces;
}

// That `nft` takes it, and what the kernel makes of it, is tried in test/integration/policy-enforcement.test.ts.
const golden = `
add table inet weft-policy
delete table inet weft-policy
table inet weft-policy {
counter cut { }
counter held { }
counter GUARD-0 { }
counter GUARD-1 { }
counter WEB-0 { }
counter INGRESS { }
counter BASE-0 { }
counter EGRESS { }
set themselves { type ifname . ifname; }
map from { type ifname : verdict; }
map to { type ifname : verdict; }
map back-from { type ifname : verdict; }
map back-to { type ifname : verdict; }
set else-from { type ifname; }
set else-to { type ifname; }
set told4 { type ipv4_addr; size 4096; flags dynamic,timeout; timeout 10s; }
set told6 { type ipv6_addr; size 4096; flags dynamic,timeout; timeout 10s; }
set hosts4-A { type ipv4_addr; }
set blocks4-B { type ipv4_addr; flags interval; }
set hosts6-B { type ipv6_addr; }
set ports4-C { type ipv4_addr . inet_proto . inet_service; }
chain forward { type filter hook forward priority filter + 10; policy accept; }
chain ask {  }
chain asked-from {  }
chain asked-to {  }
chain cut {  }
chain held {  }
chain told-enough {  }
chain in-IN {  }
chain in-IN-namespace {  }
chain in-IN-GUARD-0 {  }
chain back-in-IN {  }
chain back-in-IN-namespace {  }
chain allow-WEB-0 {  }
chain deny-GUARD-1 {  }
chain drop-GUARD-1 {  }
chain deny-INGRESS {  }
chain drop-INGRESS {  }
chain out-OUT {  }
chain back-out-OUT {  }
chain tell-BASE-0 {  }
chain tell-EGRESS {  }
}
add rule inet weft-policy forward ct status & confirmed != 0 ct mark & 0x10000000 == 0 accept
add rule inet weft-policy forward ct state established,related ct mark & 0x10000000 == 0 accept
add rule inet weft-policy forward ct state established,related goto cut
add rule inet weft-policy forward iifname . oifname @themselves accept
add rule inet weft-policy forward meta mark & 0x10000000 != 0 meta mark set meta mark & 0xefffffff
add rule inet weft-policy forward iifname vmap @from
add rule inet weft-policy forward meta mark & 0x10000000 != 0 jump asked-from
add rule inet weft-policy forward oifname vmap @to
add rule inet weft-policy forward meta mark & 0x10000000 != 0 jump asked-to
add rule inet weft-policy ask meta mark set meta mark | 0x10000000
add rule inet weft-policy asked-from meta mark set meta mark & 0xefffffff
add rule inet weft-policy asked-from iifname vmap @back-from
add rule inet weft-policy asked-to meta mark set meta mark & 0xefffffff
add rule inet weft-policy asked-to oifname vmap @back-to
add rule inet weft-policy cut counter name cut
add rule inet weft-policy cut jump told-enough
add rule inet weft-policy cut limit rate 100/second burst 100 packets log prefix "weft-policy cut" group 4789 snaplen 256
add rule inet weft-policy cut drop
add rule inet weft-policy held counter name held
add rule inet weft-policy held jump told-enough
add rule inet weft-policy held limit rate 100/second burst 100 packets log prefix "weft-policy held" group 4789 snaplen 256
add rule inet weft-policy held drop
add rule inet weft-policy told-enough update @told4 { ip saddr limit rate over 20/second burst 40 packets } drop
add rule inet weft-policy told-enough update @told6 { ip6 saddr limit rate over 20/second burst 40 packets } drop
add rule inet weft-policy in-IN ip saddr @hosts4-A goto in-IN-GUARD-0
add rule inet weft-policy in-IN meta l4proto udp goto deny-GUARD-1
add rule inet weft-policy in-IN goto in-IN-namespace
add rule inet weft-policy in-IN-namespace ip saddr @blocks4-B meta l4proto tcp th dport { 80, 443 } goto allow-WEB-0
add rule inet weft-policy in-IN-namespace ip saddr @blocks4-B meta l4proto tcp th dport 8000-8099 goto allow-WEB-0
add rule inet weft-policy in-IN-namespace ip saddr @blocks4-B meta l4proto sctp th dport 9 goto allow-WEB-0
add rule inet weft-policy in-IN-namespace ip saddr @blocks4-B ip daddr . meta l4proto . th dport @ports4-C goto allow-WEB-0
add rule inet weft-policy in-IN-namespace ip6 saddr @hosts6-B meta l4proto tcp th dport { 80, 443 } goto allow-WEB-0
add rule inet weft-policy in-IN-namespace ip6 saddr @hosts6-B meta l4proto tcp th dport 8000-8099 goto allow-WEB-0
add rule inet weft-policy in-IN-namespace ip6 saddr @hosts6-B meta l4proto sctp th dport 9 goto allow-WEB-0
add rule inet weft-policy in-IN-namespace goto deny-INGRESS
add rule inet weft-policy in-IN-GUARD-0 ct status & confirmed == 0 counter name GUARD-0
add rule inet weft-policy in-IN-GUARD-0 goto in-IN-namespace
add rule inet weft-policy back-in-IN meta l4proto != tcp return
add rule inet weft-policy back-in-IN tcp flags & (fin | syn | rst | ack) == syn return
add rule inet weft-policy back-in-IN ip daddr @hosts4-A goto back-in-IN-namespace
add rule inet weft-policy back-in-IN goto back-in-IN-namespace
add rule inet weft-policy back-in-IN-namespace ip daddr @blocks4-B meta l4proto tcp th sport { 80, 443 } return
add rule inet weft-policy back-in-IN-namespace ip daddr @blocks4-B meta l4proto tcp th sport 8000-8099 return
add rule inet weft-policy back-in-IN-namespace ip daddr @blocks4-B ip saddr . meta l4proto . th sport @ports4-C return
add rule inet weft-policy back-in-IN-namespace ip6 daddr @hosts6-B meta l4proto tcp th sport { 80, 443 } return
add rule inet weft-policy back-in-IN-namespace ip6 daddr @hosts6-B meta l4proto tcp th sport 8000-8099 return
add rule inet weft-policy back-in-IN-namespace goto drop-INGRESS
add rule inet weft-policy allow-WEB-0 ct status & confirmed == 0 counter name WEB-0
add rule inet weft-policy deny-GUARD-1 tcp flags & (fin | syn | rst | ack) != syn oifname @else-to goto ask
add rule inet weft-policy deny-GUARD-1 goto drop-GUARD-1
add rule inet weft-policy drop-GUARD-1 counter name GUARD-1
add rule inet weft-policy drop-GUARD-1 jump told-enough
add rule inet weft-policy drop-GUARD-1 limit rate 100/second burst 100 packets log prefix "weft-policy GUARD-1" group 4789 snaplen 256
add rule inet weft-policy drop-GUARD-1 drop
add rule inet weft-policy deny-INGRESS tcp flags & (fin | syn | rst | ack) != syn oifname @else-to goto ask
add rule inet weft-policy deny-INGRESS goto drop-INGRESS
add rule inet weft-policy drop-INGRESS counter name INGRESS
add rule inet weft-policy drop-INGRESS jump told-enough
add rule inet weft-policy drop-INGRESS limit rate 100/second burst 100 packets log prefix "weft-policy INGRESS" group 4789 snaplen 256
add rule inet weft-policy drop-INGRESS drop
add rule inet weft-policy out-OUT jump tell-EGRESS
add rule inet weft-policy out-OUT ip daddr @hosts4-A jump tell-BASE-0
add rule inet weft-policy out-OUT tcp flags & (fin | syn | rst | ack) != syn goto ask
add rule inet weft-policy back-out-OUT meta l4proto != tcp return
add rule inet weft-policy back-out-OUT tcp flags & (fin | syn | rst | ack) == syn return
add rule inet weft-policy back-out-OUT jump tell-EGRESS
add rule inet weft-policy back-out-OUT ip saddr @hosts4-A jump tell-BASE-0
add rule inet weft-policy tell-BASE-0 counter name BASE-0
add rule inet weft-policy tell-BASE-0 limit rate 100/second burst 100 packets log prefix "weft-policy BASE-0" group 4789 snaplen 256
add rule inet weft-policy tell-EGRESS counter name EGRESS
add rule inet weft-policy tell-EGRESS limit rate 100/second burst 100 packets log prefix "weft-policy EGRESS" group 4789 snaplen 256
add element inet weft-policy themselves { "wfweb" . "wfweb", "wfdb" . "wfdb" }
add element inet weft-policy from { "wfweb" : jump out-OUT, "wfdb" : jump out-OUT }
add element inet weft-policy to { "wfweb" : jump in-IN, "wfdb" : jump back-out-OUT }
add element inet weft-policy back-from { "wfweb" : goto back-in-IN }
add element inet weft-policy back-to { "wfweb" : goto back-out-OUT }
add element inet weft-policy else-from { "wfweb" }
add element inet weft-policy hosts4-A { 10.0.0.2 }
add element inet weft-policy blocks4-B { 192.0.2.0/25 }
add element inet weft-policy hosts6-B { 2001:db8::1 }
add element inet weft-policy ports4-C { 10.0.0.1 . 6 . 8080 }
`;

test('a plan is one table: what judges each direction, and which devices stand for what', (t) => {
  t.deepEqual(readable(creationLines(made().content())), golden.trim().split('\n'));
});

test('an isolation of more rules than a function takes arguments is one chain', (t) => {
  const ports = Array.from({ length: 60_000 }, (_, at) => ({ first: at + 1, last: at + 2 }));
  const ranges = ports.map((range) => ({ kind: 'range', protocol: 'TCP', ...range }) as const);
  const isolation = { ...ingress, rules: ['a', 'b', 'c'].map((name) => rule({ name, ports: ranges })) };
  const pieces = new PolicyPieces({ withLog: true }, new Map());
  pieces.update([{ kind: 'plan', plan: { ...plan, isolations: [isolation, egress] } }]);
  const chain = pieces.content().chains[chainOf('ingress', ingress.key)]!;
  t.is(chain.rules.length, 3 * ports.length + 1);
  t.is(chain.rules.at(-1), `goto ${tagChain.deny(tagOfIsolation(ingress))}`);
});

test('a change of peers is one of elements', (t) => {
  const pieces = made();
  const office: PeerSet = {
    key: 'office',
    prefixes: ['192.0.2.0/26', '2001:db8::1/128', '2001:db8::2/128'].map((text) => parsePrefix(text)!),
  };
  const { revision, concerned } = pieces.update([
    { kind: 'change', change: { ...NO_CHANGE, peerSets: { changed: [office], gone: [] } } },
  ]);
  t.true(changesElementsOnly(revision));
  t.deepEqual(
    [...revision.elements.values()],
    [
      { added: ['192.0.2.0/26'], gone: ['192.0.2.0/25'] },
      { added: ['2001:db8::2'], gone: [] },
    ],
  );
  t.deepEqual([...concerned], [addressKey(address('10.0.0.1'))]);
});

test('peers of another kind are other sets, and rules look into them', (t) => {
  const pieces = made();
  const office: PeerSet = { key: 'office', prefixes: [parsePrefix('192.0.2.1/32')!] };
  const change = { ...NO_CHANGE, peerSets: { changed: [office], gone: [] } };
  const { revision } = pieces.update([{ kind: 'change', change }]);
  t.is(Object.keys(revision.sets.added).length, 1);
  t.is(revision.sets.gone.length, 2);
  t.is(Object.keys(revision.chains.changed).length, 2);
  t.false(JSON.stringify(pieces.content().chains).includes('@blocks4'));
});

test('a pod without a device has no elements, and one without policies neither', (t) => {
  const pieces = made();
  const { revision } = pieces.update([{ kind: 'device', pod: 'shop/web', device: undefined }]);
  t.deepEqual(
    [...revision.elements.values()].flatMap(({ added, gone }) => [...added, ...gone.map((one) => one.split(' ')[0])]),
    Array.from({ length: 6 }, () => 'wfweb'),
  );
  t.true(
    changesNothing(
      pieces.update([{ kind: 'device', pod: 'shop/none', device: { name: 'wfnone', isHeld: false } }]).revision,
    ),
  );
});

test('who leaves the plan is judged once more: what was cut goes on', (t) => {
  const { concerned } = made().update([
    { kind: 'change', change: { ...NO_CHANGE, pods: { changed: [], gone: ['shop/db'] } } },
  ]);
  t.deepEqual([...concerned], [addressKey(address('10.0.0.2'))]);
});

test('all rules that come and go with policies have forms that are changed without a program', (t) => {
  const always = basePiece({ withLog: true }).chains;
  const rules = Object.entries(made().content().chains).flatMap(([name, { rules: all }]) =>
    name in always ? [] : all,
  );
  t.true(rules.length > 20);
  t.deepEqual(
    rules.filter((one) => ruleExpressions(one, () => 1) === undefined),
    [],
  );
});

test('a kernel without NFLOG counts, and tells nobody', (t) => {
  const lines = creationLines(made().withMeans({ withLog: false }).content());
  t.false(lines.some((line) => line.includes(' log ')));
  t.false(lines.some((line) => line.includes('told')));
  const telling = creationLines(made().content()).filter((line) => line.endsWith(' drop'));
  t.deepEqual(
    lines.filter((line) => line.endsWith(' drop')),
    telling.filter((line) => !line.includes('told-enough update')),
  );
});

test('names have digests of their own, whatever they are names of', (t) => {
  t.not(tagOfRule({ name: 'web' }).slice(1), tagOfIsolation({ key: 'web' }).slice(1));
});
