/** Ping, matrix and trace on a lab of three nodes with two pods each: when all is well, and when something is not. */
import test from 'ava';
import type { Matrix } from '../../src/api/matrix-api.ts';
import type { PingedWay } from '../../src/api/ping-api.ts';
import type { DoctorReport } from '../../src/doctor/finding.ts';
import type { Trace, TracedProbe, TraceStep } from '../../src/api/trace-api.ts';
import { TestLab } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

/** A way through a relay is taken within seconds, on a machine that has the time. */
const RELAY_DEADLINE_MS = 90_000;

const there = [
  'n1 from-pod',
  'n1 route',
  'n1 encapsulate',
  'n1 to-underlay',
  'n3 from-underlay',
  'n3 decapsulate',
  'n3 to-pod',
];
const back = [
  'n3 from-pod',
  'n3 route',
  'n3 encapsulate',
  'n3 to-underlay',
  'n1 from-underlay',
  'n1 decapsulate',
  'n1 to-pod',
];

let lab: TestLab;

test.before(async () => {
  lab = await TestLab.up('--nodes', '3', '--pods', '2');
});

test.after.always(async () => lab?.down());

interface Asked<Answer> {
  readonly answer: Answer;
  readonly exitCode: number | null;
}

/** `weft ARGS --json` on n1. */
async function ask<Answer>(...args: readonly string[]): Promise<Asked<Answer>> {
  const { stdout, exitCode } = await lab.tryAsk('n1', ...args, '--json');
  return { answer: JSON.parse(stdout) as Answer, exitCode };
}

interface Pinged {
  readonly ways: readonly PingedWay[];
  readonly exitCode: number | null;
}

async function ping(...args: readonly string[]): Promise<Pinged> {
  const { answer, exitCode } = await ask<{ rounds: PingedWay[][] }>('ping', '-c', '1', ...args);
  return { ways: answer.rounds[0]!, exitCode };
}

/** Pings until the first ways answer, or not, as `wanted`: on a busy machine an answer may come too late. */
async function untilPinged(wanted: readonly string[], ...args: readonly string[]): Promise<Pinged> {
  let pinged: Pinged | undefined;
  await until(`ping ${args.join(' ')} finds ${wanted.join(', ')}`, async () => {
    pinged = await ping(...args);
    return answeredWays(pinged.ways).slice(0, wanted.length).join() === wanted.join();
  });
  return pinged!;
}

type Traced = Asked<Trace> & { readonly probe: TracedProbe };

/** Traces until this becomes of every packet: on a busy machine an answer may come too late. */
async function trace(fate: TracedProbe['fate'], ...args: readonly string[]): Promise<Traced> {
  let asked: Asked<Trace> | undefined;
  await until(`trace ${args.join(' ')} ends as ${fate}`, async () => {
    asked = await ask<Trace>('trace', ...args);
    return asked.answer.probes.length > 0 && asked.answer.probes.every((probe) => probe.fate === fate);
  });
  return { ...asked!, probe: asked!.answer.probes[0]! };
}

/** Asks for a matrix until these lose something, and no others: `n1 n3`. */
async function untilLossy(...wanted: readonly string[]): Promise<Asked<Matrix>> {
  let asked: Asked<Matrix> | undefined;
  await until(`the matrix has losses of ${wanted.join(', ') || 'nobody'}`, async () => {
    asked = await ask<Matrix>('matrix', '-c', wanted.length === 0 ? '2' : '1');
    const { rows, silent } = asked.answer;
    const lossy = rows.flatMap((row) => row.nodes.flatMap((one) => (one.lost > 0 ? `${row.from} ${one.node}` : [])));
    // Whoever asks nobody loses nothing, either.
    return silent.length === 0 && lossy.sort().join() === wanted.join();
  });
  return asked!;
}

const answeredWays = (ways: readonly PingedWay[]) =>
  ways.map(({ way, roundTripMs }) => `${way} ${roundTripMs !== null}`);
/** Hooks of weft; those of the kernel are looked at apart. */
const hooksOf = (steps: readonly TraceStep[]) =>
  steps.flatMap(({ node, hook, verdict }) => (verdict === '' ? [`${node} ${hook}`] : []));

/** While `node` takes no datagrams of the tunnel. */
async function withBlockedPort(node: string, action: () => Promise<void>): Promise<void> {
  const chain = '{ type filter hook input priority 0; udp dport 4789 drop; }';
  await lab.exec(
    node,
    'nft',
    `add table inet blocked; add chain inet blocked input ${chain.replace(' udp dport 4789 drop;', '')}`,
  );
  await lab.exec(node, 'nft', 'add rule inet blocked input udp dport 4789 drop');
  try {
    await action();
  } finally {
    await lab.exec(node, 'nft', 'delete table inet blocked');
  }
}

test.serial('a node answers beside the tunnel and through it', async (t) => {
  const { ways, exitCode } = await untilPinged(['underlay true', 'data-port true'], 'n2');
  t.deepEqual(answeredWays(ways), ['underlay true', 'data-port true']);
  t.is(exitCode, 0);
});

test.serial('a pod answers at each of its addresses', async (t) => {
  const { ways, exitCode } = await untilPinged(['data-port true', 'overlay true', 'overlay true'], 'n2/p1');
  t.deepEqual(answeredWays(ways), ['data-port true', 'overlay true', 'overlay true']);
  t.is(exitCode, 0);
  const { stderr, exitCode: refusal } = await lab.tryAsk('n1', 'ping', 'p1');
  t.regex(stderr, /say which of n1\/p1, n2\/p1, n3\/p1/);
  t.is(refusal, 1);
});

test.serial('the longest packet that passes does so over each way, and one more byte over none', async (t) => {
  const whole = await untilPinged(['underlay true', 'data-port true'], 'n2', '-s', '1450');
  t.is(whole.exitCode, 0);
  const { ways, exitCode } = await ping('n2', '-s', '1451');
  t.deepEqual(answeredWays(ways), ['underlay false', 'data-port false']);
  t.true(ways.every(({ problem }) => problem.startsWith('longer than')));
  t.is(exitCode, 1);
});

test.serial('who at the other end says that nobody has an address is named', async (t) => {
  await until('n2 says it', async () => {
    const { ways, exitCode } = await ping('10.244.2.77');
    return exitCode === 1 && ways.at(-1)!.problem === '10.244.2.1 says: nobody there has this address';
  });
  t.pass();
});

test.serial('in a healthy lab the matrix is whole', async (t) => {
  const { answer, exitCode } = await untilLossy();
  t.is(answer.asked, 3 * 2 + 3 * 6 * 2);
  t.deepEqual([answer.lossy, answer.silent, exitCode], [0, [], 0]);
});

test.serial('a trace shows every hook there and back, in their order, and packets keep their number', async (t) => {
  const { answer, probe, exitCode } = await trace('answered', 'n1/p1', 'n3/p1');
  t.is(probe.fate, 'answered');
  t.deepEqual(hooksOf(probe.steps), [...there, ...back]);
  const idsOf = (role: string) => [
    ...new Set(probe.steps.flatMap((step) => (step.role === role && step.verdict === '' ? step.id : []))),
  ];
  const [probeIds, answerIds] = [idsOf('probe'), idsOf('answer')];
  t.deepEqual([probeIds.length, answerIds.length], [1, 1]);
  t.regex(probeIds[0]!, /^[0-9a-f]{16}$/);
  t.not(probeIds[0], answerIds[0]);
  t.true(probe.roundTripMs! > 0);
  t.is(exitCode, 0);
  t.deepEqual(
    answer.nodes.map(({ node, problem, lost }) => [node, problem, lost]),
    [
      ['n1', '', 0],
      ['n3', '', 0],
    ],
  );
  // Both have the same clock here, and that is what is measured.
  const { clockOffsetNs, clockUncertaintyNs } = answer.nodes[1]!;
  t.true(clockUncertaintyNs > 0 && Math.abs(clockOffsetNs) <= clockUncertaintyNs);
  const encapsulated = probe.steps.find(({ hook }) => hook === 'encapsulate')!;
  t.like(encapsulated, { peer: 'n3', to: '198.18.0.3:4789' });
});

test.serial('a trace may begin at another node, and go over IPv6', async (t) => {
  const { probe } = await trace('answered', 'n2/p2', 'n3/p1', '-6');
  t.is(probe.fate, 'answered');
  t.is(hooksOf(probe.steps).length, 14);
  t.is(probe.steps[0]!.node, 'n2');
});

test.serial('every packet of several has its own steps', async (t) => {
  const { answer } = await trace('answered', 'n1', 'n3/p1', '-c', '3');
  t.deepEqual(
    answer.probes.map(({ number, steps }) => [number, hooksOf(steps).length]),
    [
      [1, 14],
      [2, 14],
      [3, 14],
    ],
  );
});

test.serial('a closed port is told from one where somebody listens', async (t) => {
  const closed = await trace('answered', 'n1/p1', 'n3/p1', '--proto', 'tcp', '--dport', '81');
  t.regex(closed.probe.text, /^Answered\. RST: nobody listens/);
  t.is(closed.exitCode, 0);
  const server = `require('node:net').createServer().listen(80, '0.0.0.0')`;
  const program = await lab.serve('n3-p1', 80, process.execPath, '-e', server);
  const open = await trace('answered', 'n1/p1', 'n3/p1', '--proto', 'tcp');
  t.regex(open.probe.text, /^Answered\. SYN ACK: somebody listens/);
  // The kernel of the source resets what it did not open: that is another packet than the SYN.
  await lab.exec(
    'n1',
    'nft',
    'table inet guard { chain b { type filter hook forward priority 10; tcp flags rst drop; }; }',
  );
  const withoutReset = await trace('answered', 'n1/p1', 'n3/p1', '--proto', 'tcp');
  await lab.exec('n1', 'nft', 'delete table inet guard');
  t.regex(withoutReset.probe.text, /^Answered\. SYN ACK/);
  t.false(withoutReset.probe.steps.some(({ verdict }) => verdict === 'drop'));
  await program.end();
  const refused = await trace('refused', 'n1/p1', 'n3/p1', '--proto', 'udp', '--dport', '9');
  t.is(refused.probe.fate, 'refused');
  t.regex(refused.probe.text, /It arrived, and was refused: 10\.244\.3\.2 says: nobody listens at that port/);
});

test.serial(
  'the kernel says what its rules do with the packet and its answer, inside and outside of VXLAN',
  async (t) => {
    const { answer, probe } = await trace('answered', 'n1/p1', 'n3/p1');
    t.deepEqual(
      answer.nodes.map(({ kernelProblem }) => kernelProblem),
      ['', ''],
    );
    const ofKernel = probe.steps.filter(({ role, verdict }) => role === 'probe' && verdict !== '');
    t.deepEqual(
      ofKernel.map(({ node, hook, verdict }) => `${node} ${hook} ${verdict}`),
      [
        ...['prerouting', 'forward', 'postrouting', 'outer-output', 'outer-postrouting'].map(
          (hook) => `n1 ${hook} accept`,
        ),
        ...['outer-prerouting', 'outer-input', 'prerouting', 'forward', 'postrouting'].map(
          (hook) => `n3 ${hook} accept`,
        ),
      ],
    );
    t.notRegex(await lab.exec('n3', 'nft', 'list', 'tables'), /weft-trace/);
  },
);

test.serial('between two pods of one node the kernel alone says what becomes of it', async (t) => {
  const { probe, exitCode } = await trace('answered', 'n1/p1', 'n1/p2');
  t.is(probe.fate, 'answered');
  t.deepEqual(hooksOf(probe.steps), []);
  t.true(probe.steps.some(({ role, hook, verdict }) => `${role} ${hook} ${verdict}` === 'answer postrouting accept'));
  t.is(exitCode, 0);
});

const firewalls: readonly (readonly [what: string, node: string, rules: string, hook: string, text: RegExp])[] = [
  [
    'a last reject that is reached by jumps',
    'n3',
    'chain last { counter reject; }; chain zones { goto last; }; chain b { type filter hook forward priority 10; ct state established accept; jump zones; }',
    'forward',
    /^It was rejected at n3 .* chain inet guard last has "counter reject.*" \(reached by "jump zones" in b, then "goto last" in zones\)\.$/,
  ],
  [
    'a rule at the node of the source',
    'n1',
    'chain b { type filter hook forward priority 10; iifname "wf*" icmp type echo-request drop; }',
    'forward',
    /^It was dropped at n1 .* has "iifname "wf\*" icmp type 8 drop"\.$/,
  ],
  [
    'a rule against VXLAN, told by the node that has it',
    'n3',
    'chain b { type filter hook input priority 0; udp dport 4789 drop; }',
    'outer-input',
    /^It was dropped at n3 .* hook outer-input: nftables chain inet guard b has "udp dport 4789 drop"\.$/,
  ],
];

for (const [what, node, rules, hook, text] of firewalls) {
  test.serial(`the rule is named, the same as by the doctor: ${what}`, async (t) => {
    await lab.exec(node, 'nft', `table inet guard { ${rules}; }`);
    try {
      const { probe, exitCode } = await trace('dropped', 'n1/p1', 'n3/p1');
      t.is(exitCode, 1);
      t.regex(probe.text, text);
      const taken = probe.steps.find(({ verdict }) => verdict === 'drop' || verdict === 'reject')!;
      t.is(`${taken.node} ${taken.hook}`, `${node} ${hook}`);
      await until(`the doctor says ${taken.says}`, async () => {
        const { nodes } = JSON.parse((await lab.tryAsk(node, 'doctor', '--json')).stdout) as DoctorReport;
        const seen = nodes.flatMap(({ findings }) => findings.flatMap(({ evidence }) => evidence));
        return seen.some((evidence) => evidence.startsWith(taken.says));
      });
    } finally {
      await lab.exec(node, 'nft', 'delete table inet guard');
    }
  });
}

test.serial('where a packet is dropped, and why, is told', async (t) => {
  const { probe, exitCode } = await trace('dropped', 'n1/p1', '10.244.9.9');
  // The pod is told, by an ICMP error.
  t.deepEqual(hooksOf(probe.steps), ['n1 from-pod', 'n1 drop', 'n1 to-pod']);
  t.is(probe.steps.find(({ hook }) => hook === 'drop')!.reason, 'no-route');
  t.regex(probe.text, /dropped at n1: no-route/);
  t.is(exitCode, 1);
});

test.serial('what a trace captures for itself is no event, on any node', async (t) => {
  await trace('answered', 'n1/p1', 'n3/p1');
  for (const node of ['n1', 'n3']) {
    const events = await lab.control(node).events({ kind: 'capture' });
    t.deepEqual(
      events.filter(({ message }) => message.includes('weft trace')),
      [],
    );
  }
});

test.serial('the socket for reading gives neither', async (t) => {
  const { readOnlySocket } = lab.files('n1') as { readOnlySocket?: string };
  const socket = readOnlySocket ?? lab.files('n1').socket.replace('weft.sock', 'weft-ro.sock');
  for (const args of [['ping', 'n2'], ['matrix'], ['trace', 'n1', 'n2']]) {
    const { stderr, exitCode } = await lab.tryAsk('n1', '--socket', socket, ...args);
    t.is(exitCode, 1);
    t.regex(stderr, /for reading only/);
  }
});

test.serial('a port that is blocked is found by ping, matrix and trace alike', async (t) => {
  await withBlockedPort('n3', async () => {
    const { exitCode } = await untilPinged(['underlay true', 'data-port false'], 'n3');
    t.is(exitCode, 1);
    const matrix = await untilLossy('n1 n3', 'n2 n3', 'n3 n1', 'n3 n2');
    t.is(matrix.exitCode, 1);
    const { probe } = await trace('dropped', 'n1/p1', 'n3/p1');
    t.deepEqual(hooksOf(probe.steps), there.slice(0, 4));
    t.regex(
      probe.text,
      /^It was dropped at n3 .* in hook outer-input: nftables chain inet blocked input has "udp dport 4789 drop"/,
    );
  });
  await until('the tunnel works again', async () => (await ping('n3/p1')).exitCode === 0);
});

test.serial('a node with another VNI is found: it drops what others send', async (t) => {
  await lab.lab('stop', 'n3');
  const daemon = lab.daemon('n3', '--vxlan-vni', '77');
  try {
    await lab.answers('n3');
    await until('n3 is back', async () => (await lab.control('n1').routes()).some(({ node }) => node === 'n3'));
    const { probe } = await trace('dropped', 'n1/p1', '10.244.3.2');
    t.is(probe.steps.at(-1)!.reason, 'vxlan-wrong-vni');
    t.is(probe.steps.at(-1)!.node, 'n3');
  } finally {
    await daemon.end();
    await lab.lab('start', 'n3');
  }
  await until('all pods reach each other', async () => lab.isConnected());
});

test.serial('where a relay is on the way, the trace goes through it', async (t) => {
  await lab.lab('cut', 'n1', 'n3');
  await until(
    'packets go through n2',
    async () => (await lab.control('n1').routes()).some(({ node, relay }) => node === 'n3' && relay === 'n2'),
    RELAY_DEADLINE_MS,
  );
  const { ways } = await untilPinged(['underlay false', 'data-port false', 'relay true'], 'n3');
  t.is(ways.length, 3);
  const { answer, probe } = await trace('answered', 'n1/p1', '10.244.3.2');
  t.is(probe.fate, 'answered');
  const hooks = hooksOf(probe.steps);
  const relay = hooks.indexOf('n2 relay');
  t.true(hooks.indexOf('n1 to-underlay') < relay && relay < hooks.indexOf('n1 to-pod'), hooks.join(', '));
  t.is(answer.nodes.find(({ node }) => node === 'n2')!.problem, '');
  t.not(answer.nodes.find(({ node }) => node === 'n3')!.problem, '');
  await lab.lab('heal', 'n1', 'n3');
});
