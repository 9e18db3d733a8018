/** Plans of network policies in a router of its own: what the kernel does with packets is what the plan says, and connections are cut. */
import test from 'ava';
import { ASK_MARK, tagOfIsolation, tagOfRule } from '../../src/daemon/policy/policy-names.ts';
import { PolicyEnforcement } from '../../src/daemon/policy/policy-enforcement.ts';
import { readCounters } from '../../src/linux/nft-netlink.ts';
import { nftTransaction, POLICY_TABLE } from '../../src/linux/nftables.ts';
import type { IsolationPlan, NodePlan } from '../../src/policy/node-plan.ts';
import { addressKey, PlanState } from '../../src/policy/plan-state.ts';
import {
  isFlowAllowed,
  isolates,
  isolationVerdict,
  isSegmentAllowed,
  type PlannedFlow,
  type PlannedVerdict,
  reversedFlow,
} from '../../src/policy/plan-verdict.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { type IpAddress, formatIpAddress } from '../../src/wire/address.ts';
import { type PolicyPlace, type PolicyProbe, PolicyRouter, probeProtocols } from '../support/policy-router.ts';
import { planChange, RandomPlans } from '../support/random-plan.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const rounds = Number(process.env['ROUNDS'] ?? 12);
const PROBES = 150;
const PORTS = [53, 80, 443, 8_080, 9_090];
const NO_PLAN: NodePlan = { pods: [], isolations: [], peerSets: [], portSets: [] };

/** Others mark every second packet, with all bits; and see which marks packets have behind our rules. */
const marks = `table inet marks {
  counter others { }
  chain in { type filter hook prerouting priority 0; numgen inc mod 2 0 meta mark set 0xffffffff; }
  chain out {
    type filter hook forward priority filter + 20;
    meta mark != { 0, ${~ASK_MARK >>> 0}, 0xffffffff } counter name others
  }
}`;

let router: PolicyRouter;

test.before(async () => {
  router = await PolicyRouter.up(`weftpol${process.pid}`);
  await router.answer(false);
  await nftTransaction([marks], 'mark packets');
});

test.after.always(async () => router?.down());

/** Counters of the table by what they count. */
class Counts {
  readonly #counts = new Map<string, number>();

  add(tag: string): void {
    this.#counts.set(tag, (this.#counts.get(tag) ?? 0) + 1);
  }

  get(tag: string): number {
    return this.#counts.get(tag) ?? 0;
  }
}

/** Whether the edges let a probe pass, by the book; and what they count. */
function expected(state: PlanState, probe: PolicyProbe, counts: Counts): boolean {
  const hasPorts = probe.kind !== 'icmp';
  const flow: PlannedFlow = {
    source: probe.source,
    destination: probe.destination,
    protocol: probeProtocols[probe.source.family][probe.kind],
    sourcePort: hasPorts ? probe.sourcePort : undefined,
    destinationPort: hasPorts ? probe.destinationPort : undefined,
  };
  const isSegment = probe.kind === 'segment';
  const edges = [
    [flow.source, 'egress', 'ingress'],
    [flow.destination, 'ingress', 'egress'],
  ] as const;
  for (const [address, own, other] of edges) {
    const pod = state.podAt(addressKey(address));
    const verdict = judged(state, pod?.[own], flow, isSegment ? pod?.[other] : undefined);
    for (const tag of verdict.tags) counts.add(tag);
    if (!verdict.isAllowed) break;
  }
  return isSegment ? isSegmentAllowed(state, flow) : isFlowAllowed(state, flow);
}

/** What one edge says, and counts: of what it answers, it was counted when it began. @param other the direction that is asked of a segment, too. */
function judged(
  state: PlanState,
  own: string | undefined,
  flow: PlannedFlow,
  other: string | undefined,
): { readonly isAllowed: boolean; readonly tags: readonly string[] } {
  const judging = own === undefined ? undefined : state.isolation(own)!;
  const verdict = judging && isolationVerdict(state, judging, flow);
  const isDenied = verdict?.isAllowed === false;
  const isAllowedByRule = verdict?.isAllowed === true && verdict.rule !== undefined;
  const asked = other === undefined || isAllowedByRule ? undefined : state.isolation(other)!;
  const isAsked = asked !== undefined && (!isDenied || isolates(asked));
  // What the other direction may allow, is not denied yet.
  const tags = judging && verdict ? tagsOf(judging, verdict, isDenied && isAsked) : [];
  if (!isAsked) return { isAllowed: !isDenied, tags };
  const answered = isolationVerdict(state, asked, reversedFlow(flow));
  return { isAllowed: answered.isAllowed, tags: [...tags, ...tagsOf(asked, answered, answered.isAllowed)] };
}

function tagsOf(isolation: IsolationPlan, { isAllowed, rule, told }: PlannedVerdict, isOpen: boolean): string[] {
  const tagOf = (name: string | undefined): string =>
    name === undefined ? tagOfIsolation(isolation) : tagOfRule({ name });
  const isCounted = !isOpen && !(isAllowed && rule === undefined);
  return [...told.map(tagOf), ...(isCounted ? [tagOf(rule)] : [])];
}

/** A pod of the router, as plans know it. */
function podOf({ name, addresses }: PolicyPlace): { readonly pod: string; readonly addresses: readonly IpAddress[] } {
  return { pod: `default/${name}`, addresses };
}

const podNames = ['a', 'b', 'c'];

test.serial(`of random plans, and changes of them, the kernel does what they say (SEED=${seed})`, async (t) => {
  const random = new SeededRandom(seed);
  const pods = podNames.map((name) => router.places.get(name)!);
  const all = [...router.places.values()];
  const plans = new RandomPlans(random, {
    pods: pods.map(podOf),
    hosts: all.flatMap(({ addresses }) => addresses),
    blocks: [
      '192.0.0.0/23',
      '192.0.2.64/26',
      '192.0.2.192/26',
      '10.244.2.0/24',
      '198.51.100.128/25',
      '2001:db8:2::/48',
    ],
    ports: PORTS,
  });
  const enforcement = new PolicyEnforcement();
  t.teardown(async () => enforcement.clear());
  for (const { name, device } of pods) await enforcement.prepare(`default/${name}`, device);
  let plan = NO_PLAN;
  let sourcePort = 10_000;
  const outcomes = { passed: 0, denied: 0 };
  for (let round = 0; round < rounds; round++) {
    const next = plans.next();
    if (round === 0) await enforcement.apply(next);
    else await enforcement.change(planChange(plan, next));
    // As long as nobody else changed anything, it is known that what is there is ours.
    t.deepEqual((await enforcement.inspect()).findings, [], `round ${round}`);
    plan = next;
    const state = new PlanState();
    state.change(state.changeTo(plan));
    const probes = Array.from({ length: PROBES }, () => randomProbe(random, all, sourcePort++));
    const before = readCounters(POLICY_TABLE)!;
    const passed = await router.volley(probes);
    const after = readCounters(POLICY_TABLE)!;
    const counts = new Counts();
    for (const [index, probe] of probes.entries()) {
      const isExpected = expected(state, probe, counts);
      outcomes[isExpected ? 'passed' : 'denied']++;
      t.is(passed[index], isExpected, `round ${round}: ${describe(probe)}\n${JSON.stringify(plan, replacer, 1)}`);
    }
    for (const [tag, name] of namesOf(plan))
      t.is(
        (after.get(tag) ?? 0) - (before.get(tag) ?? 0),
        counts.get(tag),
        `round ${round}: ${name}\n${JSON.stringify(plan, replacer)}`,
      );
    t.deepEqual((await enforcement.inspect()).findings, [], `round ${round}`);
    if (!t.passed) return;
  }
  t.log(outcomes);
  t.is(readCounters({ family: 'inet', name: 'marks' })!.get('others'), 0);
  t.true(outcomes.passed > 0 && outcomes.denied > 0);
});

/** What counters count, but for rules that pass on, by their names. */
function namesOf({ isolations }: NodePlan): [string, string][] {
  return isolations.flatMap((isolation): [string, string][] => [
    ...isolation.rules
      .filter(({ action }) => action !== 'pass')
      .map((rule): [string, string] => [tagOfRule(rule), rule.name]),
    ...(isolation.isolatedBy.length > 0 ? [[tagOfIsolation(isolation), isolation.key] as [string, string]] : []),
  ]);
}

function randomProbe(random: SeededRandom, all: readonly PolicyPlace[], sourcePort: number): PolicyProbe {
  const one = <Value>(values: readonly Value[]): Value => values[random.below(values.length)]!;
  const from = one(all);
  const to = one(all.filter((place) => place !== from));
  const source = one(from.addresses);
  const destination = one(to.addresses.filter(({ family }) => family === source.family));
  const kind = one(['tcp', 'tcp', 'segment', 'udp', 'sctp', 'icmp'] as const);
  // Of what answers, the source port is that of a server.
  const isAnswer = kind === 'segment' && random.below(2) === 0;
  return {
    from,
    source,
    destination,
    kind,
    sourcePort: isAnswer ? one(PORTS) : sourcePort,
    destinationPort: isAnswer ? sourcePort : one(PORTS),
  };
}

function describe({ from, source, destination, kind, sourcePort, destinationPort }: PolicyProbe): string {
  return `${from.name} ${kind} ${formatIpAddress(source)}:${sourcePort} -> ${formatIpAddress(destination)}:${destinationPort}`;
}

function replacer(_: string, value: unknown): unknown {
  const { family, bytes } = Object(value) as Partial<IpAddress>;
  return family !== undefined && bytes !== undefined ? formatIpAddress({ family, bytes }) : value;
}
