/** Verdicts against an independent slow twin, on random clusters. `SEED=…` replays one of them. */
import test from 'ava';
import { ClusterView } from '../../src/policy/cluster-view.ts';
import { directions, type Policy } from '../../src/policy/policy.ts';
import { readClusterNetworkPolicy } from '../../src/policy/read-cluster-network-policy.ts';
import { readNetworkPolicy } from '../../src/policy/read-network-policy.ts';
import { causeText, edgeVerdict, type VerdictCause } from '../../src/policy/verdict.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { twinVerdict } from '../support/policy-twin.ts';
import { type PolicyObject, RandomPolicies } from '../support/random-policies.ts';

const CLUSTERS = 10_000;
const FLOWS = 3;

const given = process.env['SEED'];
const first = given === undefined ? Math.trunc(Math.random() * 0x7f_ff_ff_ff) : Number(given);

test(`${CLUSTERS} random clusters from seed ${first} are judged as the twin does`, (t) => {
  const kinds = new Map<string, number>();
  for (let seed = first; seed < first + (given === undefined ? CLUSTERS : 1); seed++) {
    const random = new RandomPolicies(new SeededRandom(seed));
    const facts = random.cluster();
    const objects = random.policies();
    const cluster = new ClusterView(objects.map(read), facts);
    for (let count = 0; count < FLOWS; count++) {
      const flow = random.flow(facts);
      for (const direction of directions) {
        const edge = edgeVerdict(flow, direction, cluster);
        const actual = { isAllowed: edge.isAllowed, why: why(edge.cause), audited: edge.audited.map(why) };
        const expected = twinVerdict(flow, direction, objects, facts);
        // Assertions are slow.
        if (JSON.stringify(actual) !== JSON.stringify(expected)) {
          t.log(JSON.stringify({ flow, direction, objects, facts }, undefined, 1));
          t.deepEqual(actual, expected, `SEED=${seed}`);
          return;
        }
        const kind = `${edge.cause.kind} ${edge.isAllowed}${edge.audited.length > 0 ? ' audited' : ''}${isUnsure(edge.cause) ? ' unsure' : ''}`;
        kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      }
    }
  }
  t.log(Object.fromEntries([...kinds].sort(([a], [b]) => (a < b ? -1 : 1))));
  t.true(kinds.size > 12 || given !== undefined, 'each cause came about');
});

function read(object: PolicyObject): Policy {
  const reading = object['kind'] === 'NetworkPolicy' ? readNetworkPolicy(object) : readClusterNetworkPolicy(object);
  if (reading.policy === undefined) throw new Error(reading.problems.join('\n'));
  return reading.policy;
}

/** Labels of the other end would say more, or ports of the destination. */
function isUnsure(cause: VerdictCause): boolean {
  return cause.kind === 'rule' && /\((labels|ports)-unknown\)$/.test(cause.rule);
}

/** Of all that isolate, however many. */
function why(cause: VerdictCause): string {
  if (cause.kind === 'isolated') return `isolated by ${cause.policies.join(', ')}, no rule matches`;
  return ['rule', 'labels-unknown'].includes(cause.kind) ? causeText(cause) : '';
}
