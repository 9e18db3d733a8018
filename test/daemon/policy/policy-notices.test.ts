import test from 'ava';
import { oddPolicyNotices } from '../../../src/daemon/policy/policy-notices.ts';
import type { OddPolicy } from '../../../src/daemon/policy-facts/api-policies.ts';

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
