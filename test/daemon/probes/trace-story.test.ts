import test from 'ava';
import type { KernelSighting, Sighting, TracedNode } from '../../../src/api/trace-api.ts';
import { tellProbe, type TraceSetting } from '../../../src/daemon/probes/trace-story.ts';

const START_NS = 1_790_000_000_000_000_000n;
const clockOf = { n1: 0, n2: 5_000_000, n3: -2_000_000 } as const;
type Node = keyof typeof clockOf;

const nodes = Object.entries(clockOf).map(([node, clockOffsetNs]): TracedNode => ({
  node,
  clockOffsetNs,
  clockUncertaintyNs: node === 'n1' ? 0 : 50_000,
  lost: 0,
  problem: '',
  kernelProblem: '',
}));
const setting: TraceSetting = { sourceNode: 'n1', destinationNode: 'n3', nodes };

/** `n1 from-pod` as n1 saw it, so many µs after the start by the true time. */
type Line = readonly [node: Node, hook: string, us: number, more?: Partial<Sighting>];

function seenBy(lines: readonly Line[]): Map<string, Sighting[]> {
  const seen = new Map<string, Sighting[]>();
  for (const [node, hook, us, more] of lines) {
    const timeNs = String(START_NS + BigInt(us * 1_000) + BigInt(clockOf[node]));
    const sighting: Sighting = {
      number: 1,
      hook,
      role: 'probe',
      id: 'a',
      timeNs,
      lengthBytes: 84,
      peer: '',
      relay: '',
      from: '',
      to: '',
      reason: '',
      says: '',
      ...more,
    };
    seen.set(node, [...(seen.get(node) ?? []), sighting]);
  }
  return seen;
}

const left: readonly Line[] = [
  ['n1', 'from-pod', 0],
  ['n1', 'route', 5],
  ['n1', 'encapsulate', 10],
  // The kernel was slow to return: the packet had arrived by then.
  ['n1', 'to-underlay', 90, { peer: 'n3', to: '198.18.0.3:4789' }],
];
const arrived: readonly Line[] = [
  ['n3', 'from-underlay', 60],
  ['n3', 'decapsulate', 65],
  ['n3', 'to-pod', 70],
];
const answer = { role: 'answer', id: 'b' } as const;
const answered: readonly Line[] = [
  ['n3', 'from-pod', 100, answer],
  ['n3', 'to-underlay', 110, { ...answer, peer: 'n1' }],
  ['n1', 'from-underlay', 150, answer],
  ['n1', 'to-pod', 160, answer],
];

const told = (lines: readonly Line[], of = setting) => tellProbe(1, seenBy(lines), of);
const orderOf = (lines: readonly Line[]) => told(lines).steps.map(({ node, hook }) => `${node} ${hook}`);

test('steps are in the order of the way there and back, whatever clocks say', (t) => {
  const lines = [...answered, ...arrived, ...left];
  t.deepEqual(orderOf(lines), [
    'n1 from-pod',
    'n1 route',
    'n1 encapsulate',
    'n1 to-underlay',
    'n3 from-underlay',
    'n3 decapsulate',
    'n3 to-pod',
    'n3 from-pod',
    'n3 to-underlay',
    'n1 from-underlay',
    'n1 to-pod',
  ]);
});

test('times are corrected by how much a clock is ahead, and say how far that may be off', (t) => {
  const { steps, roundTripMs } = told([...left, ...arrived, ...answered]);
  t.deepEqual(
    steps.map(({ timeMs }) => Math.round(timeMs! * 1_000)),
    [0, 5, 10, 90, 60, 65, 70, 100, 110, 150, 160],
  );
  t.deepEqual(
    new Set(steps.map(({ node, uncertaintyMs }) => `${node} ${uncertaintyMs}`)),
    new Set(['n1 0', 'n3 0.05']),
  );
  t.is(roundTripMs, 0.16);
});

test('an offset that is wrong moves the times of that node, and never the order', (t) => {
  const wrong = nodes.map((one) => (one.node === 'n3' ? { ...one, clockOffsetNs: one.clockOffsetNs + 1e9 } : one));
  const { steps } = told([...left, ...arrived, ...answered], { ...setting, nodes: wrong });
  t.deepEqual(steps.map(({ node }) => node).join(' '), 'n1 n1 n1 n1 n3 n3 n3 n3 n3 n1 n1');
  t.is(Math.round(steps[4]!.timeMs!), -1_000);
});

test('a relay is between the ends', (t) => {
  const relayed: readonly Line[] = [
    ['n2', 'from-underlay', 30],
    ['n2', 'relay', 40],
    ['n2', 'from-underlay', 130, answer],
    ['n2', 'relay', 140, answer],
  ];
  const order = orderOf([...relayed, ...left, ...arrived, ...answered]);
  t.deepEqual(order.slice(3, 7), ['n1 to-underlay', 'n2 from-underlay', 'n2 relay', 'n3 from-underlay']);
  t.deepEqual(order.slice(9, 13), ['n3 from-pod', 'n3 to-underlay', 'n2 from-underlay', 'n2 relay']);
});

test('other probes of the trace are told apart', (t) => {
  const other = arrived.map(([node, hook, us]): Line => [node, hook, us, { number: 2 }]);
  t.is(told([...left, ...other]).steps.length, left.length);
});

const error = { role: 'error', says: '10.244.3.1 says: nobody there has this address' } as const;
const unreachable = nodes.map((one) => (one.node === 'n3' ? { ...one, problem: 'no answer within 5 s' } : one));

const ends = test.macro<[readonly Line[], string, RegExp, TraceSetting?]>({
  exec: (t, lines, fate, text, of) => {
    const probe = told(lines, of);
    t.is(probe.fate, fate as never);
    t.regex(probe.text, text);
  },
  title: (name) => `told is ${name}`,
});

test('that it was answered', ends, [...left, ...arrived, ...answered], 'answered', /^Answered\.$/);
test(
  'what an answer says',
  ends,
  [...left, ['n1', 'to-pod', 160, { ...answer, says: 'RST: nobody listens at that port' }]],
  'answered',
  /^Answered\. RST: nobody/,
);
test(
  'where and why it was dropped',
  ends,
  [...left, ['n3', 'from-underlay', 60], ['n3', 'drop', 61, { reason: 'forged-source' }]],
  'dropped',
  /^It was dropped at n3: forged-source, .*"weft explain drop forged-source"/,
);
test(
  'that the answer was dropped',
  ends,
  [...left, ...arrived, ['n3', 'from-pod', 100, answer], ['n3', 'drop', 101, { ...answer, reason: 'no-route' }]],
  'dropped',
  /^The answer was dropped at n3: no-route/,
);
test(
  'that it got lost on the underlay',
  ends,
  left,
  'lost',
  /left n1 for n3 \(198\.18\.0\.3:4789\).*lost on the underlay/,
);
test('that nobody could listen where it went', ends, left, 'lost', /nobody could listen: no answer within 5 s/, {
  ...setting,
  nodes: unreachable,
});
test(
  'that the answer got lost',
  ends,
  [...left, ...arrived, ...answered.slice(0, 2)],
  'lost',
  /^The answer got lost\. .*n3 for n1/,
);
test('that nobody answered', ends, [...left, ...arrived], 'delivered', /n3 handed it to its kernel/);
test(
  'that it was refused at its end',
  ends,
  [...left, ...arrived, ['n1', 'to-pod', 100, error]],
  'refused',
  /^It arrived, and was refused: 10\.244\.3\.1 says/,
);
test(
  'that it was refused on its way',
  ends,
  [
    ['n1', 'from-pod', 0],
    ['n1', 'to-pod', 9, error],
  ],
  'refused',
  /^It did not arrive/,
);
test('that it never came to weft', ends, [], 'unseen', /kernel of n1 did not route it/);

const kernelOf = (...lines: readonly (readonly [Node, string, Partial<KernelSighting>?])[]) => {
  const kernel = new Map<string, KernelSighting[]>();
  for (const [node, hook, more] of lines) {
    const one: KernelSighting = { number: 1, role: 'probe', hook, verdict: 'accept', says: '', ...more };
    kernel.set(node, [...(kernel.get(node) ?? []), one]);
  }
  return { kernel, refused: '' };
};

test('hooks of the kernel have their place by the way', (t) => {
  const kernel = kernelOf(
    ['n3', 'outer-input'],
    ['n3', 'prerouting'],
    ['n3', 'postrouting'],
    ['n1', 'prerouting'],
    ['n1', 'outer-output'],
  );
  const { steps } = tellProbe(1, seenBy([...left, ...arrived]), setting, kernel);
  t.deepEqual(
    steps.map(({ node, hook }) => `${node} ${hook}`),
    [
      'n1 prerouting',
      'n1 from-pod',
      'n1 route',
      'n1 encapsulate',
      'n1 outer-output',
      'n1 to-underlay',
      'n3 outer-input',
      'n3 from-underlay',
      'n3 decapsulate',
      'n3 to-pod',
      'n3 prerouting',
      'n3 postrouting',
    ],
  );
  t.true(steps.filter(({ verdict }) => verdict !== '').every(({ timeMs }) => timeMs === null));
});

test('a rule of the kernel that ends it is the end of the story', (t) => {
  const kernel = kernelOf(['n3', 'outer-input', { verdict: 'drop', says: 'nftables chain inet g i has "drop"' }]);
  const { fate, text } = tellProbe(1, seenBy(left), setting, kernel);
  t.is(fate, 'dropped');
  t.is(text, 'It was dropped at n3 by a firewall, in hook outer-input: nftables chain inet g i has "drop".');
});

test('what a kernel takes in and does not pass on is lost in its routing', (t) => {
  const { fate, text } = tellProbe(1, seenBy([...left, ...arrived]), setting, kernelOf(['n3', 'prerouting']));
  t.is(fate, 'lost');
  t.regex(text, /^The kernel of n3 took it in, and neither kept it nor passed it on/);
});

test('what the kernel of the source does not even send is not sent', (t) => {
  const { fate, text } = tellProbe(1, new Map(), setting, {
    kernel: new Map(),
    refused: 'it has no route to there (ENETUNREACH)',
  });
  t.is(fate, 'unseen');
  t.regex(text, /^It was not sent: .*ENETUNREACH/);
});

test('between pods of one node the kernel says whether it was answered', (t) => {
  const alone = { ...setting, destinationNode: 'n1' };
  const back = { role: 'answer' } as const;
  const both = kernelOf(
    ['n1', 'prerouting'],
    ['n1', 'postrouting'],
    ['n1', 'prerouting', back],
    ['n1', 'postrouting', back],
  );
  t.is(tellProbe(1, new Map(), alone, both).fate, 'answered');
  t.is(tellProbe(1, new Map(), alone, kernelOf(['n1', 'prerouting'], ['n1', 'postrouting'])).fate, 'delivered');
  t.is(tellProbe(1, new Map(), alone).fate, 'local');
});
