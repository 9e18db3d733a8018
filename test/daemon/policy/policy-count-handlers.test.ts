import test from 'ava';
import type { PolicyDrops } from '../../../src/api/drop-api.ts';
import type { CountedRule } from '../../../src/daemon/policy/counted-rules.ts';
import {
  composePolicyCounts,
  parsePolicyTitle,
  type PolicyCountHandlers,
} from '../../../src/daemon/policy/policy-count-handlers.ts';
import type { RuleUse } from '../../../src/daemon/policy/policy-uses.ts';
import { FakeCluster } from '../../support/fake-remote-nodes.ts';

function use(place: string, count: number, rest: Partial<CountedRule> = {}, lastMs?: number): RuleUse {
  const rule = `shop/web ${place}`;
  const counted: CountedRule = {
    rule,
    policies: ['shop/web'],
    place,
    direction: 'ingress',
    effect: 'allowed',
    meaning: '',
    ...rest,
  };
  return { counted, count, sinceMs: undefined, lastMs };
}

const denied: readonly PolicyDrops[] = [{ rule: 'shop/web ingress[1]', direction: 'ingress', packets: 3 }];

/** A node that counts these. */
function node(cluster: FakeCluster, name: string, uses: readonly RuleUse[]): PolicyCountHandlers {
  const policy = { uses: { current: () => uses }, denials: { byRule: () => denied } };
  return composePolicyCounts({ nodeName: name, policy, startedMs: () => STARTED_MS }, cluster.node(name));
}

const STARTED_MS = Date.parse('2026-01-01T00:00:00.000Z');

const at = (ms: number): string => new Date(STARTED_MS + ms).toISOString();

const isolated = { place: '', rule: 'isolated', policies: ['shop/web', 'shop/all'], effect: 'denied' } as const;

test('counts of all nodes are one sum, and what denies together counts at each policy', async (t) => {
  const cluster = new FakeCluster();
  const n1 = node(cluster, 'n1', [use('ingress[0]', 2, {}, 5_000), use('', 7, isolated, 9_000)]);
  node(cluster, 'n2', [use('ingress[0]', 3, {}, 7_000), use('ingress[1]', 4, { effect: 'audited' })]);
  t.deepEqual(await n1.policyCounts(), {
    policies: [
      { policy: 'shop/all', allowed: 0, denied: 7, audited: 0, last: at(9_000) },
      { policy: 'shop/web', allowed: 5, denied: 7, audited: 4, last: at(9_000) },
    ],
    missing: [],
  });
});

test('rules of one policy are told with the nodes that count them, and since when all of these do', async (t) => {
  const cluster = new FakeCluster();
  const other = use('ingress[0]', 9, { policies: ['shop/other'], rule: 'shop/other ingress[0]' });
  const n1 = node(cluster, 'n1', [use('ingress[0]', 2, {}, 5_000), other]);
  node(cluster, 'n2', [{ ...use('ingress[0]', 1), sinceMs: 60_000 }]);
  const { rules } = await n1.policyRules('shop/web');
  t.deepEqual(rules, [
    {
      rule: 'shop/web ingress[0]',
      place: 'ingress[0]',
      direction: 'ingress',
      effect: 'allowed',
      count: 3,
      since: at(60_000),
      last: at(5_000),
      nodes: ['n1', 'n2'],
    },
  ]);
});

test('nodes that do not answer, or answer nonsense, are said', async (t) => {
  const cluster = new FakeCluster();
  const n1 = node(cluster, 'n1', [use('ingress[0]', 2)]);
  node(cluster, 'n3', []);
  cluster.silent.add('n3');
  cluster.node('n4').answer('policy-counts', () => [{ policy: 'shop/web', allowed: -1 }]);
  const { policies, missing } = await n1.policyCounts();
  t.is(policies.length, 1);
  t.deepEqual(
    missing.map((one) => `${one.node} ${one.code}`),
    ['n3 remote-unreachable', 'n4 remote-unsupported'],
  );
});

test('denials are told node by node', async (t) => {
  const cluster = new FakeCluster();
  const n1 = node(cluster, 'n1', []);
  node(cluster, 'n2', []);
  const { nodes } = await n1.policyDenials();
  t.deepEqual(nodes, [
    { node: 'n1', since: at(0), policies: denied },
    { node: 'n2', since: at(0), policies: denied },
  ]);
});

test('a question without a policy is refused', (t) => {
  t.is(parsePolicyTitle(new URLSearchParams('policy=shop/web')), 'shop/web');
  t.throws(() => parsePolicyTitle(new URLSearchParams()), { message: /^policy: is no name of a policy/ });
});
