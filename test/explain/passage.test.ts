import test from 'ava';
import { judgePassage, type Passage, unlookedPassage } from '../../src/explain/passage.ts';
import type { LinkState, PassageFacts, RouteReply } from '../../src/explain/passage-facts.ts';

const link = (name: string, change: Partial<LinkState> = {}): LinkState => {
  return {
    name,
    isUp: true,
    hasCarrier: true,
    mtuBytes: 1_450,
    mac: '02:00:00:00:00:01',
    isVeth: true,
    hasXdp: false,
    ...change,
  };
};
const route = (device: string, change: Partial<RouteReply> = {}): RouteReply => {
  return { type: 'unicast', device, gateway: '', table: 'main', prefix: '10.244.0.0/16', ...change };
};
const main = { priority: 32_766, table: 'main', action: '', words: '32766: from all lookup main' };

/** Through a node, from a pod into weft0. */
const passage: Passage = {
  hook: 'kernel',
  place: 'n1',
  family: 4,
  source: '10.244.1.2',
  destination: '10.244.2.2',
  sizeBytes: 84,
  isEchoAnswer: false,
  gateway: { address: '169.254.1.1', isRemembered: false },
  aim: { to: 'device', device: 'weft0' },
};
const facts: PassageFacts = {
  entry: link('wf0'),
  hasAddress: false,
  route: route('weft0'),
  wayBack: route('wf0'),
  exit: link('weft0', { isVeth: false, mac: '' }),
  neighbour: undefined,
  isGateway: true,
  rules: [main],
  refusing: [],
  tracking: { connections: 20, maxConnections: 100, refused: 0 },
  groups: [],
  sysctls: { 'net/ipv4/ip_forward': '1' },
};

test('what passes is said in one line', (t) => {
  t.deepEqual(judgePassage(passage, facts), {
    steps: [{ hook: 'kernel', verdict: 'pass', text: 'in by wf0, out by weft0', details: { place: 'n1' } }],
    fate: null,
  });
});

const refused: Partial<PassageFacts> = { route: { error: 'No route to host' } };
const down = link('weft0', { isUp: false });
const failed = { address: '10.244.1.3', device: 'weft0', mac: '', states: ['FAILED'] };

/** What differs, and what is said then: where the packet ends, or that this is not known. */
const obstacles: Readonly<Record<string, readonly [Partial<PassageFacts>, Partial<Passage>, string, RegExp]>> = {
  'no device': [{ entry: { name: 'wf0', isMissing: true } }, {}, 'blocked', /^there is no device wf0 at n1$/],
  'a device that is down': [{ entry: link('wf0', { isUp: false }) }, {}, 'blocked', /^wf0 is down at n1$/],
  'a cable without an end': [{ entry: link('wf0', { hasCarrier: false }) }, {}, 'blocked', /^wf0 has no carrier: /],
  'a cable that is too narrow': [
    {},
    { sizeBytes: 1_455 },
    'blocked',
    /^it has 1455 bytes, more than the MTU of wf0 at n1, 1450: nothing longer/,
  ],
  'a device that leads nowhere': [
    { ...refused, exit: down },
    {},
    'blocked',
    /^weft0 is down at n1, so that no route leads there$/,
  ],
  'another device': [
    { route: route('eth0', { gateway: '192.0.2.1' }) },
    {},
    'diverted',
    /^the route of n1 to 10\.244\.2\.2 leads to eth0 via 192\.0\.2\.1 \(route 10\.244\.0\.0\/16\), and not to weft0$/,
  ],
  'another table': [
    {
      route: route('eth0', { table: '77' }),
      rules: [{ priority: 9, table: '77', action: '', words: '9: from all lookup 77' }, main],
    },
    {},
    'diverted',
    /\(route 10\.244\.0\.0\/16 of table 77, by rule 9: from all lookup 77\)/,
  ],
  'an address of its own': [{ route: route('lo', { type: 'local' }) }, {}, 'diverted', /^n1 takes it for itself/],
  'a way back to where it came from': [
    { route: route('wf0') },
    { aim: { to: 'anywhere' } },
    'blocked',
    /leads to wf0, where it came in/,
  ],
  'no forwarding': [
    { ...refused, sysctls: { 'net/ipv4/ip_forward': '0' } },
    {},
    'blocked',
    /^net\.ipv4\.ip_forward of n1 is 0/,
  ],
  'no forwarding of one device': [
    { ...refused, sysctls: { 'net/ipv4/conf/wf0/forwarding': '0' } },
    {},
    'blocked',
    /^net\.ipv4\.conf\.wf0\.forwarding of n1 is 0/,
  ],
  'no forwarding of IPv6': [
    { sysctls: { 'net/ipv6/conf/all/forwarding': '0' } },
    { family: 6 },
    'blocked',
    /^net\.ipv6\.conf\.all\.forwarding of n1 is 0/,
  ],
  'a source that comes in elsewhere': [
    { ...refused, wayBack: route('eth0'), sysctls: { 'net/ipv4/conf/all/rp_filter': '1' } },
    {},
    'blocked',
    /^rp_filter of wf0 at n1 is 1, and the way back to 10\.244\.1\.2 leads to eth0/,
  ],
  'a source without a way back': [
    { ...refused, wayBack: { error: 'Network is unreachable' }, sysctls: { 'net/ipv4/conf/wf0/rp_filter': '2' } },
    {},
    'blocked',
    /^rp_filter of wf0 at n1 is 2: there is no way back to 10\.244\.1\.2/,
  ],
  'a blackhole': [
    { ...refused, refusing: [{ type: 'blackhole', prefix: '10.244.2.0/24', isOurs: false }] },
    {},
    'blocked',
    /: there is a route blackhole 10\.244\.2\.0\/24$/,
  ],
  "weft's own blackhole": [
    { ...refused, refusing: [{ type: 'blackhole', prefix: '10.244.0.0/16', isOurs: true }] },
    {},
    'blocked',
    /what holds is weft's blackhole route/,
  ],
  'a rule that forbids': [
    { ...refused, rules: [{ priority: 5, table: '', action: 'prohibit', words: '5: from all prohibit' }, main] },
    {},
    'blocked',
    /, maybe by rule 5: from all prohibit$/,
  ],
  'no route': [
    { route: { error: 'Network is unreachable' } },
    {},
    'blocked',
    /^the kernel of n1 has no way to 10\.244\.2\.2: Network is unreachable$/,
  ],
  'a gateway that does not answer': [
    { isGateway: false },
    {},
    'blocked',
    /^n1 does not answer on wf0 for the gateway of pods, 169\.254\.1\.1, and the pod/,
  ],
  'a gateway that is remembered': [
    { isGateway: false },
    { gateway: { address: '169.254.1.1', isRemembered: true } },
    'unknown',
    /only as long as it remembers/,
  ],
  'connections that find no room': [
    { tracking: { connections: 100, maxConnections: 100, refused: 7 } },
    {},
    'blocked',
    /^n1 tracks 100 connections, .*: new ones are dropped, 7 so far$/,
  ],
  'connections that may find no room': [
    { tracking: { connections: 100, maxConnections: 100, refused: 0 } },
    {},
    'unknown',
    /unless there is one to forget$/,
  ],
  'a route of its own for an address of nobody': [
    { route: route('docker0') },
    { aim: { to: 'nobody' } },
    'diverted',
    /^no pod has 10\.244\.2\.2, but the route of n1 leads to docker0/,
  ],
  'a packet that is too big to go on': [
    { exit: link('weft0', { mtuBytes: 80 }) },
    {},
    'blocked',
    /^it has 84 bytes, more than the MTU of weft0 at n1, 80, and may not be cut$/,
  ],
  'another MAC address': [
    { neighbour: { address: '10.244.2.2', device: 'weft0', mac: '02:00:00:00:00:99', states: ['PERMANENT'] } },
    { aim: { to: 'device', device: 'weft0', mac: '02:00:00:00:00:01' } },
    'blocked',
    /^n1 sends what is for 10\.244\.2\.2 to the MAC address 02:00:00:00:00:99, and weft0 leads to 02:00:00:00:00:01 \(PERMANENT\)$/,
  ],
  'a neighbour that is silent': [{ neighbour: failed }, {}, 'unknown', /did not answer on weft0 of n1 lately/],
  'a program before the kernel': [{ entry: link('wf0', { hasXdp: true }) }, {}, 'unknown', /^an XDP program on wf0/],
  'what is made without a source': [
    { entry: undefined },
    {},
    'blocked',
    /^10\.244\.1\.2 is on no device of n1: nothing can be sent/,
  ],
  'what comes for nobody': [
    { route: route('lo', { type: 'local' }) },
    { aim: { to: 'here' } },
    'blocked',
    /^10\.244\.2\.2 is on no device of n1: nobody takes/,
  ],
  'what should be taken in and is passed on': [
    { hasAddress: true },
    { aim: { to: 'here' } },
    'diverted',
    /leads to weft0 .*although it is an address of n1 itself$/,
  ],
  'an answer to a ping that is not given': [
    { entry: undefined, hasAddress: true, sysctls: { 'net/ipv4/icmp_echo_ignore_all': '1' } },
    { isEchoAnswer: true },
    'blocked',
    /^n1 answers no ping: net\.ipv4\.icmp_echo_ignore_all is 1$/,
  ],
};

for (const [name, [differing, change, end, says]] of Object.entries(obstacles)) {
  test(`${name} is what decides`, (t) => {
    const { steps, fate } = judgePassage({ ...passage, ...change }, { ...facts, ...differing });
    const isStop = end !== 'unknown';
    t.is(fate, isStop ? (end as typeof fate) : null);
    const step = steps.find(({ verdict }) => verdict === (isStop ? 'stop' : 'unknown'));
    t.regex(step?.text ?? '', says);
    t.is(steps.at(-1), step);
  });
}

/** What may be worth a doubt, and no more. */
for (const [name, differing, change] of [
  [
    'IPv6 that is passed on by one device alone',
    { sysctls: { 'net/ipv6/conf/all/forwarding': '0', 'net/ipv6/conf/wf0/force_forwarding': '1' } },
    { family: 6 },
  ],
  [
    'a loose filter and another way back',
    { wayBack: route('eth0'), sysctls: { 'net/ipv4/conf/all/rp_filter': '2' } },
    {},
  ],
  ['a connection table that is nearly full', { tracking: { connections: 95, maxConnections: 100, refused: 3 } }, {}],
  ['an address of nobody to which nothing leads', refused, { aim: { to: 'nobody' } }],
  [
    'a packet that is made larger than its device',
    { entry: undefined, hasAddress: true, exit: link('weft0', { mtuBytes: 80 }) },
    {},
  ],
] as const) {
  test(`${name} stops nothing`, (t) => {
    const { steps, fate } = judgePassage({ ...passage, ...change }, { ...facts, ...differing });
    t.is(fate, null);
    t.true(steps.every(({ verdict }) => verdict === 'pass' || verdict === 'doubt'));
  });
}

const rule = { verdict: 'stop', isBeforeRoute: true, text: 'a firewall' } as const;

test('a firewall is named where the kernel asks it: before the route, or behind it', (t) => {
  const bad = { ...facts, route: { error: 'No route to host' } };
  t.is(judgePassage(passage, bad, rule).steps.at(-1)!.text, 'a firewall');
  t.not(judgePassage(passage, bad, { ...rule, isBeforeRoute: false }).steps.at(-1)!.text, 'a firewall');
  t.is(judgePassage(passage, facts, { ...rule, isBeforeRoute: false }).fate, 'blocked');
  t.is(judgePassage(passage, facts, { ...rule, verdict: 'unknown' }).fate, null);
});

test('what is not tracked needs no room among connections', (t) => {
  const full = { ...facts, tracking: { connections: 9, maxConnections: 9, refused: 5 } };
  t.is(judgePassage(passage, full, undefined, false).fate, null);
  t.is(judgePassage(passage, full, undefined, true).fate, 'blocked');
});

test('what a namespace has itself ends there, where anything may be', (t) => {
  const local = { ...facts, route: route('lo', { type: 'local' }) };
  t.is(judgePassage({ ...passage, aim: { to: 'anywhere' } }, local).fate, 'delivered');
  t.is(judgePassage({ ...passage, aim: { to: 'here' } }, { ...local, hasAddress: true }).fate, null);
});

test('where nobody could look, nothing is said to pass', (t) => {
  const { steps, fate } = unlookedPassage(passage, 'the program ip is missing');
  t.is(fate, null);
  t.like(steps[0], {
    verdict: 'unknown',
    text: 'what the kernel of n1 does with it is not known: the program ip is missing',
  });
});
