import test from 'ava';
import { ExplainedEnds } from '../../../src/daemon/explain/explained-ends.ts';
import { Explainer } from '../../../src/daemon/explain/explainer.ts';
import type { ExplainRequest } from '../../../src/daemon/explain/explain-request.ts';
import { parseExplainQuery } from '../../../src/daemon/explain/explain-request.ts';
import type { LocalExplainer } from '../../../src/daemon/explain/local-explainer.ts';
import type { Place } from '../../../src/daemon/places/places.ts';
import type { RemoteAnswerer, RemoteNodes } from '../../../src/daemon/remote/remote-nodes.ts';
import { WeftError } from '../../../src/errors.ts';
import type { Fate, Handover, Stage } from '../../../src/explain/explanation.ts';
import { withFaults } from '../../../src/explain/injected-fault.ts';
import type { Member } from '../../../src/membership/announcement.ts';
import { parseIpAddress } from '../../../src/wire/address.ts';
import { memberOf } from '../../support/announcements.ts';

/** What nodes answer in a cluster that is not there: by `NODE QUESTION`. A code stands for an error. */
type Answers = Readonly<Record<string, Stage | string | object>>;

function stage(node: string, next: string | null, change: Partial<Handover> = {}, fate: Fate = 'delivered'): Stage {
  const handover = { isNode: true, sender: '198.18.0.1', endpoint: '198.18.0.2:4789', trafficClass: 0 };
  return {
    node,
    steps: [],
    fate: next === null ? fate : null,
    reason: fate === 'dropped' ? 'vxlan-wrong-vni' : '',
    next: next === null ? null : { ...handover, datagrams: ['AAAA'], isPathDown: false, node: next, ...change },
  };
}

/** The questions that were asked, and an explainer on n1 that asks them. */
function explainerOf(
  answers: Answers,
  ...members: readonly Member[]
): { asked: string[]; bodies: Map<string, unknown>; explainer: Explainer; own: Map<string, RemoteAnswerer> } {
  const asked: string[] = [];
  const bodies = new Map<string, unknown>();
  const own = new Map<string, RemoteAnswerer>();
  const remote: Pick<RemoteNodes, 'ask' | 'answer'> = {
    async ask<Answer>(node: string, question: string, body: unknown): Promise<Answer> {
      asked.push(`${node} ${question}`);
      bodies.set(`${node} ${question}`, body);
      const answer = await Promise.resolve(answers[`${node} ${question}`] ?? 'peer-unknown');
      if (typeof answer === 'string') throw new WeftError(answer, `node ${node}: ${answer}`);
      return answer as Answer;
    },
    answer: (question, answerer) => void own.set(question, answerer),
  };
  const explainer = new Explainer({
    nodeName: 'n1',
    local: { departure: () => stage('n1', null) } as unknown as LocalExplainer,
    kernel: {
      departure: async (_packet, one) => Promise.resolve(one),
      arrival: async (_packet, _from, one) => Promise.resolve(one),
    },
    remote: remote as RemoteNodes,
    ends: new ExplainedEnds({ find: async (text) => Promise.resolve(placeOf(text)) }, () => members),
    past: async (_packet, nodes) =>
      Promise.resolve({ from: '', to: '', conclusion: '', nodes: nodes.map((node) => pastOf(node)) }),
  });
  return { asked, bodies, explainer, own };
}

function pastOf(node: string) {
  return { node, error: '', packetsSince: '', dropsSince: '', seen: [], events: [] };
}

function placeOf(text: string): Place {
  const address = parseIpAddress(text);
  if (address !== undefined) return { kind: 'address', label: text, node: '', addresses: [address], remark: '' };
  const [node = ''] = text.split('/');
  const addresses = [`10.244.${node.slice(1)}.2`, `fd00:10:244:${node.slice(1)}::2`].map((one) => parseIpAddress(one)!);
  return { kind: 'pod', label: text, node, addresses, remark: '' };
}

function request(text: string): ExplainRequest {
  return parseExplainQuery(new URLSearchParams(text));
}

const fromN1 = request('source=n1/p1&destination=n2/p1');

test('nodes are asked in the order in which the packet passes them', async (t) => {
  const { asked, explainer } = explainerOf({
    'n1 explain-departure': stage('n1', 'n3'),
    'n3 explain-arrival': stage('n3', 'n2'),
    'n2 explain-arrival': stage('n2', null),
  });
  const { fate, nodes } = await explainer.explain(fromN1);
  t.is(fate, 'delivered');
  t.deepEqual(
    nodes.map(({ node }) => node),
    ['n1', 'n3', 'n2'],
  );
  t.deepEqual(
    asked.filter((one) => one !== 'n2 explain-departure'),
    ['n1 explain-departure', 'n3 explain-arrival', 'n2 explain-arrival'],
  );
});

test('the answer is followed from the other end, and the worse of both ways is what counts', async (t) => {
  const there = { 'n1 explain-departure': stage('n1', 'n2'), 'n2 explain-arrival': stage('n2', null) };
  const back = { 'n2 explain-departure': stage('n2', 'n1'), 'n1 explain-arrival': stage('n1', null) };
  const good = await explainerOf({ ...there, ...back }).explainer.explain(fromN1);
  t.like(good, { fate: 'delivered', way: 'there', back: { fate: 'delivered' } });
  const dropped = { ...back, 'n1 explain-arrival': stage('n1', null, {}, 'dropped') };
  const bad = await explainerOf({ ...there, ...dropped }).explainer.explain(fromN1);
  t.like(bad, { fate: 'dropped', way: 'back', reason: 'vxlan-wrong-vni', there: { fate: 'delivered', reason: '' } });
  t.deepEqual(
    bad.back!.nodes.map(({ node }) => node),
    ['n2', 'n1'],
  );
  t.deepEqual(
    bad.nodes.map(({ node }) => node),
    ['n1', 'n2'],
  );
});

test('the answer to a packet that got another source goes to that', async (t) => {
  const { bodies, explainer } = explainerOf({
    'n1 explain-departure': { ...stage('n1', 'n2'), masqueraded: '10.244.1.1' },
    'n2 explain-arrival': stage('n2', null),
    'n2 explain-departure': stage('n2', 'n1'),
    'n1 explain-arrival': stage('n1', null),
  });
  await explainer.explain({ ...fromN1, source: '198.18.0.1' });
  t.like(bodies.get('n1 explain-departure'), { source: '198.18.0.1' });
  t.like(bodies.get('n2 explain-departure'), { destination: '10.244.1.1' });
});

test('who cannot be asked, and who has not got the packet, is not said to answer', async (t) => {
  const there = { 'n1 explain-departure': stage('n1', 'n2'), 'n2 explain-arrival': stage('n2', null) };
  t.is((await explainerOf(there).explainer.explain(fromN1)).back, null);
  const nobody = { ...there, 'n2 explain-arrival': stage('n2', null, {}, 'unreachable') };
  t.is(
    (await explainerOf({ ...nobody, 'n2 explain-departure': stage('n2', 'n1') }).explainer.explain(fromN1)).back,
    null,
  );
});

test('nodes that hand it to each other do not keep it forever', async (t) => {
  const { asked, explainer } = explainerOf({
    'n1 explain-departure': stage('n1', 'n2'),
    'n2 explain-arrival': stage('n2', 'n3'),
    'n3 explain-arrival': stage('n3', 'n2'),
  });
  t.is((await explainer.explain(fromN1)).fate, 'sent');
  t.true(asked.length <= 5);
});

for (const [name, change, answer, fate, reason] of [
  ['a static peer is not asked', { isNode: false }, 'bug', 'sent', ''],
  ['a node that may not be asked leaves the rest open', {}, 'remote-off', 'sent', ''],
  [
    'a node behind a path that is down, and that does not answer, is not reached',
    { isPathDown: true },
    'remote-unreachable',
    'lost',
    '',
  ],
  [
    'what a node would do behind a path that is down does not count',
    { isPathDown: true },
    stage('n2', null),
    'lost',
    '',
  ],
  [
    'that a node drops it explains why probes are lost',
    { isPathDown: true },
    stage('n2', null, {}, 'dropped'),
    'dropped',
    'vxlan-wrong-vni',
  ],
] as const) {
  test(name, async (t) => {
    const { explainer } = explainerOf({
      'n1 explain-departure': stage('n1', 'n2', change),
      'n2 explain-arrival': answer,
    });
    const explanation = await explainer.explain(fromN1);
    t.is(explanation.fate, fate);
    t.is(explanation.reason, reason);
    t.is(explanation.nodes.at(-1)!.node, 'n2');
    t.is(explanation.cause === '', reason === '');
  });
}

test('a relay is asked to ask whom this node does not reach', async (t) => {
  const { asked, explainer, own } = explainerOf({
    'n1 explain-departure': stage('n1', 'n3'),
    'n3 explain-arrival': stage('n3', 'n2'),
    'n2 explain-arrival': 'remote-unreachable',
    'n3 explain-passed-on': stage('n2', null),
  });
  t.is((await explainer.explain(fromN1)).fate, 'delivered');
  t.is(asked.at(-1), 'n3 explain-passed-on');
  t.true(own.has('explain-passed-on'));
});

test('if the node of the source is silent, that of the destination tells what it would do', async (t) => {
  const { explainer } = explainerOf({
    'n1 explain-departure': 'remote-unreachable',
    'n2 explain-assumed': stage('n2', null),
  });
  const { fate, nodes } = await explainer.explain(fromN1);
  t.is(fate, 'unknown');
  t.deepEqual(
    nodes.map(({ node }) => node),
    ['n1', 'n2'],
  );
});

test('a node that somebody named, and that is not there, is an error', async (t) => {
  const { explainer } = explainerOf({});
  await t.throwsAsync(explainer.explain({ ...fromN1, node: 'n9' }), { code: 'peer-unknown' });
});

test('the packet has the addresses of one family, IPv4 if both ends have it', async (t) => {
  const { explainer } = explainerOf({ 'n1 explain-departure': stage('n1', null) });
  t.is((await explainer.explain(fromN1)).packet.destination.address, '10.244.2.2');
  const { packet } = await explainer.explain({ ...fromN1, family: 6 });
  t.is(packet.destination.address, 'fd00:10:244:2::2');
  t.is(packet.protocol, 'icmpv6');
});

test('the past is asked of all nodes on the way, and of that of the destination', async (t) => {
  const { explainer } = explainerOf({
    'n1 explain-departure': stage('n1', 'n3'),
    'n3 explain-arrival': stage('n3', null, {}, 'dropped'),
  });
  const window = { fromMs: 0, toMs: 1 };
  const { around } = await explainer.explain({ ...fromN1, around: window });
  t.deepEqual(
    around!.nodes.map(({ node }) => node),
    ['n1', 'n3', 'n2'],
  );
});

test('what a node tells in a way that nobody understands counts as not told', async (t) => {
  const { explainer } = explainerOf({
    'n1 explain-departure': stage('n1', 'n2'),
    'n2 explain-arrival': { node: 'n2', steps: [{ hook: 'to-pod' }] },
  });
  const { fate, nodes } = await explainer.explain(fromN1);
  t.is(fate, 'sent');
  t.regex(nodes.at(-1)!.steps[0]!.text, /explains in a way that this version of weft does not understand$/);
});

test('a fault that may spare a packet that is delivered is said above the steps', async (t) => {
  const fault = { words: 'out to n2: loss 43 %, seed 7', lossRatio: 0.43, clipBytes: 0 };
  const departure = { ...stage('n1', 'n2'), ...withFaults(stage('n1', 'n2'), [fault], 'out', 100) };
  const { explainer } = explainerOf({
    'n1 explain-departure': departure,
    'n2 explain-arrival': stage('n2', null),
  });
  const { fate, remarks } = await explainer.explain(fromN1);
  t.is(fate, 'delivered');
  t.deepEqual(remarks, [
    'a fault is injected at n1, and what it does to a packet is left to chance: out to n2: loss 43 %, seed 7',
  ]);
});

test('an address outside of the overlay that is the underlay address of a node is said to be that', async (t) => {
  const { explainer } = explainerOf(
    { 'n1 explain-departure': stage('n1', null, {}, 'outside') },
    memberOf(2, {
      dataEndpoints: [{ gear: 'userspace', endpoint: { address: parseIpAddress('10.244.2.2')!, port: 4789 } }],
    }),
  );
  t.regex((await explainer.explain(fromN1)).remarks.join(), /^10\.244\.2\.2 is the address of n2 on the underlay/);
  const others = explainerOf({ 'n1 explain-departure': stage('n1', null, {}, 'outside') }, memberOf(2));
  t.deepEqual((await others.explainer.explain(fromN1)).remarks, []);
});

test('what comes from the underlay address of a node is explained as sent by that node', async (t) => {
  const answers = { 'n2 explain-departure': stage('n2', 'n1'), 'n1 explain-arrival': stage('n1', null) };
  const { explainer, bodies } = explainerOf(answers, memberOf(2));
  const { remarks, nodes } = await explainer.explain({ ...fromN1, source: '198.18.0.2', destination: 'n1/p1' });
  t.deepEqual(remarks, ['198.18.0.2 is the address of n2 on the underlay: n2 sends it']);
  t.deepEqual(
    nodes.map(({ node }) => node),
    ['n2', 'n1'],
  );
  t.like(bodies.get('n2 explain-departure'), { source: '198.18.0.2' });
  const named = explainerOf({ ...answers, 'n1 explain-departure': stage('n1', null) }, memberOf(2));
  await named.explainer.explain({ ...fromN1, source: '198.18.0.2', destination: 'n1/p1', node: 'n1' });
  t.is(named.asked[0], 'n1 explain-departure');
});

const silentPlaces = (code: string) => ({
  find: async (): Promise<Place> => Promise.reject(new WeftError(code, `node n2: ${code}`)),
});
const n2 = (state: 'alive' | 'dead') => [memberOf(2, {}, state)];

test('of a node that does not answer, its own address stands for its pods', async (t) => {
  const place = await new ExplainedEnds(silentPlaces('remote-unreachable'), () => n2('alive')).find('n2/web');
  t.like(place, { kind: 'node', node: 'n2' });
  t.regex(place.remark, /^n2 cannot be asked \(.*\): its own address stands for that of its pod web$/);
});

test('a pod that a live node does not have is an error', async (t) => {
  const ends = new ExplainedEnds(silentPlaces('place-unknown'), () => n2('alive'));
  await t.throwsAsync(ends.find('n2/web'), { code: 'place-unknown' });
  const dead = new ExplainedEnds(silentPlaces('place-unknown'), () => n2('dead'));
  t.regex((await dead.find('n2/web')).remark, /^n2 is dead/);
});

for (const [query, problem] of [
  ['destination=b', /source: is needed/],
  ['source=a&destination=b&colour=red', /colour: is not a known key/],
  ['source=a&destination=b&protocol=foo', /protocol: foo is none of/],
  ['source=a&destination=b&protocol=256', /protocol: 256 is none of/],
  ['source=a&destination=b&destinationPort=65536', /destinationPort: 65536 is not/],
  ['source=a&destination=b&size=99999', /size: 99999 is not/],
  ['source=a&destination=b&family=5', /family: 5 is neither/],
  ['source=a&destination=b&protocol=constructor', /protocol: constructor is none of tcp/],
  ['source=a&destination=b&around=yesterday', /around: yesterday is not a time/],
] as const) {
  test(`the query ${query} is refused`, (t) => {
    t.throws(() => request(query), { code: 'config-invalid', message: problem });
  });
}

test('a packet that cannot be is refused', async (t) => {
  const { explainer } = explainerOf({ 'n1 explain-departure': stage('n1', null) });
  const ask = async (rest: string) => explainer.explain(request(`source=n1/p1&destination=n2/p1&${rest}`));
  await t.throwsAsync(ask('protocol=icmp&destinationPort=80'), { message: /only tcp and udp have ports/ });
  await t.throwsAsync(ask('protocol=tcp&size=39'), { message: /39 bytes do not hold its headers, which have 40/ });
});
