/**
 * Policies as people write them, in clusters that change: what the kernel of one node does with packets of its pods is what the verdict says.
 */
import test from 'ava';
import { tagOfIsolation, tagOfRule } from '../../src/daemon/policy/policy-names.ts';
import { PolicyEnforcement } from '../../src/daemon/policy/policy-enforcement.ts';
import { readCounters } from '../../src/linux/nft-netlink.ts';
import { POLICY_TABLE } from '../../src/linux/nftables.ts';
import type { PolicyNamespace, PolicyNode, PolicyPod } from '../../src/policy/cluster-facts.ts';
import { ClusterView } from '../../src/policy/cluster-view.ts';
import type { NodePlan } from '../../src/policy/node-plan.ts';
import { NodePlanner } from '../../src/policy/node-planner.ts';
import { type Policy, titleOf } from '../../src/policy/policy.ts';
import { type VerdictCause, verdict } from '../../src/policy/verdict.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { equalIpAddresses, formatIpAddress } from '../../src/wire/address.ts';
import { pick } from '../support/mutation.ts';
import { type PolicyPlace, type PolicyProbe, PolicyRouter } from '../support/policy-router.ts';
import { policyOf } from '../support/policy-state.ts';
import { type PolicyObject, RandomPolicies } from '../support/random-policies.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const rounds = Number(process.env['ROUNDS'] ?? 40);
const PROBES = 100;
/** Each packet has a source port of its own, as one that had it before is still known to conntrack. */
const FIRST_SOURCE_PORT = 10_000;
const MOST_ROUNDS = Math.floor((65_536 - FIRST_SOURCE_PORT) / PROBES);
const POLICIES = 7;
const PORTS = [53, 80, 81, 443];

/** Pods of this node, and in the world one of another node, that node under both of its addresses, and strangers. */
const places = {
  a: ['10.244.1.2', 'fd00:1::2'],
  b: ['10.244.1.3', 'fd00:1::3'],
  c: ['10.244.1.4', 'fd00:1::4'],
  world: [
    '10.244.2.5',
    'fd00:2::5',
    '10.244.2.1',
    'fd00:2::1',
    '192.168.0.2',
    '203.0.113.9',
    '198.51.100.1',
    '2001:db8::9',
  ],
};
const locals = ['a', 'b', 'c'];

let router: PolicyRouter;

test.before(async () => {
  router = await PolicyRouter.up(`weftclu${process.pid}`, places);
  await router.answer(false);
});

test.after.always(async () => router?.down());

/** A cluster that changes, and the planner of its first node. */
class Cluster {
  readonly planner = new NodePlanner('node1');
  readonly #random: SeededRandom;
  readonly #made: RandomPolicies;
  readonly #pods = new Map<string, PolicyPod>();
  readonly #policies = new Map<string, Policy>();
  /** As they were written. */
  readonly objects = new Map<string, PolicyObject>();
  readonly #namespaces = new Map<string, PolicyNamespace>();
  readonly #nodes = new Map<string, PolicyNode>();

  constructor(random: SeededRandom) {
    this.#random = random;
    this.#made = new RandomPolicies(random);
    for (const name of [...locals, 'far']) this.#setPod(name);
    for (const number of [1, 2]) this.#setNode(number);
    for (let number = 0; number < POLICIES; number++) this.#setPolicy(number);
  }

  change(): void {
    const kind = this.#random.below(6);
    if (kind < 2) this.#setPod(pick(this.#random, [...locals, 'far']));
    else if (kind < 4) this.#setPolicy(this.#random.below(POLICIES));
    else if (kind === 4) this.#setNode(pick(this.#random, [1, 2]));
    else {
      const namespace = this.#made.namespace();
      this.#namespaces.set(namespace.name, namespace);
      this.planner.setNamespace(namespace);
    }
  }

  view(): ClusterView {
    const [pods, namespaces, nodes] = [this.#pods, this.#namespaces, this.#nodes].map((all) => [...all.values()]);
    return new ClusterView(this.#policies.values(), {
      pods: pods as PolicyPod[],
      namespaces: namespaces as PolicyNamespace[],
      nodes: nodes as PolicyNode[],
    });
  }

  #setPod(name: string): void {
    const isLocal = locals.includes(name);
    const place = router.places.get(isLocal ? name : 'world')!;
    const pod: PolicyPod = {
      ...this.#made.pod(0),
      key: name,
      name,
      hostNetwork: false,
      nodeName: isLocal ? 'node1' : 'node2',
      addresses: place.addresses.slice(0, 2),
    };
    this.#pods.set(name, pod);
    this.planner.setPod(pod);
  }

  #setNode(number: number): void {
    const overlay = router.places.get('world')!.addresses.slice(2, 4);
    const node = { ...this.#made.node(number), ...(number === 2 && { overlayAddresses: overlay }) };
    this.#nodes.set(node.name, node);
    this.planner.setNode(node);
  }

  /** Another one, or none. */
  #setPolicy(number: number): void {
    const object = this.#made.policy(number);
    const policy = policyOf(object);
    for (const [title, known] of this.#policies) {
      if (known.name !== policy.name) continue;
      this.#policies.delete(title);
      this.objects.delete(title);
      this.planner.removePolicy(title);
    }
    if (this.#random.below(4) === 0) return;
    this.#policies.set(titleOf(policy), policy);
    this.objects.set(titleOf(policy), object);
    this.planner.setPolicy(policy);
  }
}

test.serial(`the kernel does what policies say, whatever changes in a cluster (SEED=${seed})`, async (t) => {
  const random = new SeededRandom(seed);
  const cluster = new Cluster(random);
  const enforcement = new PolicyEnforcement();
  t.teardown(async () => enforcement.clear());
  for (const name of locals) await enforcement.prepare(name, router.places.get(name)!.device);
  cluster.planner.takeChange();
  await enforcement.apply(cluster.planner.plan());
  const outcomes = { passed: 0, denied: 0, audited: 0 };
  let sourcePort = FIRST_SOURCE_PORT;
  if (rounds > MOST_ROUNDS)
    throw new Error(`ROUNDS=${rounds}: there are source ports for ${MOST_ROUNDS}; run it more than once`);
  for (let round = 0; round < rounds; round++) {
    for (let count = 1 + random.below(3); count > 0; count--) cluster.change();
    await enforcement.change(cluster.planner.takeChange());
    t.deepEqual((await enforcement.inspect()).findings, [], `round ${round}`);
    const [view, plan] = [cluster.view(), cluster.planner.plan()];
    const probes = Array.from({ length: PROBES }, () => probeOf(random, sourcePort++));
    const before = readCounters(POLICY_TABLE)!;
    const passed = await router.volley(probes);
    const after = readCounters(POLICY_TABLE)!;
    const counts = new Map<string, number>();
    for (const [index, probe] of probes.entries()) {
      const judged = edgesOf(probe, view, plan);
      const isAllowed = judged.every((edge) => edge.isAllowed);
      const told = `round ${round}: ${wordsOf(probe)}\n${JSON.stringify([judged, ...cluster.objects.values()])}`;
      t.is(passed[index], isAllowed, told);
      outcomes[isAllowed ? 'passed' : 'denied']++;
      for (const tag of judged.flatMap(({ counted }) => counted)) counts.set(tag, (counts.get(tag) ?? 0) + 1);
      for (const tag of judged.flatMap(({ audited }) => audited)) {
        outcomes.audited++;
        t.true((after.get(tag) ?? 0) > (before.get(tag) ?? 0), told);
      }
    }
    for (const [tag, count] of counts) t.is((after.get(tag) ?? 0) - (before.get(tag) ?? 0), count, `round ${round}`);
    t.deepEqual((await enforcement.inspect()).findings, [], `round ${round}`);
    if (!t.passed) return;
  }
  t.log(outcomes);
  // Not each history has policies in audit mode.
  t.true(outcomes.passed > 0 && outcomes.denied > 0);
});

function probeOf(random: SeededRandom, sourcePort: number): PolicyProbe {
  const all = [...router.places.values()];
  const from = pick(random, all);
  const source = pick(random, from.addresses);
  const to: PolicyPlace = pick(
    random,
    all.filter((place) => place !== from),
  );
  return {
    from,
    source,
    destination: pick(
      random,
      to.addresses.filter(({ family }) => family === source.family),
    ),
    kind: pick(random, ['tcp', 'udp', 'sctp', 'icmp'] as const),
    sourcePort,
    destinationPort: pick(random, PORTS),
  };
}

function flowOf({ source, destination, kind, destinationPort }: PolicyProbe): Parameters<typeof verdict>[0] {
  const protocol = ({ tcp: 'TCP', udp: 'UDP', sctp: 'SCTP' } as const)[kind as 'tcp' | 'udp' | 'sctp'];
  return { source, destination, protocol, port: kind === 'icmp' ? undefined : destinationPort };
}

function wordsOf({ source, destination, kind, destinationPort }: PolicyProbe): string {
  return `${kind} ${formatIpAddress(source)} -> ${formatIpAddress(destination)} ${destinationPort}`;
}

/** What one edge says, and by which names it counts. */
interface JudgedEdge {
  readonly isAllowed: boolean;
  readonly counted: readonly string[];
  readonly audited: readonly string[];
}

/** The edges of this node, of which the second is not asked about what the first denies. */
function edgesOf(probe: PolicyProbe, view: ClusterView, plan: NodePlan): JudgedEdge[] {
  const judged = verdict(flowOf(probe), view);
  const to = [...router.places.values()].find(({ addresses }) =>
    addresses.some((address) => equalIpAddresses(address, probe.destination)),
  );
  const edges = (
    [
      [probe.from, 'egress'],
      [to!, 'ingress'],
    ] as const
  ).flatMap(([{ name }, direction]): JudgedEdge[] => {
    if (!locals.includes(name)) return [];
    const { isAllowed, cause, audited } = judged[direction];
    const key = plan.pods.find(({ pod }) => pod === name)?.[direction];
    const tagsOf = (one: VerdictCause): string[] => {
      if (one.kind === 'rule') return [tagOfRule({ name: one.rule })];
      return one.kind === 'isolated' ? [tagOfIsolation({ key: key! })] : [];
    };
    return [{ isAllowed, counted: tagsOf(cause), audited: audited.flatMap(tagsOf) }];
  });
  return edges[0]?.isAllowed === false ? edges.slice(0, 1) : edges;
}
