/** Plans that were kept up to date, against plans made at once, and against verdicts. `SEED=…` replays one history. */
import test, { type ExecutionContext } from 'ava';
import type { PolicyPod } from '../../src/policy/cluster-facts.ts';
import { ClusterView } from '../../src/policy/cluster-view.ts';
import type { NodePlan, NodePlanChange } from '../../src/policy/node-plan.ts';
import { NodePlanner } from '../../src/policy/node-planner.ts';
import { type Direction, directions } from '../../src/policy/policy.ts';
import { edgeVerdict, type Flow, type VerdictCause } from '../../src/policy/verdict.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { equalIpAddresses } from '../../src/wire/address.ts';
import { prefixesOverlap } from '../../src/wire/prefix.ts';
import { type PlannedVerdict, plannedVerdict } from '../support/plan-evaluator.ts';
import { PolicyState } from '../support/policy-state.ts';
import { RandomPolicies } from '../support/random-policies.ts';

const HISTORIES = 300;
const ROUNDS = 6;
const CHANGES = 8;
const FLOWS = 12;

const nodeNames = ['node1', 'node2', 'node3'];
const given = process.env['SEED'];
const first = given === undefined ? Math.trunc(Math.random() * 0x7f_ff_ff_ff) : Number(given);

test(`${HISTORIES} random histories from seed ${first} end in the plan of what is there`, (t) => {
  for (let seed = first; seed < first + (given === undefined ? HISTORIES : 1); seed++) {
    const random = new SeededRandom(seed);
    const state = new PolicyState(random);
    const planners = nodeNames.map((name) => new NodePlanner(name));
    const followers = nodeNames.map(() => new PlanFollower());
    for (let round = 0; round < ROUNDS; round++) {
      const count = 1 + random.below(CHANGES);
      for (let number = 0; number < count; number++) state.change(planners);
      const plans = planners.map((planner, at) => {
        const problem = followers[at]!.follow(planner.takeChange());
        if (problem !== '') t.fail(`SEED=${seed}: ${problem}`);
        return planner.plan();
      });
      for (const [at, name] of nodeNames.entries()) {
        const fresh = new NodePlanner(name);
        state.tell(fresh);
        expectSame(t, plans[at], fresh.plan(), seed);
        expectSame(t, followers[at]!.plan(), plans[at], seed);
      }
      const overlapping = plans.flatMap(overlaps);
      if (overlapping.length > 0) t.fail(`SEED=${seed}: ${overlapping.join()}`);
      judge(t, state, plans, random, seed);
    }
  }
  t.pass();
});

/** Assertions are slow. */
function expectSame(t: ExecutionContext, actual: unknown, expected: unknown, seed: number): void {
  if (JSON.stringify(actual) !== JSON.stringify(expected)) t.deepEqual(actual, expected, `SEED=${seed}`);
}

function judge(
  t: ExecutionContext,
  state: PolicyState,
  plans: readonly NodePlan[],
  random: SeededRandom,
  seed: number,
): void {
  const facts = {
    pods: [...state.pods.values()],
    namespaces: state.namespaces.values(),
    nodes: [...state.nodes.values()],
  };
  const view = new ClusterView(state.policies.values(), facts);
  for (let count = 0; count < FLOWS; count++) {
    const flow = new RandomPolicies(random).flow(facts);
    for (const direction of directions) {
      const { isAllowed, cause, audited } = edgeVerdict(flow, direction, view);
      const actual = ofPlans(plans, view, direction, flow);
      expectSame(t, actual, { isAllowed, why: words(cause), audited: audited.map(words) }, seed);
    }
  }
}

/** Of all pods with the address: see `edgeVerdict`. */
function ofPlans(plans: readonly NodePlan[], view: ClusterView, direction: Direction, flow: Flow): PlannedVerdict {
  const [own, other] = direction === 'ingress' ? [flow.destination, flow.source] : [flow.source, flow.destination];
  const nodes = view.nodesAt(other).map(({ name }) => name);
  const isForwarded = ({ nodeName, addresses }: PolicyPod) =>
    !nodes.includes(nodeName) && !addresses.some((address) => equalIpAddresses(address, other));
  const verdicts = view.podsAt(own).map((pod) => {
    if (!isForwarded(pod)) return nothingJudges;
    const plan = plans[nodeNames.indexOf(pod.nodeName)]!;
    return plannedVerdict(plan, pod.key, direction, flow);
  });
  return verdicts.find(({ isAllowed }) => !isAllowed) ?? verdicts[0] ?? nothingJudges;
}

const nothingJudges: PlannedVerdict = { isAllowed: true, why: '', audited: [] };

function words(cause: VerdictCause): string {
  if (cause.kind === 'isolated') return `isolated by ${cause.policies.join(', ')}`;
  if (cause.kind === 'labels-unknown') return `isolated by ${cause.pod.split('/')[0]}/(labels-unknown)`;
  return cause.kind === 'rule' ? cause.rule : '';
}

function overlaps({ peerSets }: NodePlan): readonly string[] {
  return peerSets
    .filter(({ prefixes }) => prefixes.some((prefix, at) => at > 0 && prefixesOverlap(prefixes[at - 1]!, prefix)))
    .map(({ key }) => `${key} overlaps`);
}

/** Makes the plan of nothing but its changes, each of which has to be one. */
class PlanFollower {
  readonly #items = {
    pods: new Map<string, unknown>(),
    isolations: new Map<string, unknown>(),
    peerSets: new Map<string, unknown>(),
    portSets: new Map<string, unknown>(),
  };

  /** What is wrong with a change; empty: nothing. */
  follow(change: NodePlanChange): string {
    for (const kind of ['pods', 'isolations', 'peerSets', 'portSets'] as const) {
      const items = this.#items[kind];
      for (const key of change[kind].gone) if (!items.delete(key)) return `${key} was gone before`;
      for (const item of change[kind].changed) {
        const key = 'pod' in item ? item.pod : item.key;
        if (JSON.stringify(items.get(key)) === JSON.stringify(item)) return `${key} is as before`;
        items.set(key, item);
      }
    }
    return '';
  }

  plan(): unknown {
    const { pods, isolations, peerSets, portSets } = this.#items;
    return {
      pods: sorted(pods),
      isolations: sorted(isolations),
      peerSets: sorted(peerSets),
      portSets: sorted(portSets),
    };
  }
}

function sorted(items: ReadonlyMap<string, unknown>): unknown {
  return [...items].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item);
}
