import test from 'ava';
import { MasqueradedDenials, REMEMBERED_MS } from '../../../src/daemon/policy/masqueraded-denials.ts';
import type { DeniedPacket } from '../../../src/daemon/policy/policy-log.ts';
import { syntheticPacket } from '../../../src/explain/synthetic-packet.ts';
import { NodePlanner } from '../../../src/policy/node-planner.ts';
import { PlanState } from '../../../src/policy/plan-state.ts';
import { address, facts, networkPolicy } from '../../support/policy-cluster.ts';

function denied(source: string, destination: string, change: Partial<DeniedPacket['denier']> = {}): DeniedPacket {
  const ends = { source: address(source), destination: address(destination) };
  const packet = syntheticPacket({ ...ends, protocol: 6, sourcePort: 40_000, destinationPort: 80, sizeBytes: 60 });
  const text = 'isolated by shop/office, no rule matches';
  return {
    denier: { direction: 'ingress', policy: 'shop/office', rule: '', text, isAudit: false, ...change },
    packet,
    timeNs: 0n,
  };
}

/** Node 1 with pod web, 10.244.1.2, which lets in an office; node 2 has 10.244.2.1. */
function hearing() {
  const planner = new NodePlanner('node1');
  for (const node of facts.nodes) planner.setNode(node);
  for (const pod of facts.pods) planner.setPod(pod);
  const from = '[{ipBlock: {cidr: 203.0.113.0/24}}]';
  planner.setPolicy(networkPolicy('office', `{podSelector: {matchLabels: {app: web}}, ingress: [{from: ${from}}]}`));
  planner.setPolicy(networkPolicy('rest', '{podSelector: {matchLabels: {app: web}}}'));
  const state = { nowMs: 0 };
  const plan = (): PlanState => {
    const made = new PlanState();
    made.change(made.changeTo(planner.plan()));
    return made;
  };
  const denials = new MasqueradedDenials({
    nodes: () => planner.cluster.nodes(),
    plan,
    policy: (title) => planner.policy(title),
    nowMs: () => state.nowMs,
  });
  return { planner, state, denials };
}

const found = {
  node: 'node2',
  source: '10.244.2.1',
  destination: '10.244.1.2',
  packets: 2,
  why: 'isolated by shop/office, no rule matches',
  blocks: ['shop/office ingress[0].from[0] (203.0.113.0/24)'],
};

test('what comes from an address of a node is remembered for a while, where a block may have meant its client', (t) => {
  const { denials, planner, state } = hearing();
  denials.hear([denied('10.244.2.1', '10.244.1.2'), denied('10.244.2.1', '10.244.1.2')]);
  t.deepEqual(denials.recent(), [found]);
  state.nowMs = REMEMBERED_MS - 1;
  t.is(denials.recent().length, 1);
  planner.removePolicy('shop/office');
  t.deepEqual(denials.recent(), [], 'there is no block any more');
  planner.setPolicy(networkPolicy('office', '{ingress: [{from: [{ipBlock: {cidr: 203.0.113.0/24}}]}]}'));
  state.nowMs = REMEMBERED_MS;
  t.deepEqual(denials.recent(), []);
});

test('neither what comes from a pod, nor what leaves one, nor what audit mode lets pass is meant', (t) => {
  const { denials } = hearing();
  denials.hear([
    denied('10.244.2.2', '10.244.1.2'),
    denied('10.244.2.1', '10.244.1.2', { direction: 'egress' }),
    denied('10.244.2.1', '10.244.1.2', { isAudit: true }),
    { ...denied('10.244.2.1', '10.244.1.2'), packet: new Uint8Array(3) },
  ]);
  t.deepEqual(denials.recent(), []);
});

test('of many pairs, the last ones are remembered', (t) => {
  const { denials } = hearing();
  denials.hear([denied('10.244.2.1', '10.244.1.2')]);
  for (let at = 0; at < 300; at++) denials.hear([denied('10.244.2.1', `10.244.9.${at % 255}`)]);
  t.is(denials.recent().length, 1, 'there are 255 others at most');
  for (let at = 0; at < 300; at++) denials.hear([denied('10.244.2.1', `10.244.${8 + (at >> 8)}.${at & 255}`)]);
  t.deepEqual(denials.recent(), []);
});
