import test from 'ava';
import { ClusterView } from '../../src/policy/cluster-view.ts';
import {
  flowOf,
  isEverything,
  openTraffic,
  trafficBetween,
  trafficProtocols,
  trafficTexts,
} from '../../src/policy/open-traffic.ts';
import type { Policy } from '../../src/policy/policy.ts';
import { readClusterNetworkPolicy } from '../../src/policy/read-cluster-network-policy.ts';
import { readNetworkPolicy } from '../../src/policy/read-network-policy.ts';
import { verdict } from '../../src/policy/verdict.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { address, clusterPolicy, facts, networkPolicy } from '../support/policy-cluster.ts';
import { type PolicyObject, RandomPolicies } from '../support/random-policies.ts';

const [web, db] = ['10.244.1.2', '10.244.2.2'];

const open = test.macro<[readonly Policy[], readonly string[]]>({
  exec: (t, policies, expected) => {
    const ends = { source: address(web), destination: address(db) };
    t.deepEqual(trafficTexts(openTraffic(ends, new ClusterView(policies, facts))), expected);
  },
  title: (name) => name!,
});

const everything = ['tcp', 'udp', 'sctp', 'icmp'];

test('without a policy everything may begin', open, [], everything);
test('behind a policy without rules nothing may', open, [networkPolicy('deny', '{}')], []);
test(
  'ports of rules are told, and those that lie side by side are one range',
  open,
  [networkPolicy('a', '{ingress: [{ports: [{port: 80}, {port: 81, endPort: 90}, {port: 443}, {protocol: UDP}]}]}')],
  ['tcp 80-90,443', 'udp'],
);
test(
  'a name is the number that the destination calls so',
  open,
  [networkPolicy('a', '{ingress: [{ports: [{port: sql}, {port: http}]}]}')],
  ['tcp 5432'],
);
test(
  'what one edge denies may not begin',
  open,
  [
    networkPolicy('a', '{ingress: [{ports: [{port: 80, endPort: 90}]}]}'),
    networkPolicy('b', '{policyTypes: [Egress], egress: [{ports: [{port: 85, endPort: 65535}]}]}'),
  ],
  ['tcp 85-90'],
);
test(
  'what a rule denies is a hole',
  open,
  [
    clusterPolicy(
      'a',
      '{ingress: [{action: Deny, from: [{namespaces: {}}], protocols: [{tcp: {destinationPort: {number: 22}}}]}]}',
    ),
  ],
  ['tcp 1-21,23-65535', 'udp', 'sctp', 'icmp'],
);

test('everything is all protocols with all ports, and what has none', (t) => {
  const ends = { source: address(web), destination: address(db) };
  const all = trafficBetween(ends, new ClusterView([], facts));
  t.true(isEverything(all));
  for (const part of all) t.false(isEverything(all.filter((one) => one !== part)));
});

const CLUSTERS = 300;
const given = process.env['SEED'];
const first = given === undefined ? Math.trunc(Math.random() * 0x7f_ff_ff_ff) : Number(given);

test(`${CLUSTERS} random clusters from seed ${first}: each port is open if a flow to it is allowed`, (t) => {
  let parts = 0;
  for (let seed = first; seed < first + (given === undefined ? CLUSTERS : 1); seed++) {
    const seeded = new SeededRandom(seed);
    const random = new RandomPolicies(seeded);
    const known = random.cluster();
    const policies = random.policies().map(read);
    const cluster = new ClusterView(policies, known);
    const { source, destination } = random.flow(known);
    const ends = { source, destination };
    const traffic = openTraffic(ends, cluster);
    parts += trafficBetween(ends, cluster).length;
    for (const protocol of trafficProtocols) {
      for (const port of [1, 52, 53, 54, 79, 80, 81, 82, 442, 443, 444, 65_535, 1 + seeded.below(65_535)]) {
        const isOpen = traffic.some(
          (part) => part !== 'others' && part.protocol === protocol && port >= part.first && port <= part.last,
        );
        const { isAllowed } = verdict(flowOf(ends, { protocol, first: port, last: port }), cluster);
        if (isOpen !== isAllowed) t.fail(`SEED=${seed} ${protocol} ${port}: ${isOpen}`);
      }
    }
    t.is(traffic.includes('others'), verdict(flowOf(ends, 'others'), cluster).isAllowed, `SEED=${seed}`);
  }
  t.true(parts > CLUSTERS * 4 || given !== undefined, 'policies cut it');
});

function read(object: PolicyObject): Policy {
  const reading = object['kind'] === 'NetworkPolicy' ? readNetworkPolicy(object) : readClusterNetworkPolicy(object);
  if (reading.policy === undefined) throw new Error(reading.problems.join('\n'));
  return reading.policy;
}
