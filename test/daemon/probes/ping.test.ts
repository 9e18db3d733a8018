import test from 'ava';
import type { Echo } from '../../../src/api/ping-api.ts';
import { PeerWays } from '../../../src/daemon/probes/peer-ways.ts';
import type { ProbeOutcome } from '../../../src/daemon/routes/path-prober.ts';
import { parsePingRequest, Ping } from '../../../src/daemon/probes/ping.ts';
import type { Place } from '../../../src/daemon/places/places.ts';
import { formatIpAddress, type IpAddress, parseIpAddress } from '../../../src/wire/address.ts';
import { announcementOf, endpoint, identityOf, prefix } from '../../support/announcements.ts';

const RELAYED_WAY = 9;
const places: Readonly<Record<string, Omit<Place, 'label' | 'remark'>>> = {
  n1: { kind: 'node', node: 'n1', addresses: [parseIpAddress('10.244.1.1')!] },
  n2: { kind: 'node', node: 'n2', addresses: [parseIpAddress('10.244.2.1')!] },
  sw: { kind: 'node', node: 'sw', addresses: [] },
  'n2/web': { kind: 'pod', node: 'n2', addresses: [parseIpAddress('10.244.2.2')!, parseIpAddress('fd00::2')!] },
  '10.244.9.9': { kind: 'address', node: '', addresses: [parseIpAddress('10.244.9.9')!] },
};

const answered: ProbeOutcome = { roundTripMs: 0.4004 };
const find = async (label: string): Promise<Place> => await Promise.resolve({ ...places[label]!, label, remark: '' });

/** Node n1 with peers n2 and sw, a static one. Echoes and probes are answered, and noted with their length. */
function setUp({
  relay = '',
  probe = answered,
  isProbing = true,
  peer = 2,
  passing = Infinity,
  measured = 1450,
  phase = 'confirmed',
} = {}) {
  const sent: string[] = [];
  const echoes = {
    echo: async (address: IpAddress, _timeoutMs: number, lengthBytes?: number): Promise<Echo> => {
      sent.push(`echo ${formatIpAddress(address)} ${lengthBytes ?? 'usual'}`);
      const passes = (lengthBytes ?? 84) <= passing;
      return await Promise.resolve({ roundTripMs: passes ? 0.2 : null, problem: '' });
    },
  } as never;
  const ways = new PeerWays({
    echoes,
    paths: isProbing
      ? {
          probe: async (to, sizeBytes) => {
            sent.push(`probe ${to} ${sizeBytes}`);
            return await Promise.resolve(sizeBytes <= passing ? probe : 'lost');
          },
          stateOf: () => ({ mtuBytes: measured, phase }) as never,
        }
      : undefined,
    routes: {
      waysTo: (key) => ({
        direct: key === identityOf(2) ? peer : 3,
        relayed: relay === '' ? undefined : { relay, peer: RELAYED_WAY },
      }),
    },
    others: () => [announcementOf(2)],
    staticPeers: [{ name: 'sw', endpoint: endpoint('198.18.0.9:4789'), prefixes: [prefix('10.244.9.0/24')] } as never],
    overlayMtuBytes: 1450,
  });
  const ping = new Ping({ nodeName: 'n1', places: { find } as never, echoes, ways });
  return { ping, sent };
}

const tries = test.macro<[string, Parameters<typeof setUp>[0], number | undefined, string[], string[]]>({
  exec: async (t, target, options, sizeBytes, expected, packets) => {
    const { ping, sent } = setUp(options);
    const { ways } = await ping.round({ target, ...(sizeBytes === undefined ? {} : { sizeBytes }) });
    t.deepEqual(
      ways.map(({ way, to, roundTripMs, problem }) => `${way} ${to} ${problem || (roundTripMs ?? 'lost')}`),
      expected,
    );
    t.deepEqual(sent.sort(), packets.sort());
  },
  title: (name) => `${name}`,
});

test(
  'a node is tried beside the tunnel and through it',
  tries,
  'n2',
  {},
  undefined,
  ['underlay 198.18.0.2 0.2', 'data-port 198.18.0.2:4789 0.4'],
  ['echo 198.18.0.2 usual', 'probe 2 84'],
);
test(
  'through a relay as well, where packets take one',
  tries,
  'n2',
  { relay: 'n3' },
  undefined,
  ['underlay 198.18.0.2 0.2', 'data-port 198.18.0.2:4789 0.4', 'relay n3 0.4'],
  ['echo 198.18.0.2 usual', 'probe 2 84', `probe ${RELAYED_WAY} 84`],
);
test(
  'a size is that of the inner packet: what carries it is longer',
  tries,
  'n2',
  {},
  1450,
  ['underlay 198.18.0.2 0.2', 'data-port 198.18.0.2:4789 0.4'],
  ['echo 198.18.0.2 1500', 'echo 198.18.0.2 usual', 'probe 2 1450', 'probe 2 84'],
);
test(
  'no probe is longer than the overlay MTU',
  tries,
  'n2',
  {},
  1451,
  ['underlay 198.18.0.2 0.2', 'data-port 198.18.0.2:4789 longer than 1450 bytes, the overlay MTU'],
  ['echo 198.18.0.2 1501', 'echo 198.18.0.2 usual', 'probe 2 84'],
);
const sized = ['echo 198.18.0.2 1350', 'echo 198.18.0.2 usual', 'probe 2 1300', 'probe 2 84'];
test(
  'what is longer than what passes is told to be too big',
  tries,
  'n2',
  { passing: 1299, measured: 1250 },
  1300,
  [
    'underlay 198.18.0.2 too big, no more than 1250 bytes pass',
    'data-port 198.18.0.2:4789 too big, no more than 1250 bytes pass',
  ],
  sized,
);
for (const options of [{ measured: 1300 }, { measured: 1250, phase: 'searching' }]) {
  test(
    `what may be too big, or lost by chance, is told to be either: ${JSON.stringify(options)}`,
    tries,
    'n2',
    { passing: 1299, ...options },
    1300,
    [
      'underlay 198.18.0.2 too big, or lost by chance: a short one comes back',
      'data-port 198.18.0.2:4789 too big, or lost by chance: a short one comes back',
    ],
    sized,
  );
}
test(
  'where short ones are lost as well, size is no reason',
  tries,
  'n2',
  { passing: 0, measured: 1250 },
  1300,
  ['underlay 198.18.0.2 lost', 'data-port 198.18.0.2:4789 lost'],
  sized,
);
test(
  'a pod is tried at all its addresses, and its node through the tunnel',
  tries,
  'n2/web',
  { probe: 'lost' },
  undefined,
  ['data-port 198.18.0.2:4789 lost', 'overlay 10.244.2.2 0.2', 'overlay fd00::2 0.2'],
  ['echo 10.244.2.2 usual', 'echo fd00::2 usual', 'probe 2 84'],
);
test(
  'this node itself is tried at its addresses',
  tries,
  'n1',
  {},
  undefined,
  ['overlay 10.244.1.1 0.2'],
  ['echo 10.244.1.1 usual'],
);
test(
  'an address at no node is tried',
  tries,
  '10.244.9.9',
  {},
  undefined,
  ['overlay 10.244.9.9 0.2'],
  ['echo 10.244.9.9 usual'],
);
test(
  'a static peer answers no probes',
  tries,
  'sw',
  {},
  undefined,
  ['underlay 198.18.0.9 0.2', 'data-port 198.18.0.9:4789 a static peer answers no probes'],
  ['echo 198.18.0.9 usual'],
);
test(
  'where probing is off, it is said',
  tries,
  'n2',
  { isProbing: false },
  undefined,
  ['underlay 198.18.0.2 0.2', 'data-port 198.18.0.2:4789 probing is off at this node (pathMtu.probing)'],
  ['echo 198.18.0.2 usual'],
);
test(
  'of a node that nothing is sent to, it is said',
  tries,
  'n2',
  { peer: 0 },
  undefined,
  [
    'underlay 198.18.0.2 0.2',
    'data-port 198.18.0.2:4789 none of its prefixes is in use, so nothing is sent to it: see "weft peers"',
  ],
  ['echo 198.18.0.2 usual'],
);

test('a request names a target, and may name a size and a patience', (t) => {
  t.deepEqual(parsePingRequest('{"target":"n2","sizeBytes":1450,"timeoutMs":500}'), {
    target: 'n2',
    sizeBytes: 1450,
    timeoutMs: 500,
  });
  t.throws(() => parsePingRequest('{"target":""}'), { message: 'target: is empty' });
  t.throws(() => parsePingRequest('{"target":"n2","sizeBytes":63}'), { message: /^sizeBytes: / });
  t.throws(() => parsePingRequest('{"target":"n2","count":1}'), { message: 'count: is not a known key' });
});
