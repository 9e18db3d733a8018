import test from 'ava';
import { DropReason, nameOf } from '../../src/dataplane/drop-reason.ts';
import { type AddressHolder, tellReceiver, tellSender } from '../../src/explain/address-holder.ts';
import { type ArrivalFacts, tellArrival } from '../../src/explain/arrival.ts';
import { type DepartureFacts, type ToldStage, tellDeparture } from '../../src/explain/departure.ts';
import { adviceFor } from '../../src/explain/drop-words.ts';
import { innerDestination, innerSource } from '../../src/explain/inner-addresses.ts';
import { withFaults } from '../../src/explain/injected-fault.ts';
import { formatIpAddress } from '../../src/wire/address.ts';
import { ipPacket, udpDatagram } from '../support/ip-packet.ts';
import { encapsulated, pod } from '../support/overlay-node.ts';

const web: AddressHolder = { kind: 'pod', name: 'web', isRunning: true, device: 'wf0' };
const gone: AddressHolder = { ...web, isRunning: false };
const node: AddressHolder = { kind: 'node', device: 'weft0' };
const behind: AddressHolder = { kind: 'behind', name: 'gw', prefix: '10.244.7.0/24', isRunning: true, device: 'wf7' };
const nobody: AddressHolder = { kind: 'nobody', prefix: '10.244.1.0/24' };
const inner = ipPacket({ source: pod.a4, destination: pod.b4, protocol: 17, transport: udpDatagram([1, 2, 3]) });
const datagram = { bytes: encapsulated(inner), peer: 7, trafficClass: 0, outerFragmentBytes: 0 };

const departure: DepartureFacts = {
  node: 'n1',
  source: '10.244.1.2',
  destination: '10.244.2.2',
  sizeBytes: inner.length,
  sourceHolder: web,
  destinationHolder: nobody,
  clusterPrefixes: ['10.244.0.0/16'],
  isInCluster: true,
  route: {
    prefix: '10.244.2.0/24',
    node: 'n2',
    kind: 'gossip',
    origin: '4f1c2a9be07d4d5fb1a0c3d2e4f50617',
    version: 17,
    since: '2026-01-03T04:05:06.000Z',
  },
  lastNews: undefined,
  outcome: { verdict: 'send', datagrams: [datagram] },
  path: {
    node: 'n2',
    relay: '',
    mtuBytes: 1450,
    isProbed: true,
    isDown: false,
    roundTripMs: 0.25,
    lossRatio: 0,
    probes: 100,
    state: 'alive',
  },
  underlay: {
    underlayAddress: '198.18.0.1',
    endpoint: '198.18.0.2:4789',
    nextNode: 'n2',
    underlayFamily: 4,
  },
};

const arrival: ArrivalFacts = {
  node: 'n2',
  sender: '198.18.0.1',
  senderName: 'n1',
  originName: 'n1',
  destination: '10.244.2.2',
  holder: web,
  outcome: { verdict: 'deliver', packets: [inner] },
  target: '',
  path: undefined,
  underlay: undefined,
};

function verdicts({ steps }: Pick<ToldStage, 'steps'>): string[] {
  return steps.map(({ hook, verdict }) => `${hook} ${verdict}`);
}

function dropping(reason: DropReason): { outcome: DepartureFacts['outcome'] } {
  return { outcome: { verdict: 'drop', reason, isAnswered: false } };
}

test('what leaves is told up to the underlay', (t) => {
  const told = tellDeparture(departure);
  t.is(told.fate, null);
  t.deepEqual(verdicts(told), ['from-pod pass', 'route pass', 'route pass', 'encapsulate pass', 'to-underlay pass']);
  const [, route, path, encapsulation, leaving] = told.steps;
  t.is(
    route!.text,
    '10.244.2.0/24 lies at n2: n2 announced it (version 17); in use here since 2026-01-03 04:05:06 UTC',
  );
  t.regex(path!.text, /^goes straight to n2: the path carries packets of 1450 bytes, so the packet fits \(31\)$/);
  t.regex(
    encapsulation!.text,
    /from 198\.18\.0\.1 to 198\.18\.0\.2:4789, VNI 42, inner MAC 02:00:00:00:00:0a to 02:00:00:00:00:0b$/,
  );
  t.is(leaving!.text, 'leaves in one packet of 81 bytes for n2; probes on this path come back after 0.25 ms');
});

for (const [name, change, text] of [
  ['a path that is down', { isDown: true }, /probes on this path do not come back: it is probably lost$/],
  ['a path that loses', { lossRatio: 0.3 }, /0\.25 ms, and 30 % of the last 100 were lost$/],
  ['a suspect', { state: 'suspect' }, /; gossip takes n2 for suspect$/],
  ['a path that was never measured', { roundTripMs: undefined }, /no probe on this path came back yet$/],
] as const) {
  test(`${name} is worth a doubt`, (t) => {
    const { steps, fate } = tellDeparture({ ...departure, path: { ...departure.path!, ...change } });
    t.like(steps.at(-1), { hook: 'to-underlay', verdict: 'doubt' });
    t.regex(steps.at(-1)!.text, text);
    t.is(fate, null);
  });
}

test('a way through a relay is told with the relay', (t) => {
  const { steps } = tellDeparture({ ...departure, path: { ...departure.path!, relay: 'n3' } });
  t.regex(steps[2]!.text, /^goes to n2 through n3, as there is no good direct path/);
});

for (const [reason, hook, steps] of [
  [DropReason.sourceNotLocal, 'from-pod', 2],
  [DropReason.destinationNotUnicast, 'from-pod', 2],
  [DropReason.noRoute, 'route', 2],
  [DropReason.packetTooBig, 'route', 4],
  [DropReason.overlayBelowIpv6Minimum, 'route', 4],
] as const) {
  test(`a packet that is dropped as ${nameOf(reason)} ends at ${hook}`, (t) => {
    const told = tellDeparture({ ...departure, ...dropping(reason) });
    t.like(told, { fate: 'dropped', reason: nameOf(reason) });
    t.is(told.steps.length, steps);
    t.like(told.steps.at(-1), { hook, verdict: 'stop', details: { reason: nameOf(reason) } });
  });
}

test('where a route went is told, if that is known', (t) => {
  const facts = {
    ...departure,
    route: undefined,
    path: undefined,
    lastNews: 'n2 is dead',
    ...dropping(DropReason.noRoute),
  };
  t.regex(tellDeparture(facts).steps.at(-1)!.text, /; the last that is known: n2 is dead$/);
});

test('between two pods of a node the kernel does all of it', (t) => {
  const route = { ...departure.route!, node: 'n1', kind: 'local' } as const;
  const facts = { ...departure, route, destinationHolder: web, ...dropping(DropReason.destinationLocal) };
  t.like(tellDeparture(facts), { fate: 'delivered', reason: '' });
  t.like(tellDeparture({ ...facts, destinationHolder: nobody }), { fate: 'unreachable' });
});

test('what is not for the overlay is not weft’s', (t) => {
  t.like(tellDeparture({ ...departure, isInCluster: false, ...dropping(DropReason.noRoute) }), { fate: 'outside' });
});

test('what arrives is told up to the pod', (t) => {
  const told = tellArrival(arrival);
  t.is(told.fate, 'delivered');
  t.deepEqual(verdicts(told), ['from-underlay pass', 'decapsulate pass', 'to-pod pass']);
  t.is(tellArrival({ ...arrival, holder: nobody }).fate, 'unreachable');
});

test('whose source it is, and who passed it on, is told', (t) => {
  t.regex(tellArrival(arrival).steps[1]!.text, /: n1 may send from its source, the destination is n2's$/);
  const relayed = tellArrival({ ...arrival, senderName: 'n3' });
  t.regex(relayed.steps[1]!.text, /: n3 passed it on for n1, which may send from its source, /);
});

for (const [reason, hook, steps] of [
  [DropReason.vxlanWrongVni, 'from-underlay', 1],
  [DropReason.unknownSender, 'from-underlay', 1],
  [DropReason.forgedSource, 'decapsulate', 2],
  [DropReason.destinationNotOurs, 'decapsulate', 2],
  [DropReason.relayOff, 'relay', 2],
] as const) {
  test(`a datagram that is dropped as ${nameOf(reason)} ends at ${hook}`, (t) => {
    const told = tellArrival({ ...arrival, ...dropping(reason) });
    t.like(told, { fate: 'dropped', reason: nameOf(reason) });
    t.is(told.steps.length, steps);
    t.is(told.steps.at(-1)!.hook, hook);
  });
}

test('what a relay passes on is told up to the underlay', (t) => {
  const told = tellArrival({
    ...arrival,
    outcome: { verdict: 'relay', datagrams: [datagram] },
    target: 'n3',
    path: departure.path,
    underlay: departure.underlay,
  });
  t.is(told.fate, null);
  t.deepEqual(verdicts(told), ['from-underlay pass', 'relay pass', 'to-underlay pass']);
});

for (const [name, holder, verdict] of [
  ['a pod', web, 'pass'],
  ['a pod that is gone', gone, 'doubt'],
  ['the node', node, 'pass'],
  ['nobody', nobody, 'doubt'],
] as const) {
  test(`an address of ${name} sends and receives as it should`, (t) => {
    t.is(tellSender('10.244.1.2', 'n1', holder).verdict, verdict);
    t.is(tellReceiver('10.244.1.2', 'n1', holder).fate, verdict === 'pass' ? 'delivered' : 'unreachable');
  });
}

const left = tellDeparture(departure);
const loss = { words: 'out to n2: loss 5 %, seed 7', lossRatio: 0.05, clipBytes: 0 };

test('a fault that may befall the packet is told, and no more', (t) => {
  const told = withFaults(left, [loss], 'out', 81);
  t.is(told.fate, null);
  t.like(told.steps.at(-1), { verdict: 'doubt', text: 'a fault is injected out to n2: loss 5 %, seed 7' });
  t.deepEqual(withFaults(left, [], 'out', 81), left);
});

for (const [name, fault, way, reason] of [
  ['all is lost', { ...loss, lossRatio: 1 }, 'out', 'fault-loss-out'],
  ['the packet is longer than what passes', { ...loss, clipBytes: 80 }, 'out', 'fault-clip-out'],
  ['all is lost on the way in', { ...loss, lossRatio: 1 }, 'in', 'fault-loss-in'],
  ['all that is relayed is lost', { ...loss, lossRatio: 1 }, 'relayed', 'fault-loss-relayed'],
] as const) {
  test(`if ${name}, the packet is dropped by the fault`, (t) => {
    const told = withFaults(left, [loss, fault], way, 81);
    t.like(told, { fate: 'dropped', reason });
    t.is(told.steps.length, way === 'in' ? 2 : left.steps.length + 2);
    t.is(told.steps.at(-1)!.hook, way === 'in' ? 'from-underlay' : 'to-underlay');
  });
}

test('a packet of just the length that passes is not clipped', (t) => {
  t.is(withFaults(left, [{ ...loss, clipBytes: 81 }], 'out', 81).fate, null);
});

test('from whom and for whom a datagram is, is read from within it', (t) => {
  t.is(formatIpAddress(innerSource(datagram.bytes)!), '10.244.1.2');
  t.is(formatIpAddress(innerDestination(datagram.bytes)!), '10.244.2.2');
  t.is(innerDestination(datagram.bytes.subarray(0, 40)), undefined);
  t.is(innerDestination(new Uint8Array(3)), undefined);
});

test('every reason has advice, and what is none has not', (t) => {
  t.truthy(adviceFor('no-route').cause);
  t.truthy(adviceFor('no-route').remedy);
  t.deepEqual(adviceFor(''), { cause: '', remedy: '' });
});

test('an address behind a pod is reached as far as the pod, and not further as far as is known', (t) => {
  const { step, fate } = tellReceiver('10.244.7.9', 'n1', behind);
  t.is(fate, 'delivered');
  t.regex(step.text, /^10\.244\.7\.9 lies in 10\.244\.7\.0\/24, behind pod gw: .* through wf7$/);
  t.is(tellReceiver('10.244.7.9', 'n1', { ...behind, isRunning: false }).fate, 'unreachable');
});

test('whoever sends from behind a pod may', (t) => {
  t.is(tellSender('10.244.7.9', 'n1', behind).verdict, 'pass');
  t.is(tellSender('10.244.7.9', 'n1', { ...behind, isRunning: false }).verdict, 'doubt');
});
