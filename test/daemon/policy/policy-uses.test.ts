import test from 'ava';
import { PolicyCounters } from '../../../src/daemon/policy/policy-counters.ts';
import { CUT_TAG, HELD_TAG, tagOfIsolation, tagOfRule } from '../../../src/daemon/policy/policy-names.ts';
import { PolicyUses, USES_INTERVAL_MS } from '../../../src/daemon/policy/policy-uses.ts';
import type { IsolationPlan, PlannedRule } from '../../../src/policy/node-plan.ts';
import { PlanState } from '../../../src/policy/plan-state.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const WEB = 'shop/web ingress[0].from[0]';

function rule(name: string, rest: Partial<PlannedRule> = {}): PlannedRule {
  return { tier: 'namespace', name, action: 'allow', isAudit: false, peers: 'all', ports: undefined, ...rest };
}

function isolation(rules: readonly PlannedRule[], rest: Partial<IsolationPlan> = {}): IsolationPlan {
  return { key: 'web', direction: 'ingress', rules, isolatedBy: ['shop/web'], isAudit: false, ...rest };
}

/** A kernel that counts as it is told. */
class Kernel {
  nowMs = 0;
  counts: Record<string, number> = {};
  plan = new PlanState();
  readonly uses: PolicyUses;
  readonly counters: PolicyCounters;

  constructor(before: Readonly<Record<string, number>> = {}, most?: number) {
    this.counters = new PolicyCounters({
      plan: () => this.plan,
      before: new Map(Object.entries(before)),
      readCounters: () => new Map(Object.entries(this.counts)),
      nowMs: () => this.nowMs,
    });
    this.uses = new PolicyUses(this.counters, most);
  }

  enforce(...isolations: readonly IsolationPlan[]): void {
    this.plan = new PlanState();
    this.plan.change(this.plan.changeTo({ pods: [], isolations, peerSets: [], portSets: [] }));
  }

  /** Of a rule, after some time. */
  of(name: string, afterMs = 2_000) {
    this.nowMs += afterMs;
    const found = this.uses.current().find(({ counted }) => counted.rule === name);
    return found && { count: found.count, sinceMs: found.sinceMs, lastMs: found.lastMs };
  }
}

test('a rule counts since the daemon started, whatever an earlier one counted, and was last used when more was read', (t) => {
  const tag = tagOfRule({ name: WEB });
  const kernel = new Kernel({ [tag]: 100 });
  kernel.enforce(isolation([rule(WEB)]));
  kernel.counts = { [tag]: 100 };
  t.deepEqual(kernel.of(WEB), { count: 0, sinceMs: undefined, lastMs: undefined });
  kernel.counts = { [tag]: 103 };
  t.deepEqual(kernel.of(WEB), { count: 3, sinceMs: undefined, lastMs: 4_000 });
  t.deepEqual(kernel.of(WEB), { count: 3, sinceMs: undefined, lastMs: 4_000 });
});

test('a count goes on when the table is made anew, and when other rules come and go', (t) => {
  const tag = tagOfRule({ name: WEB });
  const kernel = new Kernel();
  kernel.enforce(isolation([rule(WEB)]));
  kernel.counts = { [tag]: 5 };
  t.is(kernel.of(WEB)?.count, 5);
  kernel.counts = { [tag]: 2 };
  t.is(kernel.of(WEB)?.count, 7);
  kernel.enforce(isolation([rule('shop/db ingress[0]'), rule(WEB)], { key: 'other' }));
  kernel.counts = { [tag]: 3 };
  t.is(kernel.of(WEB)?.count, 8);
});

test('a rule that comes later counts from then on', (t) => {
  const kernel = new Kernel();
  kernel.enforce(isolation([]));
  t.is(kernel.of(WEB), undefined);
  kernel.enforce(isolation([rule(WEB)]));
  kernel.counts = { [tagOfRule({ name: WEB })]: 1 };
  t.deepEqual(kernel.of(WEB), { count: 1, sinceMs: 2_000, lastMs: 4_000 });
});

test('another rule in the same place begins anew; and so does one that denies now what it only told', (t) => {
  const tag = tagOfRule({ name: WEB });
  const kernel = new Kernel();
  kernel.enforce(isolation([rule(WEB)]));
  kernel.counts = { [tag]: 9 };
  t.is(kernel.of(WEB)?.count, 9);
  kernel.enforce(isolation([rule(WEB, { peers: 'some' })]));
  t.deepEqual(kernel.of(WEB), { count: 0, sinceMs: 2_000, lastMs: undefined });
  kernel.enforce(isolation([rule(WEB, { peers: 'some', action: 'deny', isAudit: true })]));
  kernel.counts = { [tag]: 11 };
  t.is(kernel.of(WEB)?.count, 2);
  kernel.enforce(isolation([rule(WEB, { peers: 'some', action: 'deny' })]));
  t.is(kernel.of(WEB)?.count, 0);
});

test('a rule that judges no pod for a while goes on where it was', (t) => {
  const tag = tagOfRule({ name: WEB });
  const kernel = new Kernel();
  kernel.enforce(isolation([rule(WEB)]));
  kernel.counts = { [tag]: 4 };
  t.is(kernel.of(WEB)?.count, 4);
  kernel.enforce();
  kernel.counts = {};
  t.is(kernel.of(WEB), undefined);
  kernel.enforce(isolation([rule(WEB)]));
  kernel.counts = { [tag]: 1 };
  t.is(kernel.of(WEB)?.count, 5);
});

test('of too many, those that judge nobody are forgotten first', (t) => {
  const kernel = new Kernel({}, 4);
  const names = ['a/a ingress[0]', 'a/b ingress[0]', 'a/c ingress[0]'];
  kernel.enforce(isolation([rule(names[0]!)], { isolatedBy: [] }));
  kernel.counts = { [tagOfRule({ name: names[0]! })]: 6 };
  t.is(kernel.of(names[0]!)?.count, 6);
  kernel.enforce(isolation([rule(names[1]!), rule(names[2]!)], { isolatedBy: [] }));
  kernel.counts = {};
  t.is(kernel.of(names[1]!)?.count, 0);
  kernel.enforce(isolation([rule(names[0]!)], { isolatedBy: [] }));
  t.is(kernel.of(names[0]!)?.count, 0);
});

test('what each counter counts is told with its policies, and what becomes of it', (t) => {
  const kernel = new Kernel();
  const audited = isolation([rule('base egress[0]', { tier: 'baseline', action: 'deny' })], {
    key: 'b',
    direction: 'egress',
    isolatedBy: ['shop/a', 'shop/b'],
    isAudit: true,
  });
  kernel.enforce(isolation([rule('guard ingress[1]', { tier: 'admin', action: 'pass' }), rule(WEB)]), audited);
  const told = kernel.uses.current().map(({ counted: { rule: text, policies, place, direction, effect } }) => {
    return [text, policies.join('+'), place, direction, effect].join(' | ');
  });
  t.deepEqual(told, [
    'connections that are not allowed any more |  |  |  | denied',
    'pods for which there are no rules yet |  |  |  | denied',
    'guard ingress[1] | guard | ingress[1] | ingress | passed',
    'shop/web ingress[0].from[0] | shop/web | ingress[0].from[0] | ingress | allowed',
    'isolated by shop/web, no rule matches | shop/web |  | ingress | denied',
    'base egress[0] | base | egress[0] | egress | denied',
    'isolated by shop/a, shop/b, no rule matches | shop/a+shop/b |  | egress | audited',
  ]);
  t.is(new Set([CUT_TAG, HELD_TAG, tagOfIsolation(audited)]).size, 3);
});

test('the kernel is asked now and then, until that ends', (t) => {
  const clock = new ManualClock();
  let looks = 0;
  const uses = new PolicyUses({ look: () => looks++, follow: () => undefined });
  const stop = uses.start(clock);
  clock.advance(3 * USES_INTERVAL_MS);
  t.is(looks, 4);
  stop();
  clock.advance(3 * USES_INTERVAL_MS);
  t.is(looks, 4);
});
