/** Whatever is given as a policy, it is read or refused. `SEED=…` replays one object. */
import test from 'ava';
import { closedClusterNetworkPolicy, closedNetworkPolicy } from '../../src/policy/closed-policy.ts';
import { NodePlanner } from '../../src/policy/node-planner.ts';
import { readClusterNetworkPolicy } from '../../src/policy/read-cluster-network-policy.ts';
import { readNetworkPolicy } from '../../src/policy/read-network-policy.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { pick } from '../support/mutation.ts';
import { pods } from '../support/policy-cluster.ts';
import { RandomPolicies } from '../support/random-policies.ts';

const OBJECTS = 10_000;
const MAX_PROBLEMS_LENGTH = 50_000;

const given = process.env['SEED'];
const first = given === undefined ? Math.trunc(Math.random() * 0x7f_ff_ff_ff) : Number(given);

test(`${OBJECTS} damaged policies from seed ${first} are read or refused, and planned`, (t) => {
  const count = { read: 0, refused: 0 };
  for (let seed = first; seed < first + (given === undefined ? OBJECTS : 1); seed++) {
    const random = new SeededRandom(seed);
    const object = damaged(random, new RandomPolicies(random).policy(1));
    const planner = new NodePlanner('node1');
    planner.setPod({ ...pods.web, namespace: pick(random, ['shop', 'bank', 'park', 'default']) });
    try {
      for (const read of [readNetworkPolicy, readClusterNetworkPolicy]) {
        const reading = read(object);
        if (reading.policy === undefined) {
          count.refused++;
          if (reading.problems.length === 0 || reading.problems.join('').length > MAX_PROBLEMS_LENGTH)
            t.fail(`SEED=${seed}: ${reading.problems.length} problems`);
        } else {
          count.read++;
          planner.setPolicy(reading.policy);
        }
      }
      for (const policy of [closedNetworkPolicy(object), closedClusterNetworkPolicy(object)])
        if (policy !== undefined) planner.setPolicy(policy);
      planner.plan();
    } catch (error) {
      t.fail(`SEED=${seed}: ${String(error)} of ${JSON.stringify(object)}`);
    }
  }
  t.true(given !== undefined || (count.read > 1_000 && count.refused > 1_000), JSON.stringify(count));
});

test('what is deeper than a stack is refused', (t) => {
  const depth = 100_000;
  const deep = JSON.parse('{"a":'.repeat(depth) + '[]' + '}'.repeat(depth)) as unknown;
  const many = [deep, deep, deep];
  const metadata = { name: 'web', annotations: { 'weft.dev/policy-mode': deep } };
  for (const spec of [deep, { policyTypes: many }, { ingress: many }, { egress: [{ to: many, protocols: many }] }]) {
    for (const read of [readNetworkPolicy, readClusterNetworkPolicy]) t.is(read({ metadata, spec }).policy, undefined);
  }
  const rule = { action: 'Deny', to: [{ nodes: {} }], protocols: [{ destinationNamedPort: 'x' }], deep };
  t.is(readClusterNetworkPolicy({ metadata: { name: 'web' }, spec: { egress: [rule] } }).policy, undefined);
});

/** A copy, in which up to three values are something else. */
function damaged(random: SeededRandom, object: unknown): unknown {
  const copy = JSON.parse(JSON.stringify(object)) as Record<string, unknown>;
  for (let left = random.below(4); left > 0; left--) damageOne(random, copy);
  return copy;
}

function damageOne(random: SeededRandom, root: object): void {
  let at = root as Record<string, unknown>;
  for (;;) {
    const keys = Object.keys(at);
    const isNew = keys.length === 0 || random.below(12) === 0;
    // Lists of JSON have no names.
    const added = Array.isArray(at) ? String(keys.length) : pick(random, names);
    const key = isNew ? added : pick(random, keys);
    const below = Object.hasOwn(at, key) ? at[key] : undefined;
    if (typeof below === 'object' && below !== null && random.below(5) > 0) {
      at = below as Record<string, unknown>;
    } else {
      // As JSON.parse does, whatever the name.
      const value = structuredClone(pick(random, values));
      Object.defineProperty(at, key, { value, writable: true, enumerable: true, configurable: true });
      return;
    }
  }
}

const names = ['__proto__', 'constructor', '0', 'podSelector', 'pods', ''];

const texts = ['', 'a', '__proto__', 'x'.repeat(300), '10.0.0.0/8'];
const numbers = [0, -1, 1.5, 1e300, Number.MAX_SAFE_INTEGER];
const objects = [{}, { a: {} }, { matchLabels: { constructor: 'a' } }, { '': '' }];
const values = [null, true, ...texts, ...numbers, ...objects, [], [null], [[]], [{}]];
