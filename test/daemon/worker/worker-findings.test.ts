import test from 'ava';
import { workerFindings } from '../../../src/daemon/worker/worker-findings.ts';
import type { ForwardingPeer, ForwardingState } from '../../../src/dataplane/forwarding-state.ts';
import {
  createForwardingMemory,
  ForwardingPublisher,
  ForwardingReader,
} from '../../../src/dataplane/forwarding-table.ts';
import { endpoint, prefix } from '../../support/announcements.ts';

/** After the words by which workers and publisher agree on a generation. */
const FIRST_WORD_OF_TABLES = 16 * 65;
const MAC = Uint8Array.of(2, 0, 0, 0, 0, 1);

function peer(index: number, change: Partial<ForwardingPeer> = {}): ForwardingPeer {
  return {
    index,
    endpoint: endpoint(`198.18.0.${index}:4789`),
    mac: Uint8Array.of(2, 0, 0, 0, 1, index),
    mtuBytes: 1450,
    remoteChecksum: true,
    mayRelay: true,
    mayAskRelay: true,
    ...change,
  };
}

const wanted: ForwardingState = {
  mac: MAC,
  relays: true,
  peers: [
    peer(2),
    peer(3, { endpoint: endpoint('[fd00:198:18::3]:4789') }),
    peer(4),
    peer(5, { endpoint: endpoint('198.18.0.2:4789'), via: { target: 4, relay: 2 } }),
  ],
  routes: [
    { prefix: prefix('10.244.1.0/24'), peer: 0 },
    { prefix: prefix('10.244.2.0/24'), peer: 2 },
    { prefix: prefix('0.0.0.0/0'), peer: 3 },
    { prefix: prefix('10.244.4.0/24'), peer: 5 },
    { prefix: prefix('fd00:10:244:3::/64'), peer: 3 },
    { prefix: prefix('fd00:10:244:3::9/128'), peer: 2 },
  ],
};

/** What is found when workers have `present`. */
function messages(present: ForwardingState): string[] {
  const memory = createForwardingMemory(64, 64);
  new ForwardingPublisher(memory, 1).publish(present);
  const reader = new ForwardingReader(memory, 1);
  reader.enter();
  return workerFindings(wanted, reader).map(({ problem, message }) => `${problem}: ${message}`);
}

test('what was published is read back', (t) => t.deepEqual(messages(wanted), []));

test('memory that was damaged is found, whatever is in it, and publishing again repairs it', (t) => {
  const memory = createForwardingMemory(64, 64);
  const publisher = new ForwardingPublisher(memory, 1);
  publisher.publish(wanted);
  const reader = new ForwardingReader(memory, 1);
  reader.enter();
  const findings = (): number => workerFindings(wanted, reader).length;
  t.is(findings(), 0);
  const words = new Int32Array(memory.buffer);
  const used = [...words.keys()].filter((word) => word > FIRST_WORD_OF_TABLES && words[word] !== 0);
  for (const word of used) {
    const value = words[word]!;
    words[word] = value ^ 0x7fff_ffff;
    t.notThrows(findings);
    words[word] = value;
  }
  words.fill(0, FIRST_WORD_OF_TABLES);
  t.is(findings(), wanted.routes.length + wanted.peers.length + 2);
  reader.leave();
  publisher.publish(wanted);
  reader.enter();
  t.is(findings(), 0);
});

const finds = test.macro<[Partial<ForwardingState>, ...RegExp[]]>({
  exec: (t, change, ...expected) => {
    const found = messages({ ...wanted, ...change });
    t.is(found.length, expected.length, found.join('\n'));
    expected.forEach((pattern, index) => t.regex(found[index]!, pattern));
  },
  title: (name) => `${name} is found`,
});

test(
  'a route that is missing',
  finds,
  { routes: wanted.routes.slice(1) },
  /^missing: workers have no route to 10\.244\.1\.0\/24$/,
);
test(
  'a route of IPv6 that is too many',
  finds,
  { routes: [...wanted.routes, { prefix: prefix('fd00:10:244:9::/64'), peer: 2 }] },
  /^stale: workers have a route to fd00:10:244:9::\/64, at peer 2$/,
);
test(
  'a route that leads elsewhere',
  finds,
  { routes: wanted.routes.map((route) => (route.peer === 0 ? { ...route, peer: 2 } : route)) },
  /^wrong: workers send packets for 10\.244\.1\.0\/24 to peer 2, and not to this node$/,
);
test(
  'another MAC address',
  finds,
  { mac: Uint8Array.of(2, 0, 0, 0, 0, 9) },
  /^wrong: workers have another MAC address/,
);
test('that nothing is relayed', finds, { relays: false }, /^wrong: workers do not relay for others, and should$/);
test(
  'a peer with another MTU',
  finds,
  { peers: wanted.peers.map((one) => (one.index === 2 ? { ...one, mtuBytes: 1300 } : one)) },
  /^wrong: workers have peer 2 with .*MTU 1300.*, and not with .*MTU 1450/,
);
test(
  'a peer that may not ask to relay',
  finds,
  { peers: wanted.peers.map((one) => (one.index === 2 ? { ...one, mayAskRelay: false } : one)) },
  /^wrong: workers have peer 2 with .*, relays, and not with .*, relays, may ask to relay$/,
);
test(
  'a peer at another address',
  finds,
  { peers: wanted.peers.map((one) => (one.index === 3 ? peer(3) : one)) },
  /^wrong: workers have peer 3 with 198\.18\.0\.3:4789.*, and not with \[fd00:198:18::3\]:4789/,
);
test(
  'a relayed way with another target',
  finds,
  { peers: wanted.peers.map((one) => (one.via === undefined ? one : { ...one, via: { target: 3, relay: 2 } })) },
  /^wrong: workers have peer 5 with .* as the way to peer 3, and not with .* as the way to peer 4$/,
);
test(
  'a peer that is too many',
  finds,
  { peers: [...wanted.peers, peer(9)] },
  /^stale: workers accept packets from peer 9, which is gone$/,
);
