import test from 'ava';
import { destinationKind } from '../../src/explain/destination-kind.ts';
import { type ExplainedStep, type Fate, fates, type Stage } from '../../src/explain/explanation.ts';
import { withPassages } from '../../src/explain/stage-passages.ts';
import { isWorse, wayOver } from '../../src/explain/way.ts';
import { parseIpAddress } from '../../src/wire/address.ts';

const step = (hook: string, verdict: ExplainedStep['verdict'] = 'pass'): ExplainedStep => {
  return { hook, verdict, text: `${hook} ${verdict}`, details: {} };
};
const stage = (node: string, fate: Fate | null, ...steps: readonly ExplainedStep[]): Stage => {
  return { node, steps, fate, reason: fate === 'dropped' ? 'no-route' : '', next: null };
};

test('a way without an obstacle has no decision', (t) => {
  const way = wayOver(
    [stage('n1', null, step('route')), stage('n2', 'delivered', step('to-pod', 'doubt'))],
    'delivered',
  );
  t.like(way, { fate: 'delivered', reason: '', decision: null });
});

test('what is not known of one node makes the way unknown, unless another one stops it', (t) => {
  const unsure = stage('n1', null, step('kernel', 'unknown'));
  const open = wayOver([unsure, stage('n2', 'delivered', step('to-pod'))], 'delivered');
  t.like(open, { fate: 'unknown', decision: { node: 'n1', hook: 'kernel', text: 'kernel unknown' } });
  const stopped = wayOver([unsure, stage('n2', 'dropped', step('to-pod', 'stop'))], 'dropped');
  t.like(stopped, { fate: 'dropped', reason: 'no-route', decision: { node: 'n2', text: 'to-pod stop' } });
});

test('of what is lost, the node decides that did not get it', (t) => {
  const lost = stage('n2', 'lost', step('from-underlay', 'doubt'), step('to-pod', 'stop'));
  t.like(wayOver([stage('n1', null), lost], 'lost').decision, { node: 'n2', hook: 'from-underlay' });
});

test('what certainly fails is worse than what probably does, and that than what is not known', (t) => {
  const order = ['delivered', 'sent', 'unknown', 'lost', 'blocked'] as const;
  for (const [index, fate] of order.entries()) {
    for (const [other, than] of order.entries()) t.is(isWorse({ fate }, { fate: than }), index > other);
  }
  t.deepEqual(
    fates.filter((fate) => isWorse({ fate }, { fate: 'lost' })),
    ['dropped', 'unreachable', 'blocked', 'diverted'],
  );
});

const told = stage('n1', 'delivered', step('from-pod'), step('route'));
const passed = { steps: [step('in-pod')], fate: null };
const blocked = { steps: [step('kernel', 'stop')], fate: 'blocked' } as const;

for (const [name, before, after, hooks, fate] of [
  ['passes', [passed], [passed], ['from-pod', 'in-pod', 'route', 'in-pod'], 'delivered'],
  ['is stopped before weft has it', [passed, blocked, passed], [], ['from-pod', 'in-pod', 'kernel'], 'blocked'],
  ['is stopped after weft had it', [passed], [blocked, passed], ['from-pod', 'in-pod', 'route', 'kernel'], 'blocked'],
] as const) {
  test(`a packet that ${name} is told up to there`, (t) => {
    const all = withPassages(told, { before, after });
    t.deepEqual(
      all.steps.map(({ hook }) => hook),
      [...hooks],
    );
    t.is(all.fate, fate);
  });
}

test('what weft drops goes no further', (t) => {
  t.is(withPassages({ ...told, fate: 'dropped' }, { before: [passed], after: [blocked] }).fate, 'dropped');
});

for (const [address, kind] of [
  ['10.244.2.2', 'host'],
  ['224.0.0.9', 'multicast'],
  ['239.1.1.1', 'multicast'],
  ['255.255.255.255', 'broadcast'],
  ['127.0.0.53', 'loopback'],
  ['0.0.0.0', 'unspecified'],
  ['ff02::1', 'multicast'],
  ['::1', 'loopback'],
  ['::', 'unspecified'],
  ['fd00::1', 'host'],
] as const) {
  test(`${address} is of the kind ${kind}`, (t) => t.is(destinationKind(parseIpAddress(address)!), kind));
}
