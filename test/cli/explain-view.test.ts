import test from 'ava';
import { formatExplanation, isGood } from '../../src/cli/explain-view.ts';
import { formatFlows } from '../../src/cli/flows.ts';
import { type ExplainedWay, type Explanation, type Fate, fates } from '../../src/explain/explanation.ts';
import { fixedExplanation, fixedFlows } from '../support/fixed-explanation.ts';

const terminal = { widthColumns: 100, colour: false };

test('an explanation says what becomes of the packet, why, and what to do', (t) => {
  t.is(
    formatExplanation(fixedExplanation, terminal),
    `tcp packet of 60 bytes from 10.244.1.2 port 40000 (n1/web) to 10.244.2.1 port 80 (n2)
THEN: 12 there, 0 back: 12 there dropped at n1 as no-route
now DROPPED: n1 drops it as no-route
note: n2 is dead: its own address stands for that of its pod db

on n1
  ok    from-pod       10.244.1.2 is pod web, which is running
  STOP  route          dropped as no-route: no node has announced a prefix that covers the
                       destination; the sender was told that there is no route

likely cause  the destination node is down or has not joined yet, or nobody has that address
what to do    look for the prefix in: weft routes; for the node in: weft peers

recorded from 2026-01-03 04:04:30.000 to 2026-01-03 04:05:30.000 UTC

on n1
  the flight recorder has packets since 03:59:00.000, and drops since 00:00:00.000
  there  drop no-route  12 packets    04:05:00.100 to 04:05:12.100
  what changed:
  04:05:00.000  n2 is dead: it has not refuted the suspicion in time
`,
  );
});

for (const [fate, words] of Object.entries({
  delivered: 'DELIVERED: n2 itself gets it',
  sent: 'SENT: it leaves n1; what becomes of it then is not known here',
  lost: 'LOST: it leaves n1, and gets lost on the underlay, on its way to n2',
  unreachable: 'UNREACHABLE: it gets to n2, but nobody there has the address',
  outside: 'OUTSIDE: it is not for the overlay',
  unknown: 'UNKNOWN: weft0 is down at n1',
  blocked: 'BLOCKED: weft0 is down at n1',
  diverted: 'DIVERTED: weft0 is down at n1',
} satisfies Partial<Record<Fate, string>>)) {
  test(`a packet that is ${fate} is said to be so`, (t) => {
    const nodes: Explanation['nodes'] = [
      { node: 'n1', steps: [] },
      { node: 'n2', steps: [] },
    ];
    const decision = { node: 'n1', hook: 'kernel', text: 'weft0 is down at n1' };
    const explanation = { ...fixedExplanation, fate: fate as Fate, nodes, decision, around: null };
    t.is(formatExplanation(explanation, terminal).split('\n')[1], words);
  });
}

test('only a packet that gets there, as far as anybody knows, is good', (t) => {
  t.deepEqual(fates.filter(isGood), ['delivered', 'sent', 'outside']);
});

const answered: Explanation = {
  ...fixedExplanation,
  fate: 'delivered',
  reason: '',
  cause: '',
  remedy: '',
  decision: null,
  remarks: [],
  nodes: ['n1', 'n2'].map((node) => ({ node, steps: [] })),
  there: { fate: 'delivered', reason: '', decision: null },
  around: null,
};
const back = (fate: Fate, text: string, ...names: readonly string[]): ExplainedWay => ({
  fate,
  reason: '',
  decision: text === '' ? null : { node: names.at(-1)!, hook: 'kernel', text },
  nodes: names.map((node) => ({
    node,
    steps: [{ hook: 'kernel', verdict: 'pass', text: 'out by eth0', details: {} }],
  })),
});
/** Without the line about the packet. */
const shown = (explanation: Explanation): string[] =>
  formatExplanation(explanation, terminal).trim().split('\n').slice(1);

test('an answer that comes back by the same way takes three words', (t) => {
  t.deepEqual(shown({ ...answered, back: back('delivered', '', 'n2', 'n1') }), [
    'DELIVERED: n2 itself gets it, and its answer comes back',
    '',
    'on n1',
    '',
    'on n2',
  ]);
});

test('an answer that goes another way is followed there', (t) => {
  const lines = shown({ ...answered, back: back('delivered', '', 'n2', 'n3', 'n1') });
  t.deepEqual(
    lines.filter((line) => line.startsWith('on the way back')),
    ['on the way back, on n2', 'on the way back, on n3', 'on the way back, on n1'],
  );
});

test('an answer that does not come back is the headline, with the steps of its way', (t) => {
  const blocked = back('blocked', 'weft0 is down at n2', 'n2');
  const lines = shown({ ...answered, fate: 'blocked', way: 'back', decision: blocked.decision, back: blocked });
  t.is(lines[0], 'BLOCKED on the way back: weft0 is down at n2');
  t.deepEqual(lines.slice(-2), ['on the way back, on n2', '  ok    kernel         out by eth0']);
});

test('where the packet does not get there, one line says how its answer would fare', (t) => {
  const lost = { ...answered, fate: 'blocked', there: { fate: 'blocked', reason: '', decision: null } } as const;
  t.is(shown({ ...lost, back: back('delivered', '', 'n2', 'n1') }).at(-1), 'the way back is open: n2 to n1');
  const line = shown({ ...lost, back: back('blocked', 'weft0 is down at n2', 'n2') }).at(-1);
  t.is(line, 'the way back (n2) would be blocked: weft0 is down at n2');
});

test('of packets that policies denied, the rule stands below them', (t) => {
  const [node] = fixedExplanation.around!.nodes;
  const denied = {
    reason: 'policy-denied',
    direction: 'ingress',
    rule: 'isolated by shop/web, no rule matches',
  } as const;
  const seen = [{ ...node!.seen[0]!, ...denied }];
  const around = { ...fixedExplanation.around!, nodes: [{ ...node!, seen }] };
  t.regex(
    formatExplanation({ ...fixedExplanation, around }, terminal),
    /^ {2}there {2}drop policy-denied .*\n {9}ingress, isolated by shop\/web, no rule matches$/m,
  );
});

test('without a flight recorder nobody is told that no packet was seen', (t) => {
  const [node] = fixedExplanation.around!.nodes;
  const around = { ...fixedExplanation.around!, nodes: [{ ...node!, packetsSince: '', dropsSince: '', seen: [] }] };
  const text = formatExplanation({ ...fixedExplanation, around }, terminal);
  t.true(text.includes('no flight recorder runs here'));
  t.false(text.includes('no packet between the two'));
});

test('flows are a table for each node, and who could not be asked is there with the reason', (t) => {
  const text = formatFlows(fixedFlows, { ...terminal, widthColumns: 120 });
  t.regex(text, /^on n1\nLAST +VERDICT/);
  t.regex(
    text,
    /\n04:04:59 +sent +tcp +10\.244\.1\.2:40000 \(n1\/web\) +10\.244\.2\.2:5201 \(n2\/db\) +3120 +4517760 +10\.244\.2\.0\/24 +n2\n/,
  );
  t.regex(text, /\n04:04:32 +dropped +icmp +10\.244\.1\.2 \(n1\/web\) +10\.244\.9\.9 +3 +252 +- +-\n +no-route\n/);
  t.regex(text, /\n4 more flows are not shown: raise --limit\nrecorded: packets since 2026-01-03 03:59:00 UTC/);
  t.regex(text, /\non n3\nno answer within 5 s\n$/);
});
