import test from 'ava';
import { PolicyCounters, type PolicyCountersOptions } from '../../../src/daemon/policy/policy-counters.ts';
import { PolicyDenials } from '../../../src/daemon/policy/policy-denials.ts';
import { CUT_TAG, HELD_TAG, tagOfIsolation, tagOfRule } from '../../../src/daemon/policy/policy-names.ts';
import type { IsolationPlan, PlannedRule } from '../../../src/policy/node-plan.ts';
import { PlanState } from '../../../src/policy/plan-state.ts';

function rule(name: string, action: PlannedRule['action'], isAudit = false): PlannedRule {
  return { tier: 'admin', name, action, isAudit, peers: undefined, ports: undefined };
}

function isolation(key: string, isAudit: boolean, rules: readonly PlannedRule[]): IsolationPlan {
  return { key, direction: 'ingress', rules, isolatedBy: ['shop/web'], isAudit };
}

function planOf(...isolations: readonly IsolationPlan[]): PlanState {
  const plan = new PlanState();
  plan.change(plan.changeTo({ pods: [], isolations, peerSets: [], portSets: [] }));
  return plan;
}

function denialsOf(options: PolicyCountersOptions): PolicyDenials {
  return new PolicyDenials(new PolicyCounters(options));
}

test('what is dropped is counted, and neither what passes nor what is in audit mode', (t) => {
  const rules = [rule('deny', 'deny'), rule('audited', 'deny', true), rule('allow', 'allow')];
  const isolations = [isolation('a', false, rules), isolation('b', true, [])];
  const counters = new Map([
    ...rules.map((one, at) => [tagOfRule(one), 10 ** at] as const),
    [tagOfIsolation(isolations[0]!), 1_000],
    [tagOfIsolation(isolations[1]!), 10_000],
    [CUT_TAG, 100_000],
    [HELD_TAG, 1_000_000],
  ]);
  const plan = planOf(...isolations);
  const denials = denialsOf({ plan: () => plan, readCounters: () => counters, nowMs: () => 0 });
  t.is(denials.total, 1_101_001);
});

test('each rule that denied is named, the most frequent first', (t) => {
  const one = isolation('a', false, [rule('all ingress[0].from[0]', 'deny'), rule('idle', 'deny')]);
  const counters = new Map([
    [tagOfRule({ name: 'all ingress[0].from[0]' }), 3],
    [tagOfRule({ name: 'idle' }), 0],
    [tagOfIsolation(one), 7],
  ]);
  const plan = planOf(one);
  const denials = denialsOf({ plan: () => plan, readCounters: () => counters, nowMs: () => 0 });
  t.deepEqual(denials.byRule(), [
    { rule: 'isolated by shop/web, no rule matches', direction: 'ingress', packets: 7 },
    { rule: 'all ingress[0].from[0]', direction: 'ingress', packets: 3 },
  ]);
});

test('a reading that fails counts nothing twice, and a table that was made anew counts from the beginning', (t) => {
  const one = isolation('a', false, []);
  const tag = tagOfIsolation(one);
  const plan = planOf(one);
  const state = { nowMs: 0, counters: new Map([[tag, 5]]) as ReadonlyMap<string, number> | undefined };
  const denials = denialsOf({ plan: () => plan, readCounters: () => state.counters, nowMs: () => state.nowMs });
  const totals = [undefined, new Map([[tag, 6]]), undefined, new Map([[tag, 2]])].map((counters) => {
    const { total } = denials;
    state.nowMs += 1_000;
    state.counters = counters;
    return total;
  });
  t.deepEqual([...totals, denials.total], [5, 5, 6, 6, 8]);
});

test('of more rules than are remembered, what they denied is one sum', (t) => {
  const rules = Array.from({ length: 5_000 }, (_, at) => rule(`r${at}`, 'deny'));
  const plan = planOf(isolation('a', false, rules));
  const counters = new Map(rules.map((each) => [tagOfRule(each), 1]));
  const denials = denialsOf({ plan: () => plan, readCounters: () => counters, nowMs: () => 0 });
  t.is(denials.total, 5_000);
  t.deepEqual(denials.byRule()[0], { rule: 'other rules', direction: '', packets: 5_000 - 4_096 });
});

test('the total never falls: not when a policy is gone, nor when the table is made anew', (t) => {
  let nowMs = 0;
  let counters: ReadonlyMap<string, number> | undefined;
  let plan: PlanState | undefined;
  const denials = denialsOf({ plan: () => plan, readCounters: () => counters, nowMs: () => nowMs });
  t.is(denials.total, 0);
  const [a, b] = [isolation('a', false, []), isolation('b', false, [])];
  plan = planOf(a, b);
  const totals = [
    { [tagOfIsolation(a)]: 5, [tagOfIsolation(b)]: 3 },
    { [tagOfIsolation(a)]: 7 },
    { [tagOfIsolation(a)]: 2 },
    undefined,
  ].map((counts) => {
    counters = counts && new Map(Object.entries(counts));
    nowMs += 10_000;
    return denials.total;
  });
  t.deepEqual(totals, [8, 10, 12, 12]);
});

test('what earlier daemons counted is left out, and also where the table was made anew since', (t) => {
  let nowMs = 0;
  const [a, b] = [isolation('a', false, []), isolation('b', false, [])];
  const [tagA, tagB] = [tagOfIsolation(a), tagOfIsolation(b)];
  const before = new Map([
    [tagA, 100],
    [tagB, 50],
  ]);
  let counters = new Map([
    [tagA, 107],
    [tagB, 2],
  ]);
  const plan = planOf(a, b);
  const denials = denialsOf({ plan: () => plan, before, readCounters: () => counters, nowMs: () => nowMs });
  t.is(denials.total, 9);
  nowMs += 10_000;
  counters = new Map([[tagA, 108]]);
  t.is(denials.total, 10);
});

test('who asks again at once is told what was read last', (t) => {
  let packets = 1;
  const plan = planOf();
  const readCounters = () => new Map([[CUT_TAG, packets++]]);
  const denials = denialsOf({ plan: () => plan, readCounters, nowMs: () => 0 });
  t.deepEqual([denials.total, denials.total], [1, 1]);
});
