import test from 'ava';
import type { Pod } from '../../../src/api/control-api.ts';
import { KernelExplainer } from '../../../src/daemon/explain/kernel-explainer.ts';
import { parseIptablesSave } from '../../../src/firewall/iptables-ruleset.ts';
import type { Ruleset } from '../../../src/firewall/ruleset.ts';
import { WeftError } from '../../../src/errors.ts';
import type { ExplainedStep, Handover, Stage } from '../../../src/explain/explanation.ts';
import type { PacketDescription } from '../../../src/explain/packet-description.ts';
import type { LinkState, PassageFacts } from '../../../src/explain/passage-facts.ts';
import { PlanState } from '../../../src/policy/plan-state.ts';
import type { PassageQuestion } from '../../../src/linux/passage-lookup.ts';
import { formatIpAddress, parseIpAddress } from '../../../src/wire/address.ts';
import { parsePrefix } from '../../../src/wire/prefix.ts';

const NETNS = '/proc/self/ns/net';
const address = (text: string) => parseIpAddress(text)!;
const link = (name: string): LinkState => {
  return { name, isUp: true, hasCarrier: true, mtuBytes: 1_450, mac: `mac of ${name}`, isVeth: true, hasXdp: false };
};
const pod = (name: string, last: number, netns = NETNS): Pod => ({
  name,
  namespace: 'default',
  labels: {},
  attachment: null,
  device: 'eth0',
  network: 'default',
  netns,
  addresses: [`10.244.1.${last}`],
  allowSources: [],
  mac: '',
  hostDevice: `wf-${name}`,
  mtuBytes: 1_450,
  createdAt: '',
  state: 'running',
  faults: [],
  notices: [],
});

/** What the kernel answers if all is well: it leads where weft wants it. */
function answer(question: PassageQuestion): PassageFacts {
  const { entry, exit, netns, destination } = question;
  const isLocal = exit === undefined && (netns !== undefined || destination.bytes.at(-1) === 1);
  const device = isLocal ? 'lo' : (exit ?? 'eth0');
  return {
    entry: entry === undefined ? undefined : link(entry),
    hasAddress: true,
    route: { type: isLocal ? 'local' : 'unicast', device, gateway: '', table: 'main', prefix: '' },
    wayBack: undefined,
    exit: isLocal ? undefined : link(device),
    neighbour: undefined,
    isGateway: true,
    rules: [],
    refusing: [],
    tracking: undefined,
    groups: [],
    sysctls: {},
  };
}

function explainerWith(
  lookUp: (question: PassageQuestion) => Partial<PassageFacts> = () => ({}),
  rulesets: Readonly<Partial<Record<'node' | 'pod', Ruleset>>> = {},
  plan?: PlanState,
) {
  const asked: string[] = [];
  const explainer = new KernelExplainer({
    nodeName: 'n1',
    tunDevice: 'weft0',
    vxlanPort: 4_789,
    clusterPrefixes: [parsePrefix('10.244.0.0/16')!],
    nodePrefixes: [parsePrefix('10.244.1.0/24')!],
    nodeAddresses: [address('10.244.1.1')],
    pods: () => [
      pod('web', 2),
      pod('db', 3),
      pod('gone', 4, '/run/netns/no-such-namespace'),
      { ...pod('gw', 5), allowSources: ['10.244.7.0/24'] },
    ],
    underlay: () => ({ interface: 'eth0', address: address('198.18.0.1') }),
    nodeAt: (one) =>
      formatIpAddress(one) === '10.244.2.1'
        ? { node: 'n2', network: 'overlay' }
        : formatIpAddress(one) === '198.18.0.2'
          ? { node: 'n2', network: 'underlay' }
          : undefined,
    policyPlan: async () => Promise.resolve(plan),
    knownFrontends: async () => Promise.resolve(undefined),
    lookUp: async (question) => {
      const { netns, entry = '', exit = '' } = question;
      asked.push(`${netns === undefined ? 'node' : 'pod'} ${entry}>${exit}`);
      return Promise.resolve({ ...answer(question), ...lookUp(question) });
    },
    readRuleset: async (netns) => Promise.resolve(rulesets[netns === undefined ? 'node' : 'pod'] ?? { chains: [] }),
  });
  return { explainer, asked };
}

const packet = (source: string, destination: string, change: Partial<PacketDescription> = {}): PacketDescription => {
  const [from, to] = [address(source), address(destination)];
  return { source: from, destination: to, protocol: 1, sourcePort: 0, destinationPort: 0, sizeBytes: 84, ...change };
};
const step = (hook: string): ExplainedStep => ({ hook, verdict: 'pass', text: hook, details: {} });
const next: Handover = {
  node: 'n2',
  isNode: true,
  sender: '198.18.0.1',
  endpoint: '198.18.0.2:4789',
  trafficClass: 0,
  datagrams: [],
  isPathDown: false,
};
const leaving: Stage = { node: 'n1', steps: [step('from-pod'), step('route')], fate: null, reason: '', next };
const staying: Stage = { ...leaving, fate: 'delivered', next: null };
const outside: Stage = { ...leaving, fate: 'outside', next: null };
const arriving: Stage = { ...staying, steps: [step('from-underlay')] };

function hooks({ steps }: Stage): string {
  return steps.map(({ hook }) => hook).join(' ');
}

test('from a pod into the tunnel, the pod and its node are asked, and the node again for the datagram', async (t) => {
  const { explainer, asked } = explainerWith();
  const told = await explainer.departure(packet('10.244.1.2', '10.244.2.2'), leaving);
  t.is(hooks(told), 'from-pod in-pod kernel route kernel');
  t.deepEqual(asked, ['pod >eth0', 'node wf-web>weft0', 'node >']);
  t.is(told.fate, null);
  t.is(told.next, next);
});

test('between two pods of a node, both pods and the node are asked', async (t) => {
  const { explainer, asked } = explainerWith();
  const told = await explainer.departure(packet('10.244.1.2', '10.244.1.3'), staying);
  t.is(hooks(told), 'from-pod in-pod kernel route in-pod');
  t.deepEqual(asked, ['pod >eth0', 'node wf-web>wf-db', 'pod eth0>']);
});

/** Pod web takes TCP to port 80 from 10.244.2.0/24, and may send to db alone. */
function policedPlan(): PlanState {
  const rule = { tier: 'namespace', action: 'allow', isAudit: false } as const;
  const plan = new PlanState();
  plan.change(
    plan.changeTo({
      pods: [{ pod: 'c1:eth0', addresses: [address('10.244.1.2')], ingress: 'in', egress: 'out' }],
      isolations: [
        {
          key: 'in',
          direction: 'ingress',
          isolatedBy: ['shop/web'],
          isAudit: false,
          rules: [
            {
              ...rule,
              name: 'shop/web ingress[0].from[0]',
              peers: 'n2',
              ports: [{ kind: 'range', protocol: 'TCP', first: 80, last: 80 }],
            },
          ],
        },
        {
          key: 'out',
          direction: 'egress',
          isolatedBy: ['shop/web', 'shop/all'],
          isAudit: false,
          rules: [{ ...rule, name: 'shop/all egress[0].to[0]', peers: 'db', ports: undefined }],
        },
      ],
      peerSets: [
        { key: 'n2', prefixes: [parsePrefix('10.244.2.0/24')!] },
        { key: 'db', prefixes: [parsePrefix('10.244.1.3/32')!] },
      ],
      portSets: [],
    }),
  );
  return plan;
}

const POLICED_TABLE = 'nftables table inet weft-policy';

/** Rules that would drop everything. */
const dropping: Ruleset = {
  chains: [
    {
      table: POLICED_TABLE,
      name: 'forward',
      title: 'nftables chain inet weft-policy forward',
      families: [4, 6],
      base: { hook: 'forward', priority: 10, policy: 'drop', isNat: false, devices: undefined },
      rules: [],
    },
  ],
};

test('what policies deny is dropped, and the policy is named', async (t) => {
  const { explainer } = explainerWith(undefined, {}, policedPlan());
  const sent = await explainer.departure(packet('10.244.1.2', '10.244.2.2'), leaving);
  t.is(`${sent.fate} ${sent.reason}`, 'dropped policy-denied');
  t.is(
    sent.steps.at(-1)?.text,
    'n1 drops it as policy-denied: egress of pod web, isolated by shop/web, shop/all, no rule matches',
  );
  const change = { protocol: 6, sourcePort: 40_000, destinationPort: 81 };
  const arrived = packet('10.244.2.2', '10.244.1.2', change);
  const got = await explainer.arrival(arrived, address('198.18.0.2'), arriving);
  t.is(
    got.steps.at(-1)?.text,
    'n1 drops it as policy-denied: ingress of pod web, isolated by shop/web, no rule matches',
  );
});

test('of a packet of a node it is said which node policies take it for, and what they would say of the client', async (t) => {
  const { explainer } = explainerWith(undefined, {}, policedPlan());
  const change = { protocol: 6, sourcePort: 40_000, destinationPort: 80 };
  const arrived = packet('10.244.2.1', '10.244.1.2', change);
  const tell = async (client?: string) => {
    const parsed = client === undefined ? undefined : address(client);
    return (await explainer.arrival(arrived, address('198.18.0.2'), arriving, parsed)).steps
      .map(({ text }) => text)
      .find((text) => text.includes('ingress of pod web'));
  };
  const passed = 'network policies let it pass: ingress of pod web, by shop/web ingress[0].from[0]';
  const seen = '10.244.2.1 is node n2 in the overlay, and for policies so is every client that n2 masquerades';
  t.is(await tell(), `${passed}; ${seen}`);
  t.is(await tell('10.244.2.9'), `${passed}; ${seen}`);
  const denied = 'denied, isolated by shop/web, no rule matches';
  t.is(await tell('203.0.113.9'), `${passed}; ${seen}; from 203.0.113.9, which was masqueraded, it would be ${denied}`);
  const out = await explainer.departure(packet('10.244.1.2', '198.18.0.2'), leaving);
  t.regex(out.steps.at(-1)!.text, /: egress of pod web, .*; 198\.18\.0\.2 is node n2 on the underlay$/);
});

test('what policies allow passes by a rule, and answers pass; their table is not asked beside the plan', async (t) => {
  const { explainer } = explainerWith(undefined, { node: dropping }, policedPlan());
  const change = { protocol: 6, sourcePort: 40_000, destinationPort: 80 };
  const arrived = packet('10.244.2.2', '10.244.1.2', change);
  const got = await explainer.arrival(arrived, address('198.18.0.2'), arriving);
  t.is(got.fate, 'delivered');
  t.deepEqual(
    got.steps.filter(({ details }) => details['direction'] !== undefined).map(({ text }) => text),
    ['network policies let it pass: ingress of pod web, by shop/web ingress[0].from[0]'],
  );
  const answer = await explainer.departure(packet('10.244.1.2', '10.244.2.2', { isAnswer: true }), leaving);
  t.is(answer.fate, null);
});

test('policies judge what is forwarded: what the node sends itself passes; without a plan their table is judged', async (t) => {
  const { explainer } = explainerWith(undefined, {}, policedPlan());
  t.is((await explainer.departure(packet('10.244.1.1', '10.244.1.2'), staying)).fate, 'delivered');
  const unplanned = explainerWith(undefined, { node: dropping }).explainer;
  t.is((await unplanned.departure(packet('10.244.1.2', '10.244.2.2'), leaving)).fate, 'blocked');
});

test('what is translated before policies judge it, is not known', async (t) => {
  const nat = parseIptablesSave(
    '*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -d 10.244.2.2/32 -j DNAT --to-destination 10.244.1.3\nCOMMIT\n',
    { program: 'iptables', family: 4, tableTitle: (table) => table },
  );
  const { explainer } = explainerWith(undefined, { node: nat }, policedPlan());
  const sent = await explainer.departure(packet('10.244.1.2', '10.244.2.2'), leaving);
  t.true(sent.steps.some(({ text }) => text.includes('its addresses are translated before')));
});

test('what is masqueraded on its way out, policies have judged before', async (t) => {
  const nat = parseIptablesSave('*nat\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -j MASQUERADE\nCOMMIT\n', {
    program: 'iptables',
    family: 4,
    tableTitle: (table) => table,
  });
  const { explainer } = explainerWith(undefined, { node: nat }, policedPlan());
  const sent = await explainer.departure(packet('10.244.1.2', '203.0.113.9'), leaving);
  t.regex(sent.steps.at(-1)!.text, /^n1 drops it as policy-denied: egress of pod web, isolated by/);
});

test('what arrives is followed from the underlay into the pod', async (t) => {
  const { explainer, asked } = explainerWith();
  const told = await explainer.arrival(packet('10.244.2.2', '10.244.1.2'), address('198.18.0.2'), arriving);
  t.is(hooks(told), 'kernel from-underlay kernel in-pod');
  t.deepEqual(asked.toSorted(), ['node eth0>', 'node weft0>wf-web', 'pod eth0>']);
});

test('what is for the node itself ends at the node', async (t) => {
  const { explainer, asked } = explainerWith();
  await explainer.arrival(packet('10.244.2.2', '10.244.1.1'), address('198.18.0.2'), arriving);
  t.deepEqual(asked, ['node eth0>', 'node weft0>']);
});

test('a pod without a namespace sends nothing, and gets nothing', async (t) => {
  const { explainer } = explainerWith();
  const sent = await explainer.departure(packet('10.244.1.4', '10.244.2.2'), leaving);
  t.like(sent, { fate: 'blocked', next: null });
  t.regex(sent.steps.at(-1)!.text, /^pod gone has no network namespace any more/);
  const got = await explainer.arrival(packet('10.244.2.2', '10.244.1.4'), address('198.18.0.2'), arriving);
  t.is(got.fate, 'blocked');
});

test('from behind a pod, the node is asked about the device of the pod, and what is before it is not known', async (t) => {
  const { explainer, asked } = explainerWith();
  const told = await explainer.departure(packet('10.244.7.9', '10.244.2.2'), leaving);
  t.deepEqual(asked, ['node wf-gw>weft0', 'node >']);
  t.like(told, { fate: null, next });
  t.regex(
    told.steps[1]!.text,
    /^10\.244\.7\.9 lies in 10\.244\.7\.0\/24, behind pod gw: taken as forwarded by that pod$/,
  );
});

test('what is for behind a pod gets to the pod, and what becomes of it there is not known', async (t) => {
  const { explainer, asked } = explainerWith();
  const told = await explainer.arrival(packet('10.244.2.2', '10.244.7.9'), address('198.18.0.2'), arriving);
  t.deepEqual(asked, ['node eth0>', 'node weft0>wf-gw']);
  t.is(told.fate, 'delivered');
  t.is(told.steps.at(-1)!.verdict, 'unknown');
  t.regex(told.steps.at(-1)!.text, /^pod gw gets it as the router of 10\.244\.7\.0\/24: whether it forwards it/);
});

test('a source of nobody is not known to pass', async (t) => {
  const { explainer } = explainerWith();
  const told = await explainer.departure(packet('10.244.1.77', '10.244.2.2'), leaving);
  t.is(told.steps[1]!.verdict, 'unknown');
});

test('where nobody could look, it is not known, and the rest is told', async (t) => {
  const { explainer } = explainerWith(({ netns }) => {
    if (netns !== undefined) throw new WeftError('program-missing', 'no nsenter');
    return {};
  });
  const told = await explainer.departure(packet('10.244.1.2', '10.244.2.2'), leaving);
  t.like(told.steps[1], {
    verdict: 'unknown',
    text: 'what the kernel of pod web does with it is not known: no nsenter',
  });
  t.is(told.fate, null);
});

test('a mistake in weft is not hidden as something unknown', async (t) => {
  const { explainer } = explainerWith(() => {
    throw new TypeError('a mistake');
  });
  await t.throwsAsync(explainer.departure(packet('10.244.1.2', '10.244.2.2'), leaving), { instanceOf: TypeError });
});

test('the MAC address that a pod sends to is compared with that of the cable', async (t) => {
  const { explainer } = explainerWith(({ netns }) =>
    netns === undefined
      ? {}
      : { neighbour: { address: '169.254.1.1', device: 'eth0', mac: '02:99', states: ['REACHABLE'] } },
  );
  const told = await explainer.departure(packet('10.244.1.2', '10.244.2.2'), leaving);
  t.is(told.fate, 'blocked');
  t.regex(told.steps.at(-1)!.text, /to the MAC address 02:99, and eth0 leads to mac of wf-web/);
});

test('what a pod sends to itself does not leave it', async (t) => {
  const local = { type: 'local', device: 'lo', gateway: '', table: 'local', prefix: '' };
  const { explainer } = explainerWith(({ netns }) => (netns === undefined ? {} : { route: local }));
  const told = await explainer.departure(packet('10.244.1.2', '127.0.0.1'), outside);
  t.is(told.fate, 'delivered');
  t.is(told.steps.at(-1)!.text, '127.0.0.1 is pod web itself: the packet never leaves it');
});

for (const [destination, change, facts, fate, says] of [
  [
    '224.0.0.9',
    {},
    { route: { error: 'Invalid argument' } },
    'blocked',
    /n1 is not in that group, and passes it on to nobody$/,
  ],
  ['224.0.0.1', {}, {}, 'blocked', /n1 takes it, and passes it on to nobody, and answers no ping to it/],
  ['224.0.0.1', { protocol: 17 }, {}, 'delivered', /n1 takes it, and passes it on to nobody$/],
  [
    '255.255.255.255',
    {},
    { sysctls: { 'net/ipv4/icmp_echo_ignore_broadcasts': '0' } },
    'delivered',
    /^255\.255\.255\.255 is a broadcast address/,
  ],
] as const) {
  test(`what is for ${destination} goes no further than the node, and is ${fate} for protocol ${(change as { protocol?: number }).protocol ?? 1}`, async (t) => {
    const { explainer } = explainerWith(({ netns }) => (netns === undefined ? facts : {}));
    const told = await explainer.departure(packet('10.244.1.2', destination, change), outside);
    t.is(told.fate, fate);
    t.regex(told.steps.at(-1)!.text, says);
  });
}

test('what is outside of the overlay, and the node itself has, is delivered', async (t) => {
  const local = { type: 'local', device: 'lo', gateway: '', table: 'local', prefix: '' };
  const { explainer } = explainerWith(({ netns }) => (netns === undefined ? { route: local } : {}));
  t.is((await explainer.departure(packet('10.244.1.2', '198.18.0.1'), outside)).fate, 'delivered');
  const away = await explainerWith().explainer.departure(packet('10.244.1.2', '192.0.2.7'), outside);
  t.is(away.fate, 'outside');
});

test('a datagram whose way leads into the tunnel is stopped there', async (t) => {
  const loop = { type: 'unicast', device: 'weft0', gateway: '', table: 'main', prefix: '' };
  const { explainer } = explainerWith(({ protocol }) => (protocol === 17 ? { route: loop } : {}));
  const told = await explainer.departure(packet('10.244.1.2', '10.244.2.2'), leaving);
  t.is(told.fate, 'blocked');
  t.regex(told.steps.at(-1)!.text, /leads into weft0 itself$/);
});

const rulesOf = (table: string, ...lines: readonly string[]): Ruleset =>
  parseIptablesSave(['*filter', ...lines].join('\n'), { program: 'iptables', family: 4, tableTitle: () => table });
const forwarding = rulesOf('nftables table ip filter', ':FORWARD ACCEPT', '-A FORWARD -j REJECT');
const closed = rulesOf('nftables table ip filter', ':INPUT DROP');
const guessing = rulesOf('nftables table ip filter', ':FORWARD ACCEPT', '-A FORWARD -m quota --quota 5 -j DROP');

test('a firewall of the node is named where packets are passed on', async (t) => {
  const { explainer } = explainerWith(undefined, { node: forwarding });
  const told = await explainer.departure(packet('10.244.1.2', '10.244.2.2'), leaving);
  t.is(told.fate, 'blocked');
  t.regex(told.steps.at(-1)!.text, /^a firewall of n1 rejects it: .*FORWARD has "-A FORWARD -j REJECT"$/);
});

test('a firewall of the pod is named at the end that it stands at', async (t) => {
  const { explainer } = explainerWith(undefined, { pod: closed });
  t.is((await explainer.departure(packet('10.244.1.2', '10.244.2.2'), leaving)).fate, null);
  const told = await explainer.arrival(packet('10.244.2.2', '10.244.1.2'), address('198.18.0.2'), arriving);
  t.is(told.fate, 'blocked');
  t.regex(told.steps.at(-1)!.text, /^a firewall of pod web drops it: .*INPUT: policy drop$/);
});

test('a firewall before weft is named where the datagram comes in', async (t) => {
  const against = rulesOf('nftables table ip filter', ':INPUT ACCEPT', '-A INPUT -p udp --dport 4789 -j DROP');
  const { explainer } = explainerWith(undefined, { node: against });
  const told = await explainer.arrival(packet('10.244.2.2', '10.244.1.2'), address('198.18.0.2'), arriving);
  t.is(hooks(told), 'kernel');
  t.is(told.fate, 'blocked');
});

test('a rule that nobody can tell is not said to let the packet pass', async (t) => {
  const { explainer } = explainerWith(undefined, { node: guessing });
  const told = await explainer.departure(packet('10.244.1.2', '10.244.2.2'), leaving);
  t.is(told.fate, null);
  const unsure = told.steps.find(({ verdict }) => verdict === 'unknown')!;
  t.regex(unsure.text, /^whether the firewall of n1 lets it pass cannot be told: .*--quota 5/);
});

test('a pod with more chains than can be judged is not said to let the packet pass', async (t) => {
  const [chain] = closed.chains;
  const many = { chains: Array.from({ length: 17 }, (_, index) => ({ ...chain!, name: `c${index}` })) };
  const { explainer } = explainerWith(undefined, { pod: many });
  const told = await explainer.departure(packet('10.244.1.2', '10.244.2.2'), leaving);
  t.true(told.steps.some(({ verdict, text }) => verdict === 'unknown' && text.endsWith('it has too many chains')));
});

test('from a source that no pod has, a pod cannot send; from outside of the overlay, others may', async (t) => {
  const bound = rulesOf(
    'nftables table inet weft-pods',
    ':INPUT ACCEPT',
    ':FORWARD DROP',
    '-A FORWARD -s 10.244.1.2 -j ACCEPT',
  );
  const { explainer } = explainerWith(undefined, { node: bound });
  const told = await explainer.departure(packet('10.244.3.9', '10.244.2.2'), leaving);
  t.is(told.fate, 'blocked');
  t.regex(told.steps.at(-1)!.text, /^dropped by the kernel of n1 as pod-spoofed-source: no pod may send from there/);
  t.is((await explainer.departure(packet('10.244.1.2', '10.244.2.2'), leaving)).fate, null);
  const outside = await explainer.departure(packet('203.0.113.9', '10.244.2.2'), leaving);
  t.is(outside.fate, null);
  t.true(outside.steps.some(({ text }) => text.endsWith('it is not known by which device it comes')));
});
