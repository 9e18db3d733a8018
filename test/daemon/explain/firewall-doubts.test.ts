import test from 'ava';
import { FirewallDoubts, firewallRemark } from '../../../src/daemon/explain/firewall-doubts.ts';
import type { HostFacts } from '../../../src/doctor/facts.ts';
import { WeftError } from '../../../src/errors.ts';
import type { ExplainedStep, Stage } from '../../../src/explain/explanation.ts';
import { chainWith, factsWith, ruleOn } from '../../support/doctor-facts.ts';

const step = (hook: string, details: ExplainedStep['details'] = {}): ExplainedStep => {
  return { hook, verdict: 'pass', text: hook, details };
};
const stage = (...steps: readonly ExplainedStep[]): Stage => {
  return { node: 'n1', steps, fate: null, reason: '', next: null };
};
const departure = stage(step('from-pod', { pod: 'web' }), step('route'), step('to-underlay'));
const arrival = stage(step('from-underlay'), step('to-pod', { pod: 'web' }));
const toNode = stage(step('from-underlay'), step('to-pod'));

const closed = chainWith('forward', 'drop');
const againstVxlan = chainWith('input', 'accept', [ruleOn('drop', 'dport', '4789')]);

function doubts(firewall: HostFacts['firewall']): FirewallDoubts {
  return new FirewallDoubts('n1', async () => Promise.resolve(factsWith({ host: { firewall } }).host));
}

function told({ steps }: Stage): string[] {
  return steps.map(({ hook, verdict, details }) => [hook, verdict, details['finding']].join(' ').trim());
}

test('a firewall is told after the pod that sends, and before the one that receives', async (t) => {
  t.deepEqual(told(await doubts([closed]).addTo(departure)), [
    'from-pod pass',
    'from-pod doubt forward-policy-drop',
    'route pass',
    'to-underlay pass',
  ]);
  const there = await doubts([closed]).addTo(arrival);
  t.deepEqual(told(there), ['from-underlay pass', 'to-pod pass', 'to-pod doubt forward-policy-drop']);
  t.regex(there.steps.at(-1)!.text, /drops pods' packets: .*policy drop, and no rule accepts packets of wf\*$/);
  t.regex(firewallRemark(there), /^a firewall of n1 may drop it/);
});

test('what is forwarded to no pod is not subject to what is forwarded, but to all else', async (t) => {
  t.deepEqual(await doubts([closed]).addTo(toNode), toNode);
  t.is(told(await doubts([againstVxlan]).addTo(toNode)).at(-1), 'to-pod doubt firewall-drops');
});

test('without such rules, and where nobody can look, nothing is added', async (t) => {
  t.deepEqual(await doubts([]).addTo(departure), departure);
  t.is(firewallRemark(departure), '');
  const blind = new FirewallDoubts('n1', async () => Promise.reject(new WeftError('program-missing', 'no nft')));
  t.deepEqual(await blind.addTo(departure), departure);
});

test('several explanations at one time cost one look', async (t) => {
  let looks = 0;
  const shared = new FirewallDoubts('n1', async () => {
    looks += 1;
    return Promise.resolve(factsWith().host);
  });
  await Promise.all([shared.addTo(departure), shared.addTo(arrival)]);
  t.is(looks, 1);
  await shared.addTo(departure);
  t.is(looks, 2);
});
