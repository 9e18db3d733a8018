import test from 'ava';
import { nodeSets } from '../../../src/daemon/rules/node-sets.ts';
import { weftPlaces } from '../../../src/daemon/rules/weft-places.ts';
import { parseIpAddress } from '../../../src/wire/address.ts';

const at = (text: string) => parseIpAddress(text)!;

const own = at('198.18.0.1');
const peer = { address: at('198.18.0.2'), port: 4_790 };
const nodes = nodeSets({
  underlay: { interface: 'eth0', address: own },
  ports: { data: 4_789, gossip: 7_946 },
  seeds: [{ address: at('fd00:18::3'), port: 7_947 }],
  staticPeers: [],
  prefixes: [],
  members: [
    {
      // Its packets are to find it when it comes back.
      state: 'dead',
      announcement: {
        gossipEndpoint: { ...peer, port: 7_948 },
        dataEndpoints: [{ endpoint: peer }] as never,
      },
    },
  ],
});

const placesWith = (metrics: string | undefined) =>
  [
    ...weftPlaces(nodes, {
      addresses: [own, at('10.244.1.1')],
      metrics: metrics === undefined ? undefined : { address: at(metrics), port: 9_100 },
    }),
  ].sort();

const gossipAndData = [
  '198.18.0.1 TCP 7946',
  '198.18.0.1 UDP 4789',
  '198.18.0.1 UDP 7946',
  '198.18.0.2 TCP 7948',
  '198.18.0.2 UDP 4790',
  '198.18.0.2 UDP 7948',
  'fd00:18::3 TCP 7947',
  'fd00:18::3 UDP 4789',
  'fd00:18::3 UDP 7947',
];

test('weft is at the ports of data and gossip of all nodes that are known', (t) => {
  t.deepEqual(placesWith(undefined), gossipAndData);
});

test('and at that of its metrics, where these are', (t) => {
  t.deepEqual(placesWith('10.244.1.1'), ['10.244.1.1 TCP 9100', ...gossipAndData]);
  t.deepEqual(placesWith('0.0.0.0'), ['10.244.1.1 TCP 9100', ...gossipAndData, '198.18.0.1 TCP 9100'].sort());
});
