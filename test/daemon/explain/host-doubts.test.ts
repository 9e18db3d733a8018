import test from 'ava';
import { HostDoubts, hostRemark } from '../../../src/daemon/explain/host-doubts.ts';
import type { HostFacts } from '../../../src/doctor/facts.ts';
import { WeftError } from '../../../src/errors.ts';
import type { ExplainedStep, Stage } from '../../../src/explain/explanation.ts';
import { factsWith, firewallOf } from '../../support/doctor-facts.ts';

const step = (hook: string, details: ExplainedStep['details'] = {}): ExplainedStep => {
  return { hook, verdict: 'pass', text: hook, details };
};
const stage = (...steps: readonly ExplainedStep[]): Stage => {
  return { node: 'n1', steps, fate: null, reason: '', next: null };
};
const departure = stage(step('from-pod', { pod: 'web' }), step('route'), step('to-underlay'));
const arrival = stage(step('from-underlay'), step('to-pod', { pod: 'web' }));
const toNode = stage(step('from-underlay'), step('to-pod'));

const closed = firewallOf(':FORWARD DROP');
const againstVxlan = firewallOf('-A INPUT -p udp -m udp --dport 4789 -j DROP');
const open = firewallOf();

function doubts(firewall: HostFacts['firewall'], wrong: readonly string[] = []): HostDoubts {
  return new HostDoubts({
    nodeName: 'n1',
    readHost: async () => Promise.resolve(factsWith({ host: { firewall } }).host),
    wrongSysctls: () => wrong.map((title) => ({ title, wanted: '1', found: '0' })),
  });
}

function told({ steps }: Stage): string[] {
  return steps.map(({ hook, verdict, details }) => [hook, verdict, details['finding']].join(' ').trim());
}

test('a firewall is told after the pod that sends, and before the one that receives', async (t) => {
  t.deepEqual(told(await doubts(closed).addTo(departure, 4)), [
    'from-pod pass',
    'from-pod doubt forward-policy-drop',
    'route pass',
    'to-underlay pass',
  ]);
  const there = await doubts(closed).addTo(arrival, 4);
  t.deepEqual(told(there), ['from-underlay pass', 'to-pod pass', 'to-pod doubt forward-policy-drop']);
  t.regex(
    there.steps.at(-1)!.text,
    /drops pods' packets: .*policy drop, and no rule accepts packets from pods to other nodes/,
  );
  t.regex(hostRemark(there), /^the kernel of n1 may drop it/);
});

test('what is forwarded to no pod is not subject to what is forwarded, but to all else', async (t) => {
  t.deepEqual(await doubts(closed).addTo(toNode, 4), toNode);
  t.is(told(await doubts(againstVxlan).addTo(toNode, 4)).at(-1), 'to-pod doubt firewall-drops');
});

test('without such rules, and where nobody can look, nothing is added', async (t) => {
  t.deepEqual(await doubts(open).addTo(departure, 4), departure);
  t.is(hostRemark(departure), '');
  const blind = new HostDoubts({
    nodeName: 'n1',
    readHost: async () => Promise.reject(new WeftError('program-missing', 'no nft')),
    wrongSysctls: () => [],
  });
  t.deepEqual(await blind.addTo(departure, 4), departure);
});

test('several explanations at one time cost one look', async (t) => {
  let looks = 0;
  const shared = new HostDoubts({
    nodeName: 'n1',
    readHost: async () => {
      looks += 1;
      return Promise.resolve(factsWith().host);
    },
    wrongSysctls: () => [],
  });
  await Promise.all([shared.addTo(departure, 4), shared.addTo(arrival, 4)]);
  t.is(looks, 1);
  await shared.addTo(departure, 4);
  t.is(looks, 2);
});

test('a kernel that does not forward is told of packets to which that happens', async (t) => {
  const off = doubts(open, ['net.ipv4.ip_forward']);
  t.true(told(await off.addTo(departure, 4)).includes('from-pod doubt ip-forward-off'));
  t.is(told(await off.addTo(arrival, 4)).at(-1), 'to-pod doubt ip-forward-off');
  t.deepEqual(await off.addTo(arrival, 6), arrival);
  t.deepEqual(await off.addTo(toNode, 4), toNode);
});

test('strict reverse path filtering is told of what comes in; what is about errors alone, of nothing', async (t) => {
  const strict = doubts(open, ['net.ipv4.conf.weft0.rp_filter', 'net.ipv4.conf.weft0.accept_local']);
  t.deepEqual(await strict.addTo(departure, 4), departure);
  t.is(told(await strict.addTo(toNode, 4)).at(-1), 'to-pod doubt rp-filter-strict');
});
