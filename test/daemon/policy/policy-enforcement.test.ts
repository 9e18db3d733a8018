import test from 'ava';
import { PolicyEnforcement } from '../../../src/daemon/policy/policy-enforcement.ts';
import type { NodePlan, NodePlanChange } from '../../../src/policy/node-plan.ts';
import { PlanState } from '../../../src/policy/plan-state.ts';
import { PolicyTablesDouble, refusal } from '../../support/policy-tables-double.ts';

const plan: NodePlan = {
  pods: [{ pod: 'shop/web', addresses: [], ingress: 'in', egress: undefined }],
  isolations: [{ key: 'in', direction: 'ingress', rules: [], isolatedBy: ['shop/all'], isAudit: false }],
  peerSets: [],
  portSets: [],
};

/** One plan is tried with log, and without. */
const ATTEMPTS = 2;

function enforcing(isSparing = false) {
  const tables = new PolicyTablesDouble();
  const judged: unknown[] = [];
  const cuts = {
    judge: async (concerned: unknown) => {
      judged.push(concerned);
      return Promise.resolve();
    },
  };
  return { tables, judged, enforcement: new PolicyEnforcement({ tables, cuts, isSparing }) };
}

/** Isolates the same pod by another policy. */
function change(): NodePlanChange {
  const [isolation] = plan.isolations;
  return new PlanState().changeTo({ ...plan, isolations: [{ ...isolation!, isolatedBy: ['shop/other'] }] });
}

test('a repair says that the kernel does not take it, until it does; and does nothing where nothing is wrong', async (t) => {
  const { tables, judged, enforcement } = enforcing();
  tables.refusals = 2 * ATTEMPTS;
  await t.throwsAsync(enforcement.apply(plan), { is: refusal });
  await t.throwsAsync(enforcement.repair(), { is: refusal });
  t.deepEqual(
    enforcement.notices().map(({ code }) => code),
    ['policy-not-enforced'],
  );
  t.is(enforcement.plan, undefined);
  await enforcement.repair();
  t.deepEqual(enforcement.notices(), []);
  t.not(enforcement.plan, undefined);
  await enforcement.repair();
  t.deepEqual(tables.done, ['make']);
  t.deepEqual(judged, ['all']);
});

test('what somebody changed is looked at with what is planned, and repaired', async (t) => {
  const { tables, enforcement } = enforcing();
  await enforcement.apply(plan);
  t.is(await enforcement.confirmedPlan(), enforcement.plan);
  tables.differences = [{ kind: 'table-missing', table: 'inet weft-policy' }];
  t.is(await enforcement.confirmedPlan(), undefined);
  const { entries, findings } = await enforcement.inspect();
  t.is(entries, 2);
  t.deepEqual(
    findings.map(({ problem, subject }) => ({ problem, subject })),
    [{ problem: 'missing', subject: 'inet weft-policy' }],
  );
  await enforcement.repair();
  t.deepEqual(tables.done, ['make', 'make']);
  t.deepEqual((await enforcement.inspect()).findings, []);
});

test('after a repair that failed, the next change makes all of it', async (t) => {
  const { tables, enforcement } = enforcing();
  await enforcement.apply(plan);
  tables.differences = [{ kind: 'table-missing', table: 'inet weft-policy' }];
  tables.refusals = ATTEMPTS;
  await t.throwsAsync(enforcement.repair(), { is: refusal });
  await enforcement.change(change());
  t.deepEqual(tables.done, ['make', 'make']);
  t.deepEqual(enforcement.notices(), []);
});

test('an error that nobody expected leaves the table, and no plan that could be changed', async (t) => {
  const { tables, enforcement } = enforcing();
  await enforcement.apply(plan);
  tables.breakdown = new TypeError('no such chain');
  await t.throwsAsync(enforcement.change(change()), { is: tables.breakdown });
  t.is(enforcement.plan, undefined);
  await enforcement.repair();
  await t.throwsAsync(enforcement.change(change()), { instanceOf: RangeError });
  await enforcement.apply(plan);
  t.deepEqual(tables.done, ['make', 'forget', 'forget', 'make']);
  t.deepEqual(enforcement.plan?.pod('shop/web'), plan.pods[0]);
});

test('where tables are spared, none is made until a pod is isolated, and it stays from then on', async (t) => {
  const nothing: NodePlan = { pods: [], isolations: [], peerSets: [], portSets: [] };
  const { tables, judged, enforcement } = enforcing(true);
  await enforcement.apply(nothing);
  await enforcement.prepare('shop/web', 'wf0');
  await enforcement.repair();
  t.deepEqual(tables.done, []);
  t.deepEqual(judged, []);
  t.not(enforcement.plan, undefined);
  await enforcement.change(new PlanState().changeTo(plan));
  t.deepEqual(tables.done, ['make']);
  t.deepEqual(judged, ['all']);
  const state = new PlanState();
  state.change(state.changeTo(plan));
  await enforcement.change(state.changeTo(nothing));
  t.is(tables.done.length, 2);
});

test('where tables are spared, a pod of which nothing is known is isolated all the same', async (t) => {
  const { tables, enforcement } = enforcing(true);
  await enforcement.apply({ pods: [], isolations: [], peerSets: [], portSets: [] });
  await enforcement.hold('shop/web', 'wf0');
  t.deepEqual(tables.done, ['make']);
});
