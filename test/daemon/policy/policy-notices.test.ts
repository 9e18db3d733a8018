import test from 'ava';
import { oddPolicyNotices, roomNotices } from '../../../src/daemon/policy/policy-notices.ts';
import type { OddPolicy } from '../../../src/daemon/policy-facts/api-policies.ts';
import type { NodePlan } from '../../../src/policy/node-plan.ts';
import { PlanState } from '../../../src/policy/plan-state.ts';

const odd = (title: string, isClosed: boolean, problems = ['spec: is wrong']): OddPolicy => {
  return { kind: 'NetworkPolicy', title, isClosed, problems };
};

test('policies that cannot be read, and such of which not all is understood, are told apart', (t) => {
  t.deepEqual(oddPolicyNotices([]), []);
  t.deepEqual(oddPolicyNotices([odd('shop/a', true), odd('shop/b', false, ['one', 'two'])]), [
    {
      code: 'policy-unreadable',
      message:
        'these policies cannot be read, and deny everything to the pods that they select: NetworkPolicy shop/a (spec: is wrong)',
    },
    {
      code: 'policy-not-understood',
      message:
        'these policies are enforced but for what is not understood, which allows nothing: NetworkPolicy shop/b (one and 1 more)',
    },
  ]);
});

test('a notice names a few of many, and its length has a limit', (t) => {
  const many = Array.from({ length: 1_000 }, (_, at) => odd(`shop/p${at}`, true, ['x'.repeat(10_000)]));
  const [notice] = oddPolicyNotices(many);
  t.true(notice!.message.endsWith(' and 995 more'));
  t.true(notice!.message.length < 2_500);
});

function planWith(isolations: NodePlan['isolations']): PlanState {
  const plan = new PlanState();
  const pods = isolations.map(({ key, direction }) => ({
    pod: `pod of ${key}`,
    addresses: [],
    ingress: undefined,
    egress: undefined,
    [direction]: key,
  }));
  plan.change(plan.changeTo({ pods, isolations, peerSets: [], portSets: [] }));
  return plan;
}

test('pods that are isolated for want of room are told of, with the policies', (t) => {
  const large = { key: 'in', direction: 'ingress', rules: [], isAudit: false } as const;
  const titles = Array.from({ length: 7 }, (_, at) => `shop/p${at}`);
  const plan = planWith([
    { ...large, isolatedBy: ['(too-many-rules)', ...titles] },
    { ...large, key: 'out', direction: 'egress', isolatedBy: ['(too-many-rules)', 'shop/x'], isAudit: true },
    { ...large, key: 'small', isolatedBy: ['shop/web'] },
  ]);
  t.deepEqual(roomNotices(plan), [
    {
      code: 'policy-too-many-rules',
      message:
        'network policies have more rules than this node enforces (16384 peers and ports together): whatever they say, nothing is allowed ' +
        'for ingress of 1 pod, which shop/p0, shop/p1, shop/p2, shop/p3, shop/p4 and 2 more select; egress of 1 pod, which shop/x selects (audit mode: everything passes)',
    },
  ]);
  t.deepEqual(roomNotices(planWith([{ ...large, isolatedBy: ['shop/web'] }])), []);
  t.deepEqual(roomNotices(undefined), []);
});
