import test from 'ava';
import { parseDuration } from '../../src/cli/duration.ts';
import { formatMatrix, isWhole } from '../../src/cli/matrix-view.ts';
import {
  formatHead,
  formatIntroduction,
  formatRound,
  formatSummary,
  isReached,
  summarize,
} from '../../src/cli/ping-view.ts';
import type { Terminal } from '../../src/terminal/terminal.ts';
import { formatTrace } from '../../src/cli/trace-view.ts';
import type { Matrix } from '../../src/api/matrix-api.ts';
import type { PingedWay, PingRound } from '../../src/api/ping-api.ts';
import { fixedMatrix, fixedPing, fixedTrace } from '../support/fixed-probes.ts';

const terminal: Terminal = { widthColumns: 80, colour: false };
const pipe: Terminal = { widthColumns: undefined, colour: false };

function ping(to: Terminal): string {
  const { target, ways } = fixedPing;
  return [
    formatIntroduction(fixedPing, to),
    formatHead(ways, to),
    formatRound(1, ways, [], to),
    formatSummary(target, summarize([fixedPing]), to),
  ].join('');
}

/** Ten nodes with thirty pods each, of which one does not answer. */
function largeMatrix(): Matrix {
  const nodes = Array.from({ length: 10 }, (_, index) => `node-${index + 1}`);
  const pods = nodes.flatMap((node) => Array.from({ length: 30 }, (_, index) => `${node}/web-${index}`));
  const whole = { sent: 3, lost: 0, minMs: 0.2, meanMs: 0.31, problem: '' };
  const rows = nodes.map((from) => ({
    from,
    nodes: nodes.filter((node) => node !== from).map((node) => ({ node, relay: '', ...whole })),
    pods: pods.map((pod, index) => {
      const answers = pod === 'node-4/web-7' ? { ...whole, lost: 3, minMs: null, meanMs: null } : whole;
      return { pod, address: `10.244.${Math.floor(index / 30) + 1}.${(index % 30) + 2}`, ...answers };
    }),
    settling: [],
  }));
  return { count: 3, nodes, pods, rows, silent: [], asked: 3_090, lossy: 10 };
}

const views: Readonly<Record<string, (to: Terminal) => string>> = {
  ping,
  matrix: (to) => formatMatrix(fixedMatrix, to),
  'large matrix': (to) => formatMatrix(largeMatrix(), to),
  trace: (to) => formatTrace(fixedTrace, to),
};

for (const [name, view] of Object.entries(views)) {
  test(`the ${name} fits a terminal of 80 columns`, (t) => {
    t.deepEqual(
      view(terminal)
        .split('\n')
        .filter((line) => line.length > 80),
      [],
    );
  });

  test(`the ${name} has neither colours nor lines of box characters in a pipe`, (t) => {
    t.regex(view(pipe), /^[\n\u0020-\u007e]*$/);
  });
}

test('a ping reads like this', (t) => {
  t.is(
    ping(terminal),
    `n2 is a node. One probe a line over each way:
  underlay   ICMP to 198.18.0.2, from machine to machine, beside the tunnel
  data port  UDP to 198.18.0.2:4789, through the tunnel, answered by weft on n2

        UNDERLAY   DATA PORT
   1     0.21 ms        lost

WAY        SENT  LOST    LEAST     MEAN     MOST
underlay      1    0%  0.21 ms  0.21 ms  0.21 ms
data port     1  100%        -        -        -

The machine of n2 answers, but nothing comes back through the tunnel: is UDP to
198.18.0.2:4789 blocked? See "weft doctor".
`,
  );
});

test('a matrix reads like this', (t) => {
  t.is(
    formatMatrix(fixedMatrix, terminal),
    `2 nodes, 1 pod. The node of a row asked that of the column, 3 times.

Data ports: mean round trip in ms through the tunnel, from weft to weft
DATA PORT    n1    n2
n1            -  0.31
n2         0.30     -

Pods: addresses that answered each time, of all there; mean round trip in ms
PODS AT        n2
n1       0/1 0.42
n2       1/1 0.05

Losses
n2/web, 10.244.2.2: 1 of 3 lost, asked from n1

n3 could not be asked: cannot reach n3

Still settling: n1 has just met n2. What was lost may come of that: ask again in
some seconds.

3 of 4 answered each time, but 1 node could not be asked.
`,
  );
  t.false(isWhole(fixedMatrix));
  t.true(isWhole({ ...fixedMatrix, lossy: 0, silent: [] }));
  t.regex(
    formatMatrix({ ...fixedMatrix, lossy: 0 }, terminal),
    /^All 4 answered each time, but 1 node could not be asked\.$/m,
  );
  t.regex(formatMatrix({ ...fixedMatrix, lossy: 0, silent: [] }, terminal), /^All 4 answered each time\.$/m);
});

test('a trace reads like this', (t) => {
  t.is(
    formatTrace(fixedTrace, pipe),
    `n1/web (10.244.1.2) to n2/db (10.244.2.2): ICMP echo request, 84 bytes
times by the clock of n1; corrected: n2 1.250 ms behind, +/-0.085 ms

There
NODE  HOOK              MS             STEP  WHAT
n1    from-pod       0.000                -  84 bytes, from the TUN device
n1    route          0.013           +0.013  allowed; the way to n2
n1    encapsulate    0.018           +0.005  VXLAN to n2, 198.18.0.1:54177 > 198.18.0.2:4789
n1    to-underlay    0.035           +0.017  sent: the kernel took it
n2    from-underlay  0.091  +0.056 +/-0.085  VXLAN from n1, 198.18.0.1:54177 > 198.18.0.2:4789
n2    drop           0.097           +0.006  dropped: forged-source

It was dropped at n2: forged-source.
`,
  );
});

const way = (change: Partial<PingedWay>): PingedWay => ({
  way: 'data-port',
  to: '198.18.0.2:4789',
  roundTripMs: 0.3,
  problem: '',
  ...change,
});
const port = way({});
const lostPort = way({ roundTripMs: null });
const underlay = way({ way: 'underlay', to: '198.18.0.2' });
const lostUnderlay = way({ way: 'underlay', to: '198.18.0.2', roundTripMs: null });
const relay = way({ way: 'relay', to: 'n3' });
const pod = way({ way: 'overlay', to: '10.244.2.2' });
const lostPod = way({ way: 'overlay', to: '10.244.2.2', roundTripMs: null });
const lostPod6 = way({ way: 'overlay', to: 'fd00::2', roundTripMs: null });
const node = { kind: 'node', label: 'n2', node: 'n2', remark: '' } as const;
const web = { kind: 'pod', label: 'n2/web', node: 'n2', remark: '' } as const;

const concludes = test.macro<[PingRound['target'], readonly (readonly PingedWay[])[], RegExp, boolean]>({
  exec: (t, target, rounds, text, isGood) => {
    const summary = summarize(rounds.map((ways) => ({ target, ways })));
    const last = formatSummary(target, summary, pipe).trimEnd().split('\n').at(-1)!;
    t.regex(last, text);
    t.is(isReached(summary), isGood);
  },
  title: (name) => `the end of a ping says ${name}`,
});

test('that all is well', concludes, node, [[underlay, port]], /^n2 answers through the tunnel\.$/, true);
test('that ICMP is not needed', concludes, node, [[lostUnderlay, port]], /which weft does not need/, true);
test(
  'that the port is blocked',
  concludes,
  node,
  [[underlay, lostPort]],
  /is UDP to 198\.18\.0\.2:4789 blocked/,
  false,
);
test('that a relay is used', concludes, node, [[lostUnderlay, lostPort, relay]], /go through n3, and arrive/, true);
test(
  'that nobody is there',
  concludes,
  node,
  [[lostUnderlay, lostPort]],
  /^Nothing comes back from n2: is it up/,
  false,
);
test(
  'that some were lost',
  concludes,
  node,
  [
    [underlay, port],
    [underlay, lostPort],
  ],
  /not each time: data port/,
  true,
);
test(
  'why nothing could pass',
  concludes,
  node,
  [
    [
      way({ way: 'underlay', roundTripMs: null, problem: 'too long' }),
      { ...lostPort, problem: 'longer than 1450 bytes' },
    ],
  ],
  /^Nothing comes back from n2: too long\.$/,
  false,
);
test(
  'why a static peer is not asked, which is no failure of it',
  concludes,
  node,
  [[underlay, { ...lostPort, problem: 'a static peer answers no probes' }]],
  /its tunnel does not: a static peer answers no probes\.$/,
  true,
);
test('that a pod answers', concludes, web, [[port, pod]], /^n2\/web answers through the tunnel\.$/, true);
test(
  'that a pod does not answer',
  concludes,
  web,
  [[port, lostPod]],
  /^Node n2 answers .*, but n2\/web does not\.$/,
  false,
);
test('that its node does not either', concludes, web, [[lostPort, lostPod]], /see "weft ping n2"\.$/, false);
test('at which address a pod does not answer', concludes, web, [[port, pod, lostPod6]], /but not at fd00::2\.$/, true);
test('that a pod of this node answers', concludes, web, [[pod]], /^n2\/web answers\.$/, true);

test('in a row of a ping, what somebody says is said once', (t) => {
  const refused = [{ ...lostPod, problem: '10.244.2.1 says: nobody there has this address' }];
  t.regex(formatRound(1, refused, [], pipe), /lost\n +IPv4: 10\.244\.2\.1 says/);
  t.notRegex(formatRound(2, refused, refused, pipe), /says/);
  const long = [{ ...lostPod, problem: 'fd00:10:244:1:2:3:4:1 says: unreachable (ICMPv6 type 4, code 1) '.repeat(2) }];
  const lines = formatRound(1, long, [], terminal).split('\n');
  t.true(lines.length > 3 && lines.every(({ length }) => length <= 80));
});

test('a node that can ask no pod says why once', (t) => {
  const [row] = fixedMatrix.rows;
  const problem = 'the package raw-socket is not built here';
  const pods = ['n2/web', 'n2/db'].map((pod) => ({
    ...row!.pods[0]!,
    pod,
    lost: 3,
    minMs: null,
    meanMs: null,
    problem,
  }));
  const text = formatMatrix({ ...fixedMatrix, rows: [{ ...row!, pods }] }, pipe);
  t.regex(text, /^pods could not be asked from n1: the package raw-socket is not built here$/m);
  t.notRegex(text, /no answer/);
});

test('what goes through a relay is marked, and said', (t) => {
  const [row] = fixedMatrix.rows;
  const text = formatMatrix({ ...fixedMatrix, rows: [{ ...row!, nodes: [{ ...row!.nodes[0]!, relay: 'n3' }] }] }, pipe);
  t.regex(text, /^n1 +0\.31\*$/m);
  t.regex(text, /^\* through n3: n1 to n2$/m);
});

test('of a node whose port does not answer, the pods are not named as losses as well', (t) => {
  const [row] = fixedMatrix.rows;
  const cut = { ...row!.nodes[0]!, lost: 3, minMs: null, meanMs: null };
  const gone = { ...row!.pods[0]!, lost: 3, minMs: null, meanMs: null };
  const text = formatMatrix({ ...fixedMatrix, rows: [{ ...row!, nodes: [cut], pods: [gone] }] }, pipe);
  t.regex(text, /n2, data port: no answer, asked from n1/);
  t.notRegex(text, /n2\/web, 10/);
});

const durations: Readonly<Record<string, number>> = {
  '200ms': 200,
  '1s': 1_000,
  '1.5s': 1_500,
  '2': 2_000,
  '10m': 600_000,
};
for (const [text, ms] of Object.entries(durations)) test(`${text} is ${ms} ms`, (t) => t.is(parseDuration(text), ms));
for (const text of ['', 's', '-1s', '1w', '1 s', 'x']) {
  test(`"${text}" is no length of time`, (t) => t.throws(() => parseDuration(text), { message: /length of time/ }));
}
