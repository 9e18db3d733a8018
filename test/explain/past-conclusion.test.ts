import test from 'ava';
import type { PastNode, SeenPackets } from '../../src/explain/explanation.ts';
import { concludePast } from '../../src/explain/past-conclusion.ts';

const FROM = '2026-01-03T04:04:30.000Z';
const past = (
  node: string,
  ...seen: readonly (readonly [way: 'there' | 'back', hook: string, packets: number, reason?: string, rule?: string])[]
): PastNode => ({
  node,
  error: '',
  packetsSince: '2026-01-03T03:59:00.000Z',
  dropsSince: '2026-01-03T00:00:00.000Z',
  seen: seen.map(([way, hook, packets, reason = '', rule = '']): SeenPackets => ({
    way,
    hook,
    packets,
    reason,
    direction: rule === '' ? '' : 'ingress',
    rule,
    peer: '',
    first: FROM,
    last: FROM,
  })),
  events: [],
});
const sent = past('n1', ['there', 'to-underlay', 3]);
const got = past('n3', ['there', 'to-pod', 3]);
const blind: PastNode = { ...past('n3'), packetsSince: '' };

for (const [name, nodes, conclusion] of [
  [
    'all came back',
    [
      past('n1', ['there', 'to-underlay', 3], ['back', 'to-pod', 3]),
      past('n3', ['there', 'to-pod', 3], ['back', 'to-underlay', 3]),
    ],
    '3 there, 3 back',
  ],
  [
    'some came back',
    [past('n1', ['there', 'to-underlay', 3], ['back', 'to-pod', 1]), got],
    '3 there, 1 back: 2 were not answered, or got lost',
  ],
  ['none was answered', [sent, got], '3 there, nothing back: lost beyond n3'],
  ['none arrived', [sent, past('n3')], '3 there, nothing back: lost between n1 and n3'],
  [
    'answers were lost',
    [sent, past('n3', ['there', 'to-pod', 3], ['back', 'to-underlay', 3])],
    '3 there, nothing back: 3 answered, lost between n3 and n1',
  ],
  [
    'weft dropped them',
    [past('n1', ['there', 'drop', 12, 'no-route']), past('n3')],
    '12 there, 0 back: 12 there dropped at n1 as no-route',
  ],
  [
    'a policy denied them',
    [
      sent,
      past(
        'n3',
        ['there', 'to-pod', 3],
        ['there', 'drop', 2, 'policy-denied', 'isolated by shop/web, no rule matches'],
      ),
    ],
    '3 there, 0 back: at least 2 there dropped at n3 as policy-denied: ingress, isolated by shop/web, no rule matches',
  ],
  ['nobody sent any', [past('n1'), past('n3')], 'no packet between the two was recorded'],
  ['nobody recorded', [past('n1'), blind], 'what became of packets is not known: no flight recorder runs at n3'],
  ['the other end did not record', [sent, blind], '3 there, nothing back: what n3 had of them is not known'],
] as const) {
  test(`if ${name}, that is concluded`, (t) => t.is(concludePast(nodes, FROM), conclusion));
}
