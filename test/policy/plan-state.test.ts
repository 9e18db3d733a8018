import test from 'ava';
import type { IsolationPlan, NodePlan, PodPlan } from '../../src/policy/node-plan.ts';
import { addressKey, PlanState } from '../../src/policy/plan-state.ts';
import { parseIpAddress } from '../../src/wire/address.ts';

const NOTHING = { changed: [], gone: [] };
const NO_CHANGE = { pods: NOTHING, isolations: NOTHING, peerSets: NOTHING, portSets: NOTHING };
const at = addressKey(parseIpAddress('10.0.0.1')!);

function pod(name: string, ...addresses: readonly string[]): PodPlan {
  return { pod: name, addresses: addresses.map((text) => parseIpAddress(text)!), ingress: 'in', egress: undefined };
}

function isolation(peers: string, ports: string): IsolationPlan {
  const rule = { tier: 'namespace', name: 'rule', action: 'allow', isAudit: false, peers } as const;
  const rules = [{ ...rule, ports: [{ kind: 'named', ports } as const] }];
  return { key: 'in', direction: 'ingress', rules, isolatedBy: ['web'], isAudit: false };
}

test('a pod is found by its addresses, and not by those that it had', (t) => {
  const state = new PlanState();
  state.change({ ...NO_CHANGE, pods: { changed: [pod('web', '10.0.0.1')], gone: [] } });
  t.is(state.podAt(at)?.pod, 'web');
  state.change({ ...NO_CHANGE, pods: { changed: [pod('web', '10.0.0.2')], gone: [] } });
  t.is(state.podAt(at), undefined);
});

test('an address that another pod took over stays with it when the first goes', (t) => {
  const state = new PlanState();
  state.change({ ...NO_CHANGE, pods: { changed: [pod('web', '10.0.0.1')], gone: [] } });
  state.change({ ...NO_CHANGE, pods: { changed: [pod('db', '10.0.0.1')], gone: [] } });
  state.change({ ...NO_CHANGE, pods: { changed: [], gone: ['web'] } });
  t.is(state.podAt(at)?.pod, 'db');
});

test('it is known which isolations ask a set, as long as they do', (t) => {
  const state = new PlanState();
  const asking = (peers: string, ports: string) => [...state.isolationsAsking([peers], [ports])];
  state.change({ ...NO_CHANGE, isolations: { changed: [isolation('a', 'http')], gone: [] } });
  t.deepEqual(asking('a', 'none'), ['in']);
  t.deepEqual(asking('none', 'http'), ['in']);
  // A set of peers is none of ports.
  t.deepEqual(asking('http', 'a'), []);
  state.change({ ...NO_CHANGE, isolations: { changed: [isolation('b', 'http')], gone: [] } });
  t.deepEqual(asking('a', 'none'), []);
  state.change({ ...NO_CHANGE, isolations: { changed: [], gone: ['in'] } });
  t.deepEqual(asking('b', 'http'), []);
});

test('another plan takes the place of all of this one', (t) => {
  const state = new PlanState();
  const plan: NodePlan = {
    pods: [pod('web', '10.0.0.1')],
    isolations: [isolation('a', 'http')],
    peerSets: [{ key: 'a', prefixes: [] }],
    portSets: [{ key: 'http', elements: [] }],
  };
  state.change(state.changeTo(plan));
  t.deepEqual(state.whole(), plan);
  const next: NodePlan = { ...plan, pods: [], isolations: [], peerSets: [{ key: 'b', prefixes: [] }], portSets: [] };
  const change = state.changeTo(next);
  t.deepEqual(
    [change.pods.gone, change.isolations.gone, change.peerSets.gone, change.portSets.gone],
    [['web'], ['in'], ['a'], ['http']],
  );
  state.change(change);
  t.deepEqual(state.whole(), next);
});
