import test from 'ava';
import { unlistedTable } from '../../../src/daemon/explain/unlisted-table.ts';
import { PlanState } from '../../../src/policy/plan-state.ts';

function planOf(pods: number): PlanState {
  const plan = new PlanState();
  const podPlan = { addresses: [], ingress: undefined, egress: undefined };
  const all = Array.from({ length: pods }, (_, at) => ({ ...podPlan, pod: `pod-${at}` }));
  plan.change(plan.changeTo({ pods: all, isolations: [], peerSets: [], portSets: [] }));
  return plan;
}

test('the table of policies is left out only where it is large, and known to be as it should', (t) => {
  t.is(unlistedTable(planOf(1_000))?.name, 'weft-policy');
  t.is(unlistedTable(planOf(10)), undefined);
  t.is(unlistedTable(undefined), undefined);
});
