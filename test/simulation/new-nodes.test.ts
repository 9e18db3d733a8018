/**
 * Nodes that hold no policies yet join a cluster that has some, and hear first from others that are as new as they: none takes that for all
 * there is, so no packet passes that a policy denies.
 */
import test from 'ava';
import { GOSSIP_PORT } from '../../src/membership/parameters.ts';
import { NodePlanner } from '../../src/policy/node-planner.ts';
import { PlanState } from '../../src/policy/plan-state.ts';
import { isFlowAllowed } from '../../src/policy/plan-verdict.ts';
import { readPolicy } from '../../src/policy/read-policy.ts';
import type { Rulebook } from '../../src/rulebook/rulebook.ts';
import { SimulatedCluster } from '../../src/sim/cluster.ts';
import { cutBetween } from '../../src/sim/cut.ts';
import { endpointAt } from '../../src/sim/place.ts';
import { policyOf } from '../../src/sim/policy-manifest.ts';
import { fairWeather, lossyWeather } from '../../src/sim/weather.ts';

const seeds = process.env['SEED'] === undefined ? [1, 2] : [Number(process.env['SEED'])];

/** Nodes that have policies, and how many: more than a rumour has room for. */
const OLD = 5;
const POLICIES = 50;

/** New nodes. Each has the one before it as its only seed, the first one an old node, which it does not reach at first. */
const NEW = 4;
const CUT_MS = 1_000;

const SETTLING_MS = 10_000;
const LOOK_MS = 10;
const DURATION_MS = 8_000;

/** Where nobody has policies, new nodes know that soon, in ms. */
const FRESH_MS = 3_000;

const target = { family: 4, bytes: Uint8Array.of(10, 0, 0, 1) } as const;
const client = { family: 4, bytes: Uint8Array.of(10, 0, 0, 2) } as const;
const flow = { source: client, destination: target, protocol: 6, sourcePort: 40_000, destinationPort: 80 };

/** What follows from what is held, by its digest. */
const allowed = new Map<string, boolean>();

/** Whether a node lets a packet to a pod pass that the last policy selects, and that comes from nobody whom it lets in. */
function passes(rulebook: Rulebook): boolean {
  // Until then pods are isolated.
  if (!rulebook.isKnown) return false;
  const { digest } = rulebook.summary;
  const isAllowed = allowed.get(digest) ?? isAllowedBy(rulebook);
  allowed.set(digest, isAllowed);
  return isAllowed;
}

function isAllowedBy(rulebook: Rulebook): boolean {
  const planner = new NodePlanner('n1');
  for (const { object } of rulebook.objects()) planner.setPolicy(readPolicy(JSON.parse(object!)).policy!);
  const pod = { namespace: 'shop', nodeName: 'n1', hostNetwork: false, ports: [], hasMorePorts: false };
  planner.setPod({ ...pod, key: 'own', name: 'web', labels: { app: `web-${POLICIES - 1}` }, addresses: [target] });
  const plan = new PlanState();
  plan.change(planner.takeChange());
  return isFlowAllowed(plan, flow);
}

const weathers = { 'nothing is lost': fairWeather, 'one packet in twenty is lost': lossyWeather(0.05) };

for (const [where, weather] of Object.entries(weathers))
  for (const seed of seeds)
    test(`where ${where}, a new node that hears first from another new one lets nothing pass that is denied (SEED=${seed})`, (t) => {
      const cluster = new SimulatedCluster({ nodes: OLD + NEW, seed, podsPerNode: 0, weather });
      const { clock } = cluster;
      const numbers = [...cluster.nodes.keys()];
      const [old, recent] = [numbers.slice(0, OLD), numbers.slice(OLD)];
      cluster.startAll(old);
      clock.advance(SETTLING_MS);
      const wishes = Array.from({ length: POLICIES }, (_, serial) => policyOf(serial));
      cluster.node(1).rulebook.give(wishes, () => undefined);
      clock.advance(SETTLING_MS);
      t.true(old.every((number) => !passes(cluster.node(number).rulebook) && cluster.node(number).rulebook.isHeard));

      const cut = cutBetween(old, recent);
      cluster.cut(...cut);
      clock.after(CUT_MS, () => cluster.heal(...cut));
      for (const number of recent.toReversed())
        cluster.start(number, [endpointAt(number === OLD + 1 ? 1 : number - 1, GOSSIP_PORT)]);
      const askedNew = new Set<number>();
      const passed: string[] = [];
      for (const endMs = clock.nowMs() + DURATION_MS; clock.nowMs() < endMs; clock.advance(LOOK_MS))
        for (const number of recent) {
          const { rulebook } = cluster.node(number);
          // As long as it cannot have been an old one that answered.
          const { exchangesStarted, exchangesFailed } = rulebook.statistics();
          if (exchangesStarted > exchangesFailed + 1 && rulebook.objects().length === 0) askedNew.add(number);
          if (passes(rulebook)) passed.push(`n${number} at ${clock.nowMs()} ms`);
        }
      t.deepEqual(passed, []);
      t.true(
        recent.slice(1).every((number) => askedNew.has(number)),
        'others that are new were heard first',
      );
      t.true(recent.every((number) => cluster.node(number).rulebook.isHeard));
    });

for (const seed of seeds)
  test(`a cluster that is new as a whole has no policies, and knows that soon (SEED=${seed})`, (t) => {
    const cluster = new SimulatedCluster({ nodes: 3, seed, podsPerNode: 0 });
    cluster.startAll();
    cluster.clock.advance(1_000);
    const isKnown = (): boolean => cluster.running().every((number) => cluster.node(number).rulebook.isHeard);
    t.not(cluster.clock.advanceUntil(isKnown, FRESH_MS), undefined);
  });
