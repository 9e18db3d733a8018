import test from 'ava';
import { type FilteredPacket, firstPacket } from '../../src/firewall/filtered-packet.ts';
import { judge } from '../../src/firewall/judgement.ts';
import { type NftDocument, parseNftRuleset, tablesOfIptables } from '../../src/firewall/nft-ruleset.ts';
import { parseIpAddress } from '../../src/wire/address.ts';
import { IpProtocol } from '../../src/wire/ip.ts';

type Json = Readonly<Record<string, unknown>>;

const toPort80 = firstPacket({
  family: 4,
  inDevice: 'wfpod',
  outDevice: 'weft0',
  sourceMac: '02:00:00:00:00:01',
  source: parseIpAddress('10.244.1.2'),
  destination: parseIpAddress('10.244.2.2'),
  protocol: IpProtocol.tcp,
  sourcePort: 30_000,
  destinationPort: 80,
});

/** What `nft -j` of 1.0.6 writes of a table `inet t` with a chain `c` for forwarded packets. */
function documentOf(rules: readonly (readonly Json[])[], others: NftDocument['nftables'] = []): NftDocument {
  const family = { family: 'inet', table: 't' };
  return {
    nftables: [
      ...others,
      { chain: { ...family, name: 'c', type: 'filter', hook: 'forward', prio: 0, policy: 'accept' } },
      { chain: { ...family, name: 'other' } },
      { rule: { ...family, chain: 'other', handle: 99, expr: [{ drop: null }] } },
      ...rules.map((expr, index) => ({ rule: { ...family, chain: 'c', handle: index + 10, expr } })),
    ] as NftDocument['nftables'],
  };
}

function matching(left: Json, right: unknown, op = '=='): Json {
  return { match: { op, left, right } };
}

function payload(protocol: string, field: string): Json {
  return { payload: { protocol, field } };
}

const drop: Json = { drop: null };
const mark: Json = { meta: { key: 'mark' } };
const ofSource = payload('ip', 'saddr');
const ofPort = payload('tcp', 'dport');
const state: Json = { ct: { key: 'state' } };
const named: NftDocument['nftables'] = [
  { set: { family: 'inet', table: 't', name: 's', elem: [22, { range: [79, 90] }] } },
  { map: { family: 'inet', table: 't', name: 'm', elem: [['wf*', { jump: { target: 'other' } }]] } },
];

/** Each row is a rule that ends in `drop`: whether it matches. */
const rows: readonly (readonly [title: string, expressions: readonly Json[], matches: boolean | undefined])[] = [
  ['a device', [matching({ meta: { key: 'iifname' } }, 'wfpod')], true],
  ['a device by its number', [matching({ meta: { key: 'oif' } }, 'weft0')], true],
  ['a pattern of devices', [matching({ meta: { key: 'iifname' } }, 'wf*')], true],
  ['a star that is a name', [matching({ meta: { key: 'iifname' } }, String.raw`wf\*`)], false],
  ['another device', [matching({ meta: { key: 'iifname' } }, 'wf*', '!=')], false],
  ['an address', [matching(ofSource, '10.244.1.2')], true],
  ['a prefix', [matching(ofSource, { prefix: { addr: '10.244.0.0', len: 16 } })], true],
  ['no such prefix', [matching(ofSource, { prefix: { addr: '10.244.0.0', len: 16 } }, '!=')], false],
  ['a range of addresses', [matching(ofSource, { range: ['10.244.1.1', '10.244.1.3'] })], true],
  ['an address of the other family', [matching(payload('ip6', 'saddr'), '::', '!=')], false],
  ['a port', [matching(ofPort, 80)], true],
  ['a port of another protocol', [matching(payload('udp', 'dport'), 81, '!=')], false],
  ['a port of any protocol', [matching(payload('th', 'dport'), 80)], true],
  ['ports above one', [matching(ofPort, 80, '>')], false],
  ['ports from one on', [matching(ofPort, 80, '>=')], true],
  ['a set', [matching(ofPort, { set: [22, { range: [70, 90] }] })], true],
  ['a named set', [matching(ofPort, '@s')], true],
  ['a named set without it', [matching(payload('tcp', 'sport'), '@s')], false],
  ['elements with a time-out', [matching(ofPort, { set: [{ elem: { val: 80, timeout: 9 } }] })], true],
  ['a service by a name', [matching(ofPort, 'http')], undefined],
  ['a protocol by name', [matching({ meta: { key: 'l4proto' } }, { set: ['tcp', 'udp'] })], true],
  ['a protocol by number', [matching({ meta: { key: 'l4proto' } }, 17)], false],
  ['a protocol that nobody knows', [matching({ meta: { key: 'l4proto' } }, 'xns-idp')], undefined],
  ['the family', [matching({ meta: { key: 'nfproto' } }, 'ipv4')], true],
  ['a state', [matching(state, 'new', 'in')], true],
  ['one of several states', [matching(state, ['established', 'new'], 'in')], true],
  ['states without it', [matching(state, ['established', 'related'], '!')], true],
  ['a set of states', [matching(state, { set: ['established', 'related'] })], false],
  ['flags behind a mask', [matching({ '&': [payload('tcp', 'flags'), ['syn', 'ack']] }, 'syn')], true],
  [
    'flags behind a mask, as of 1.1',
    [matching({ '&': [payload('tcp', 'flags'), { '|': ['syn', 'ack'] }] }, 'syn')],
    true,
  ],
  ['a MAC address', [matching(payload('ether', 'saddr'), '02:00:00:00:00:01')], true],
  ['no mark', [matching(mark, 0)], true],
  ['a mark that was set before', [{ mangle: { key: mark, value: 5 } }, matching({ '&': [mark, 4] }, 4)], true],
  ['bits of a mark that were set', [{ mangle: { key: mark, value: { '|': [mark, 16] } } }, matching(mark, 16)], true],
  ['a mark out of a map', [{ mangle: { key: mark, value: { map: {} } } }, matching(mark, 16)], undefined],
  [
    'fields that are looked up together',
    [
      matching(
        { concat: [ofSource, ofPort] },
        { set: [{ concat: [{ prefix: { addr: '10.244.1.0', len: 24 } }, 80] }] },
      ),
    ],
    true,
  ],
  ['a rewritten connection', [matching({ ct: { key: 'status' } }, 'dnat', 'in')], false],
  ['an address of this machine', [matching({ fib: { result: 'type', flags: ['daddr'] } }, 'local')], undefined],
  ['an ICMP type', [matching(payload('icmp', 'type'), 'echo-request')], false],
  ['the length', [matching({ meta: { key: 'length' } }, 1_000, '>')], undefined],
  ['a rate', [{ limit: { rate: 5, per: 'second' } }], undefined],
  ['a set that it fills', [{ set: { op: 'add', elem: ofSource, set: '@s' } }], undefined],
  ['a match of iptables', [{ xt: { type: 'match', name: 'physdev' } }], undefined],
  ['a comment of iptables', [{ xt: { type: 'match', name: 'comment' } }], true],
  ['a counter and a log', [{ counter: { packets: 0, bytes: 0 } }, { log: { prefix: 'x' } }], true],
  ['something of tomorrow', [matching({ tomorrow: { key: 'x' } }, 1)], undefined],
];

for (const [title, expressions, matches] of rows) {
  test(`a rule asks for ${title}`, (t) => {
    const { verdict } = judge(parseNftRuleset(documentOf([[...expressions, drop]], named), ''), 'forward', toPort80);
    t.is(verdict, matches === undefined ? 'unknown' : matches ? 'drop' : 'accept');
  });
}

const verdicts: readonly (readonly [title: string, expression: Json, verdict: string])[] = [
  ['reject', { reject: { type: 'icmpx', expr: 'admin-prohibited' } }, 'reject'],
  ['a way to reject of its family', { reject: { type: 'icmp', expr: 'port-unreachable' } }, 'reject'],
  ['a way to reject of the other family', { reject: { type: 'icmpv6', expr: 'port-unreachable' } }, 'accept'],
  ['a reset', { reject: { type: 'tcp reset' } }, 'reject'],
  ['a jump', { jump: { target: 'other' } }, 'drop'],
  ['a goto', { goto: { target: 'other' } }, 'drop'],
  ['return', { return: null }, 'accept'],
  ['a queue', { queue: { num: 1 } }, 'unknown'],
  ['a map', { vmap: { key: ofPort, data: { set: [[{ range: [1, 90] }, { drop: null }]] } } }, 'drop'],
  ['a map without it', { vmap: { key: ofPort, data: { set: [[22, { drop: null }]] } } }, 'accept'],
  ['a named map', { vmap: { key: { meta: { key: 'iifname' } }, data: '@m' } }, 'drop'],
  ['a map of what is not known', { vmap: { key: { numgen: {} }, data: { set: [[0, drop]] } } }, 'unknown'],
  ['a target of iptables that rejects', { xt: { type: 'target', name: 'REJECT' } }, 'reject'],
  ['a target of iptables that rewrites', { xt: { type: 'target', name: 'DNAT' } }, 'accept'],
  ['a target of iptables without a name', { xt: null }, 'unknown'],
  ['a statement of tomorrow', { tomorrow: null }, 'unknown'],
];

for (const [title, expression, verdict] of verdicts) {
  test(`a rule decides by ${title}`, (t) => {
    t.is(judge(parseNftRuleset(documentOf([[expression]], named), ''), 'forward', toPort80).verdict, verdict as never);
  });
}

test('a rule comes with the words of nft, and with the command that removes it', (t) => {
  const listing =
    'table inet t { # handle 1\n\tchain c { # handle 2\n\t\tudp dport 4789 counter drop # handle 10\n\t}\n}\n';
  const [chain] = parseNftRuleset(documentOf([[drop]]), listing).chains;
  t.like(chain, { title: 'nftables chain inet t c', table: 'nftables table inet t', name: 'c' });
  t.like(chain!.rules[0], {
    text: 'udp dport 4789 counter drop',
    removal: 'nft delete rule inet t c handle 10',
    handle: 10,
  });
});

test('a table sees the packets of its family, and a chain of a device those of the device', (t) => {
  const chain = { table: 't', name: 'c', policy: 'drop', prio: 0 };
  const judged = (changes: object, packet: FilteredPacket, hook: 'forward' | 'ingress' = 'forward'): string => {
    const document = { nftables: [{ chain: { ...chain, hook, ...changes } as never }] };
    return judge(parseNftRuleset(document, ''), hook, packet).verdict;
  };
  const ipv6: FilteredPacket = { ...toPort80, family: 6 };
  t.is(judged({ family: 'ip' }, toPort80), 'drop');
  t.is(judged({ family: 'ip' }, ipv6), 'accept');
  t.is(judged({ family: 'ip6' }, ipv6), 'drop');
  t.is(judged({ family: 'inet' }, ipv6), 'drop');
  t.is(judged({ family: 'bridge' }, toPort80), 'accept');
  t.is(judged({ family: 'netdev', dev: 'wfpod' }, toPort80, 'ingress'), 'drop');
  t.is(judged({ family: 'netdev', dev: ['eth0', 'eth1'] }, toPort80, 'ingress'), 'accept');
  t.is(judged({ family: 'netdev', dev: 'eth0' }, { ...toPort80, inDevice: undefined }, 'ingress'), 'unknown');
});

test('chains of NAT see first packets only', (t) => {
  const document = {
    nftables: [{ chain: { family: 'ip', table: 't', name: 'c', hook: 'forward', type: 'nat', policy: 'drop' } }],
  };
  const ruleset = parseNftRuleset(document, '');
  t.is(judge(ruleset, 'forward', toPort80).verdict, 'drop');
  t.is(judge(ruleset, 'forward', { ...toPort80, connection: 'established' }).verdict, 'accept');
  t.is(judge(ruleset, 'forward', { ...toPort80, connection: undefined }).verdict, 'unknown');
});

test('tables are known in which iptables hides what its rules ask', (t) => {
  t.deepEqual(tablesOfIptables(documentOf([[{ xt: { type: 'match', name: 'conntrack' } }, drop], [drop]])), ['inet t']);
  t.deepEqual(tablesOfIptables(documentOf([[drop]])), []);
});
