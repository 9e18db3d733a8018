import test from 'ava';
import { kernelSightings, needsRules } from '../../../src/daemon/probes/kernel-sightings.ts';
import { type NftDocument, parseNftRuleset } from '../../../src/firewall/nft-ruleset.ts';
import type { NftTraceEvent } from '../../../src/linux/nft-trace-message.ts';

const guard = { family: 'inet', table: 'guard' };
const document: NftDocument = {
  nftables: [
    { chain: { ...guard, name: 'b', hook: 'forward', prio: 0, policy: 'accept' } },
    { chain: { ...guard, name: 'last' } },
    { chain: { ...guard, name: 'closed', hook: 'input', prio: 0, policy: 'drop' } },
    { rule: { ...guard, chain: 'b', handle: 4, expr: [{ jump: { target: 'last' } }] } },
    { rule: { ...guard, chain: 'last', handle: 5, expr: [{ reject: { type: 'icmpx', expr: 'admin-prohibited' } }] } },
  ],
};
const listing =
  'table inet guard {\n\tchain b {\n\t\tjump last # handle 4\n\t}\n\tchain last {\n\t\treject # handle 5\n\t}\n}\n';
const ruleset = parseNftRuleset(document, listing);

const headers = new Uint8Array(40);
const usual: NftTraceEvent = {
  id: 1,
  table: 'inet weft-trace',
  chain: '',
  type: 'rule',
  handle: 1,
  verdict: 'continue',
  target: '',
  headers: new Uint8Array(),
};
const marked = (chain: string, id = 1): NftTraceEvent[] => [
  { ...usual, id, chain, headers },
  { ...usual, id, chain: 'prerouting', type: 'policy', verdict: 'accept' },
];
const came = (hook: string): NftTraceEvent => ({ ...usual, chain: hook, type: 'policy', verdict: 'accept', headers });
const inGuard = (event: Partial<NftTraceEvent>): NftTraceEvent => ({ ...usual, table: 'inet guard', ...event });

test('each hook tells how it ended, with the rule and the jumps that led there', (t) => {
  const events = [
    ...marked('t7-inner-probe-2'),
    came('forward'),
    inGuard({ chain: 'b', handle: 4, verdict: 'jump', target: 'last', headers }),
    inGuard({ chain: 'last', handle: 5, verdict: 'drop' }),
  ];
  t.deepEqual(kernelSightings(7, events, ruleset), [
    { number: 2, role: 'probe', hook: 'prerouting', verdict: 'accept', says: '' },
    {
      number: 2,
      role: 'probe',
      hook: 'forward',
      verdict: 'reject',
      says: 'nftables chain inet guard last has "reject" (reached by "jump last" in b)',
    },
  ]);
});

test('a policy ends a packet, and chains that let it pass are counted', (t) => {
  const passed = [
    ...marked('t7-outer-answer-1'),
    came('input'),
    inGuard({ chain: 'closed', type: 'policy', verdict: 'drop', headers }),
  ];
  t.like(kernelSightings(7, passed, ruleset)[1], {
    role: 'answer',
    hook: 'outer-input',
    verdict: 'drop',
    says: 'nftables chain inet guard closed: policy drop',
  });
  const let1 = [
    ...marked('t7-inner-probe-1'),
    came('forward'),
    inGuard({ chain: 'b', type: 'policy', verdict: 'accept', headers }),
  ];
  t.like(kernelSightings(7, let1, ruleset)[1], { verdict: 'accept', says: '1 chain let it pass' });
});

test('packets of other traces, and those that somebody else traces, are nothing to this one', (t) => {
  const others = [
    inGuard({ id: 9, chain: 'b', handle: 4, verdict: 'drop', headers }),
    ...marked('t8-inner-probe-1'),
    inGuard({ chain: 'b', handle: 4, verdict: 'drop', headers }),
  ];
  t.deepEqual(kernelSightings(7, others, ruleset), []);
  t.true(needsRules(others));
  t.false(needsRules(marked('t7-inner-probe-1')));
});

test('a rule that is gone by now is told by its number', (t) => {
  const events = [...marked('t7-inner-probe-1'), inGuard({ chain: 'b', handle: 99, verdict: 'drop', headers })];
  t.like(kernelSightings(7, events, ruleset)[1], {
    verdict: 'drop',
    says: 'nftables chain inet guard b has "rule 99"',
  });
});
