import test from 'ava';
import { formatExplanation, isGood } from '../../src/cli/explain-view.ts';
import { formatFlows } from '../../src/cli/flows.ts';
import type { Explanation, Fate } from '../../src/explain/explanation.ts';
import { fixedExplanation, fixedFlows } from '../support/fixed-explanation.ts';

const terminal = { widthColumns: 100, colour: false };

test('an explanation says what becomes of the packet, why, and what to do', (t) => {
  t.is(
    formatExplanation(fixedExplanation, terminal),
    `tcp packet of 60 bytes from 10.244.1.2 port 40000 (n1/web) to 10.244.2.1 port 80 (n2)
DROPPED: n1 drops it as no-route
note: n2 is dead: its own address stands for that of its pod db

on n1
  ok    from-pod       10.244.1.2 is pod web, which is running
  STOP  route          dropped as no-route: no node has announced a prefix that covers the
                       destination

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
  unknown: 'UNKNOWN: the node that it comes from could not be asked',
} satisfies Partial<Record<Fate, string>>)) {
  test(`a packet that is ${fate} is said to be so`, (t) => {
    const nodes: Explanation['nodes'] = [
      { node: 'n1', steps: [] },
      { node: 'n2', steps: [] },
    ];
    const text = formatExplanation({ ...fixedExplanation, fate: fate as Fate, nodes, around: null }, terminal);
    t.is(text.split('\n')[1], words);
  });
}

test('only a packet that gets there, as far as anybody knows, is good', (t) => {
  const fates: readonly Fate[] = ['delivered', 'sent', 'dropped', 'lost', 'unreachable', 'outside', 'unknown'];
  t.deepEqual(fates.filter(isGood), ['delivered', 'sent', 'outside']);
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
    /\n04:04:59 +sent +tcp +10\.244\.1\.2:40000 +10\.244\.2\.2:5201 +3120 +4517760 +10\.244\.2\.0\/24 +n2\n/,
  );
  t.regex(text, /\n04:04:32 +dropped +icmp +10\.244\.1\.2 +10\.244\.9\.9 +3 +252 +- +-\n +no-route\n/);
  t.regex(text, /\n4 more flows are not shown: raise --limit\nrecorded: packets since 2026-01-03 03:59:00 UTC/);
  t.regex(text, /\non n3\nno answer within 5 s\n$/);
});
