/**
 * What explain says against what a ping finds, with one fault at a time: of links, addresses, routes, rules, parameters, neighbours
 * and firewalls, in pods and on nodes, here and there. On a lab of two nodes with two pods each.
 */
import test from 'ava';
import type { Explanation, Fate } from '../../src/explain/explanation.ts';
import type { Program } from '../support/program.ts';
import { TestLab } from '../support/test-lab.ts';

/** Where a command runs, and the command. */
type Command = readonly [place: string, ...argv: readonly string[]];

interface Fault {
  readonly name: string;
  readonly seed: readonly Command[];
  readonly heal: readonly Command[];
  /** weft puts it back by itself: it is seeded again and again, and an audit heals it. */
  readonly isWefts?: true;
  /** Otherwise n2/p1. */
  readonly to?: keyof typeof places;
  readonly fate: Fate;
  readonly way?: 'back';
  /** What the headline says. */
  readonly says: RegExp;
}

const places = {
  'n2/p1': '10.244.2.2',
  'n1/p2': '10.244.1.3',
  n2: '10.244.2.1',
  'fd00:10:244:2::2': 'fd00:10:244:2::2',
} as const;

/** Node's end of the cable of p1: pods of one name have one of one name. */
const CABLE = 'wf86cea54a';

/** A ping that is late, a node that is, or a repair between the two, is tried again. */
const AGREEMENT_MS = 45_000;

let lab: TestLab;

test.before(async () => {
  lab = await TestLab.up('--nodes', '2', '--pods', '2', '--set', 'audit.watch=off');
});

test.after.always(async () => lab?.down());

const sysctl = (place: string, name: string, value: number): Command => [place, 'sysctl', '-qw', `${name}=${value}`];
const ip = (place: string, words: string): Command => [place, 'ip', ...words.split(' ')];

/** A chain of a firewall of somebody else, and how it goes again. */
const nft = (place: string, chains: string): Pick<Fault, 'seed' | 'heal'> => ({
  seed: [[place, 'nft', `table inet oops {\n${chains}\n}\n`]],
  heal: [[place, 'nft', 'delete table inet oops']],
});

/** What `furnishPod` gives a pod, after its device or its address was gone. */
const furnish = (pod: string, address: string): Command[] => [
  ip(pod, `address replace ${address}/32 dev eth0`),
  ip(pod, 'link set eth0 up'),
  ip(pod, 'route replace 169.254.1.1 dev eth0 scope link'),
  ip(pod, `route replace default via 169.254.1.1 dev eth0 src ${address}`),
];

/** Those that are tried on the node where the packet comes from, and on the one that it goes to. */
function faultsOf(node: 'n1' | 'n2'): Fault[] {
  const isThere = node === 'n1';
  const [own, far] = isThere ? ['10.244.1.2', '10.244.2.2'] : ['10.244.2.2', '10.244.1.2'];
  const pod = `${node}-p1`;
  const back = isThere ? {} : ({ way: 'back' } as const);
  return [
    {
      name: `weft0 down on ${node}`,
      seed: [ip(node, 'link set weft0 down')],
      heal: [],
      isWefts: true,
      fate: 'blocked',
      says: new RegExp(`^weft0 is down at ${node}`),
    },
    {
      name: `the routes of weft flushed on ${node}`,
      seed: [ip(node, 'route flush proto 87')],
      heal: [],
      isWefts: true,
      fate: 'diverted',
      says: new RegExp(
        `^the route of ${node} to .* leads to eth0 via 198\\.18\\.255\\.254 \\(route default\\), and not to (weft0|${CABLE})`,
      ),
    },
    {
      name: `ip_forward off on ${node}`,
      seed: [sysctl(node, 'net.ipv4.ip_forward', 0)],
      heal: [],
      isWefts: true,
      fate: 'blocked',
      says: new RegExp(`^net.ipv4.ip_forward of ${node} is 0`),
    },
    {
      name: `a rule before main on ${node}`,
      seed: [
        ip(node, 'route add 10.244.0.0/16 via 198.18.255.254 dev eth0 table 77'),
        ip(node, `rule add to ${far} lookup 77 pref 100`),
      ],
      heal: [ip(node, 'rule delete pref 100'), ip(node, 'route flush table 77')],
      ...back,
      fate: 'diverted',
      says: /leads to eth0 via 198\.18\.255\.254 \(route 10\.244\.0\.0\/16 of table 77, by rule 100: from all to 10\.244\..\.2 lookup 77\), and not to weft0$/,
    },
    {
      name: `a more specific route on ${node}`,
      seed: [ip(node, `route add ${far} via 198.18.255.254 dev eth0`)],
      heal: [ip(node, `route delete ${far}`)],
      ...back,
      fate: 'diverted',
      says: /leads to eth0 via 198\.18\.255\.254 \(route 10\.244\..\.2\), and not to weft0$/,
    },
    {
      name: `a blackhole on ${node}`,
      seed: [ip(node, `route add blackhole ${far}`)],
      heal: [ip(node, `route delete blackhole ${far}`)],
      fate: 'blocked',
      // The loose filter of weft0 takes nothing in that could not be answered.
      says: isThere
        ? /: there is a route blackhole 10\.244\.2\.2$/
        : /^rp_filter of weft0 at n2 is 2: there is no way back to 10\.244\.1\.2/,
    },
    {
      name: `a rule that prohibits on ${node}`,
      seed: [ip(node, `rule add from 10.244.0.0/16 prohibit pref 90`)],
      heal: [ip(node, 'rule delete pref 90')],
      fate: 'blocked',
      says: /maybe by rule 90: from 10\.244\.0\.0\/16 prohibit$/,
    },
    {
      name: `the pod's end of the cable down at ${node}`,
      seed: [ip(pod, 'link set eth0 down')],
      heal: furnish(pod, own),
      fate: 'blocked',
      says: isThere
        ? /^eth0 is down at pod p1/
        : new RegExp(`^${CABLE} has no carrier: its other end is down or gone at n2`),
    },
    {
      name: `the node's end of the cable down at ${node}`,
      seed: [ip(node, `link set ${CABLE} down`)],
      heal: [],
      isWefts: true,
      fate: 'blocked',
      says: isThere
        ? /^eth0 has no carrier: its other end is down or gone at pod p1/
        : new RegExp(`^${CABLE} is down at n2`),
    },
    {
      name: `the default route gone in the pod of ${node}`,
      seed: [ip(pod, 'route delete default')],
      heal: furnish(pod, own),
      ...back,
      fate: 'blocked',
      says: /^the kernel of pod p1 has no way to 10\.244\..\.2: Network is unreachable$/,
    },
    {
      name: `the address gone in the pod of ${node}`,
      seed: [ip(pod, `address delete ${own}/32 dev eth0`)],
      heal: furnish(pod, own),
      fate: 'blocked',
      says: /^10\.244\..\.2 is on no device of pod p1/,
    },
    {
      name: `a wrong neighbour of the gateway in the pod of ${node}`,
      seed: [ip(pod, 'neighbour replace 169.254.1.1 lladdr 02:00:00:00:00:99 dev eth0 nud permanent')],
      heal: [ip(pod, 'neighbour delete 169.254.1.1 dev eth0')],
      ...back,
      fate: 'blocked',
      says: /^pod p1 sends what is for 169\.254\.1\.1 to the MAC address 02:00:00:00:00:99/,
    },
    {
      name: `a wrong neighbour of the pod on ${node}`,
      seed: [ip(node, `neighbour replace ${own} lladdr 02:00:00:00:00:99 dev ${CABLE} nud permanent`)],
      heal: [ip(node, `neighbour delete ${own} dev ${CABLE}`)],
      ...(isThere ? ({ way: 'back' } as const) : {}),
      fate: 'blocked',
      says: new RegExp(`^${node} sends what is for ${own} to the MAC address 02:00:00:00:00:99, and ${CABLE} leads to`),
    },
    {
      name: `an MTU of the pod's device at ${node} that is too small`,
      seed: [ip(pod, 'link set eth0 mtu 70')],
      heal: [ip(pod, 'link set eth0 mtu 1450')],
      ...(isThere ? ({ way: 'back' } as const) : {}),
      fate: 'blocked',
      says: /^it has 84 bytes, more than the MTU of eth0 at pod p1, 70: nothing longer comes in$/,
    },
  ];
}

/** As firewalld has it: an accept policy, and a last rule that rejects, in a chain to which others jump. */
const lastReject = `chain f { type filter hook forward priority 0; policy accept; ct state established accept; jump g; }
chain g { iifname "lo" accept; counter reject; }`;

/** Those of firewalls, at either end, in the pod and on the node. */
const firewallFaults: Fault[] = [
  {
    name: 'a policy to drop what is forwarded on n1',
    ...nft('n1', 'chain f { type filter hook forward priority 0; policy drop; }'),
    fate: 'blocked',
    says: /^a firewall of n1 drops it: nftables chain inet oops f: policy drop$/,
  },
  {
    name: 'a last rule that rejects on n1',
    ...nft('n1', lastReject),
    fate: 'blocked',
    says: /^a firewall of n1 rejects it: nftables chain inet oops g has "counter .*reject.*", reached from f$/,
  },
  {
    name: 'a last rule that rejects on n2',
    ...nft('n2', lastReject),
    fate: 'blocked',
    says: /^a firewall of n2 rejects it: nftables chain inet oops g has/,
  },
  {
    name: 'a policy to drop between two pods of one node',
    ...nft('n1', 'chain f { type filter hook forward priority 0; policy drop; }'),
    to: 'n1/p2',
    fate: 'blocked',
    says: /^a firewall of n1 drops it/,
  },
  {
    name: 'a rule against VXLAN on n2',
    ...nft('n2', 'chain i { type filter hook input priority 0; udp dport 4789 drop; }'),
    fate: 'blocked',
    says: /^a firewall of n2 drops it: nftables chain inet oops i has "udp dport 4789 drop"$/,
  },
  {
    name: 'a rule against VXLAN on its way out of n2',
    ...nft('n2', 'chain o { type filter hook output priority 0; udp dport 4789 drop; }'),
    way: 'back',
    fate: 'blocked',
    says: /^a firewall of n2 drops it: nftables chain inet oops o has/,
  },
  {
    name: 'a firewall in the pod that sends',
    ...nft('n1-p1', 'chain o { type filter hook output priority 0; ip daddr 10.244.0.0/16 drop; }'),
    fate: 'blocked',
    says: /^a firewall of pod p1 drops it: nftables chain inet oops o has "ip daddr 10\.244\.0\.0\/16 drop"$/,
  },
  {
    name: 'a firewall in the pod that receives',
    ...nft(
      'n2-p1',
      'chain i { type filter hook input priority 0; policy drop; iifname "lo" accept; tcp dport 80 accept; }',
    ),
    fate: 'blocked',
    says: /^a firewall of pod p1 drops it: nftables chain inet oops i: policy drop$/,
  },
  {
    name: 'a firewall in the pod that receives, against answers alone',
    ...nft('n2-p1', 'chain o { type filter hook output priority 0; icmp type echo-reply drop; }'),
    way: 'back',
    fate: 'blocked',
    says: /^a firewall of pod p1 drops it: nftables chain inet oops o has "icmp type .* drop"$/,
  },
];

/** Those of the way back, of the node itself, and of two pods of one node. */
const faults: Fault[] = [
  ...faultsOf('n1'),
  ...faultsOf('n2'),
  ...firewallFaults,
  {
    name: 'a strict rp_filter and another way back',
    seed: [
      sysctl('n1', `net.ipv4.conf.${CABLE}.rp_filter`, 1),
      ip('n1', 'route add 10.244.1.2 dev weft0 table 78'),
      ip('n1', 'rule add to 10.244.1.2 lookup 78 pref 95'),
    ],
    heal: [
      sysctl('n1', `net.ipv4.conf.${CABLE}.rp_filter`, 0),
      ip('n1', 'rule delete pref 95'),
      ip('n1', 'route flush table 78'),
    ],
    fate: 'blocked',
    says: /^rp_filter of wf86cea54a at n1 is 1, and the way back to 10\.244\.1\.2 leads to weft0/,
  },
  {
    // On n1 a ping would get an answer, from n1 itself.
    name: 'the address of the other pod on n2',
    seed: [ip('n2', 'address add 10.244.1.2/32 dev lo')],
    heal: [ip('n2', 'address delete 10.244.1.2/32 dev lo')],
    way: 'back',
    fate: 'diverted',
    says: /^n2 takes it for itself: 10\.244\.1\.2 is a local address there/,
  },
  {
    name: 'ping off in the pod that should answer',
    seed: [sysctl('n2-p1', 'net.ipv4.icmp_echo_ignore_all', 1)],
    heal: [sysctl('n2-p1', 'net.ipv4.icmp_echo_ignore_all', 0)],
    fate: 'blocked',
    way: 'back',
    says: /^pod p1 answers no ping: net\.ipv4\.icmp_echo_ignore_all is 1$/,
  },
  {
    name: 'ip_forward off between two pods of one node',
    seed: [sysctl('n1', 'net.ipv4.ip_forward', 0)],
    heal: [],
    isWefts: true,
    to: 'n1/p2',
    fate: 'blocked',
    says: /^net\.ipv4\.ip_forward of n1 is 0/,
  },
  {
    name: 'the other pod of the node without its route',
    seed: [ip('n1-p2', 'route delete default')],
    heal: furnish('n1-p2', '10.244.1.3'),
    to: 'n1/p2',
    fate: 'blocked',
    way: 'back',
    says: /^the kernel of pod p2 has no way to 10\.244\.1\.2: Network is unreachable$/,
  },
  {
    name: 'the address of the other node gone',
    seed: [ip('n2', 'address delete 10.244.2.1/32 dev weft0')],
    heal: [],
    isWefts: true,
    to: 'n2',
    fate: 'blocked',
    says: /^10\.244\.2\.1 is on no device of n2: nobody takes the packet$/,
  },
];

/** Kinds of faults that IPv6 has of its own. Before the others: a device whose MTU was too small for it has no IPv6 any more. */
const faultsOfIpv6: Fault[] = [
  {
    name: 'forwarding of IPv6 off on n1',
    seed: [sysctl('n1', 'net.ipv6.conf.all.forwarding', 0)],
    heal: [],
    isWefts: true,
    fate: 'blocked',
    says: /^net\.ipv6\.conf\.all\.forwarding of n1 is 0/,
  },
  {
    name: 'an IPv6 blackhole on n2',
    seed: [ip('n2', 'route add blackhole fd00:10:244:1::2')],
    heal: [ip('n2', 'route delete blackhole fd00:10:244:1::2')],
    way: 'back',
    fate: 'blocked',
    says: /^the kernel of n2 has no way to fd00:10:244:1::2: there is a route blackhole fd00:10:244:1::2$/,
  },
  {
    name: 'the IPv6 address gone in the pod that receives',
    seed: [ip('n2-p1', '-6 address delete fd00:10:244:2::2/128 dev eth0')],
    heal: [ip('n2-p1', '-6 address add fd00:10:244:2::2/128 dev eth0 nodad')],
    fate: 'blocked',
    says: /^fd00:10:244:2::2 is on no device of pod p1: nobody takes the packet$/,
  },
  {
    name: 'the default route of IPv6 gone in the pod that sends',
    seed: [ip('n1-p1', '-6 route delete default')],
    heal: [ip('n1-p1', '-6 route add default via fe80::1 dev eth0 proto 87 src fd00:10:244:1::2')],
    fate: 'blocked',
    says: /^the kernel of pod p1 has no way to fd00:10:244:2::2/,
  },
  {
    name: 'a wrong neighbour of the IPv6 gateway in the pod that sends',
    seed: [ip('n1-p1', '-6 neighbour replace fe80::1 lladdr 02:00:00:00:00:99 dev eth0 nud permanent')],
    heal: [ip('n1-p1', '-6 neighbour delete fe80::1 dev eth0')],
    fate: 'blocked',
    says: /^pod p1 sends what is for fe80::1 to the MAC address 02:00:00:00:00:99/,
  },
  {
    name: 'a rule against answers of ICMPv6 on n2',
    ...nft('n2', 'chain f { type filter hook forward priority 0; icmpv6 type echo-reply drop; }'),
    way: 'back',
    fate: 'blocked',
    says: /^a firewall of n2 drops it: nftables chain inet oops f has "icmpv6 type .* drop"$/,
  },
].map((fault) => ({ ...fault, to: 'fd00:10:244:2::2' }) as Fault);

async function explain(destination: string): Promise<Explanation> {
  return await lab.control('n1').explain({ source: 'n1/p1', destination });
}

/** Whether an echo comes back soon. */
async function reaches(to: keyof typeof places): Promise<boolean> {
  return (await lab.tryExec('n1-p1', 'ping', '-n', '-q', '-c', '1', '-W', '0.5', places[to])).exitCode === 0;
}

async function run(commands: readonly Command[]): Promise<void> {
  for (const [place, ...argv] of commands) await lab.exec(place, ...argv);
}

/** What is said, as soon as that is what is expected, and a ping that is sent meanwhile agrees. @throws Error with both if it never is */
async function agreed(to: keyof typeof places, isExpected: (said: Explanation) => boolean): Promise<Explanation> {
  const deadline = performance.now() + AGREEMENT_MS;
  for (;;) {
    const [explanation, isReached] = await Promise.all([explain(to), reaches(to)]);
    if (isExpected(explanation) && (explanation.fate === 'delivered') === isReached) return explanation;
    if (performance.now() < deadline) continue;
    const { fate, way, decision } = explanation;
    throw new Error(
      `a ping is ${isReached ? '' : 'not '}answered, and it is said: ${fate} ${way}: ${decision?.text ?? ''}`,
    );
  }
}

/** Seeds it all the time, in one place. */
function keep(commands: readonly Command[]): Program {
  const script = commands.map(([, ...argv]) => argv.join(' ')).join('; ');
  return lab.background(commands[0]![0], 'sh', '-c', `while :; do ${script}; sleep 0.02; done 2>/dev/null`);
}

for (const { name, seed, heal, isWefts, to = 'n2/p1', fate, way = 'there', says } of [...faultsOfIpv6, ...faults]) {
  test.serial(`explain and a ping agree with ${name}`, async (t) => {
    await run(seed);
    const keeper = isWefts === true ? keep(seed) : undefined;
    try {
      const explanation = await agreed(
        to,
        (said) => said.fate === fate && said.way === way && says.test(said.decision?.text ?? ''),
      );
      t.like(explanation, { fate, way });
    } finally {
      await keeper?.end('SIGKILL');
      await run(heal);
      if (isWefts === true) for (const node of ['n1', 'n2']) await lab.control(node).audit();
    }
    await agreed(to, (said) => said.fate === 'delivered');
  });
}
