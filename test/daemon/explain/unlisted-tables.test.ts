import test from 'ava';
import { unlistedTables } from '../../../src/daemon/explain/unlisted-tables.ts';
import { PlanState } from '../../../src/policy/plan-state.ts';

function planOf(pods: number): PlanState {
  const plan = new PlanState();
  const podPlan = { addresses: [], ingress: undefined, egress: undefined };
  const all = Array.from({ length: pods }, (_, at) => ({ ...podPlan, pod: `pod-${at}` }));
  plan.change(plan.changeTo({ pods: all, isolations: [], peerSets: [], portSets: [] }));
  return plan;
}

function names(...known: Parameters<typeof unlistedTables>): string[] {
  return unlistedTables(...known).map(({ name }) => name);
}

test('a table is left out only where it is large, and known to be as it should', (t) => {
  t.deepEqual(names(planOf(1_000), undefined), ['weft-policy']);
  t.deepEqual(names(planOf(10), 10), []);
  t.deepEqual(names(undefined, undefined), []);
  t.deepEqual(names(undefined, 1_000), ['weft-services']);
  t.deepEqual(names(planOf(1_000), 1_000), ['weft-policy', 'weft-services']);
});
