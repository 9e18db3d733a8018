/** Pods of which not all named ports are known. `SEED=…` replays one cluster. */
import test from 'ava';
import type { ClusterFacts, NamedPort, PolicyPod } from '../../src/policy/cluster-facts.ts';
import { ClusterView } from '../../src/policy/cluster-view.ts';
import { plannedMatchesOf } from '../../src/policy/match-counts.ts';
import { NodePlanner } from '../../src/policy/node-planner.ts';
import { directions, type Policy } from '../../src/policy/policy.ts';
import { causeText, edgeVerdict } from '../../src/policy/verdict.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { equalIpAddresses } from '../../src/wire/address.ts';
import { prefixWord } from '../../src/wire/prefix.ts';
import { pick } from '../support/mutation.ts';
import { clusterPolicy, facts, flow, networkPolicy, pods } from '../support/policy-cluster.ts';
import { policyOf } from '../support/policy-state.ts';
import { RandomPolicies } from '../support/random-policies.ts';

/** `shop/web` has port 80 `http`, and may have others. */
const moreWeb = { ...pods.web, hasMorePorts: true };

function withPods(changed: ReadonlyMap<string, PolicyPod>): ClusterFacts {
  return { ...facts, pods: [...facts.pods].map((pod) => changed.get(pod.key) ?? pod) };
}

const web = '10.244.1.2';
const atm = '10.244.2.3';
const to = (what: string): string => `${atm} -> ${web} ${what}`;

/** At the edge of `shop/web`, to which something begins; or at that of `bank/atm`, from which it does. */
const judged = test.macro<[Policy, string, string, 'ingress' | 'egress', PolicyPod?]>({
  exec: (t, policy, what, expected, direction, pod = moreWeb) => {
    const view = new ClusterView([policy], withPods(new Map([['shop/web', pod]])));
    const { isAllowed, cause, audited } = edgeVerdict(flow(to(what)), direction, view);
    const told = audited.map((one) => ` [${causeText(one)}]`).join('');
    t.is(`${isAllowed ? 'allowed' : 'denied'}: ${causeText(cause)}${told}`, expected);
  },
  title: (name) => name!,
});

function named(action: string, name: string, annotations: object = {}): Policy {
  const protocols = `protocols: [{destinationNamedPort: ${name}}]`;
  const peer = '{namespaces: {}}';
  return clusterPolicy(
    'tenants',
    `{ingress: [{action: ${action}, ${protocols}, from: [${peer}]}], egress: [{action: ${action}, ${protocols}, to: [${peer}]}]}`,
    annotations,
  );
}

const undecided = 'allowed: no rule decides';
const audit = { 'weft.dev/policy-mode': 'audit' };

test(
  'a pod of which all ports are known has none of another name',
  judged,
  named('Deny', 'sql'),
  'TCP 5432',
  undecided,
  'ingress',
  pods.web,
);
test(
  'what denies a port that it may have, denies it',
  judged,
  named('Deny', 'sql'),
  'TCP 5432',
  'denied: tenants ingress[0].from[0] (ports-unknown)',
  'ingress',
);
test(
  'also where the pod is the peer',
  judged,
  named('Deny', 'sql'),
  'TCP 5432',
  'denied: tenants egress[0].to[0] (ports-unknown)',
  'egress',
);
test(
  'of whatever protocol has ports',
  judged,
  named('Deny', 'sql'),
  'SCTP 9',
  'denied: tenants ingress[0].from[0] (ports-unknown)',
  'ingress',
);
test('not what has none', judged, named('Deny', 'sql'), 'ICMP', undecided, 'ingress');
test(
  'a port that is known denies by its name',
  judged,
  named('Deny', 'http'),
  'TCP 80',
  'denied: tenants ingress[0].from[0]',
  'ingress',
);
test(
  'what allows a port that it may have, does not allow it',
  judged,
  named('Accept', 'sql'),
  'TCP 5432',
  undecided,
  'ingress',
);
test(
  'what allows one that it is known to have, does',
  judged,
  named('Accept', 'http'),
  'TCP 80',
  'allowed: tenants ingress[0].from[0]',
  'ingress',
);
test(
  'what passes one that it may have, denies it',
  judged,
  named('Pass', 'sql'),
  'TCP 5432',
  'denied: tenants ingress[0].from[0] (ports-unknown)',
  'ingress',
);
test(
  'in audit mode that is told, and passes',
  judged,
  named('Deny', 'sql', audit),
  'TCP 5432',
  `${undecided} [tenants ingress[0].from[0] (ports-unknown)]`,
  'ingress',
);
test(
  'but what passes denies in audit mode, too',
  judged,
  named('Pass', 'sql', audit),
  'TCP 5432',
  'denied: tenants ingress[0].from[0] (ports-unknown)',
  'ingress',
);
test(
  'a NetworkPolicy allows by a name those that are known to have it',
  judged,
  networkPolicy('web', '{podSelector: {matchLabels: {app: web}}, ingress: [{ports: [{port: sql}]}]}'),
  'TCP 5432',
  'denied: isolated by shop/web, no rule matches',
  'ingress',
);
test(
  'a pod of which labels are not known either is denied for these',
  judged,
  clusterPolicy(
    'tenants',
    '{egress: [{action: Deny, protocols: [{destinationNamedPort: sql}], to: [{pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: db}}}}]}]}',
  ),
  'TCP 5432',
  'denied: tenants egress[0].to[0] (labels-unknown)',
  'egress',
  { ...moreWeb, labels: undefined },
);

function plannerWith(nodeName: string, policy: Policy): NodePlanner {
  const planner = new NodePlanner(nodeName);
  planner.setPolicy(policy);
  for (const pod of facts.pods) planner.setPod(pod);
  return planner;
}

/** Who is in the sets for ports that are not known. */
function unsure(planner: NodePlanner): string[] {
  return planner
    .plan()
    .peerSets.filter(({ key }) => key.startsWith('ports-unknown'))
    .map(({ key, prefixes }) => [key, ...prefixes.map(prefixWord)].join(' '));
}

test('a plan has them in sets that come and go with the rules that ask, and with what is known', (t) => {
  const planner = plannerWith('node1', named('Deny', 'sql'));
  t.deepEqual(unsure(planner), ['ports-unknown egress', 'ports-unknown ingress']);
  planner.takeChange();
  planner.setPod(moreWeb);
  t.deepEqual(unsure(planner), [`ports-unknown egress ${web}`, `ports-unknown ingress ${web}`]);
  const { peerSets, isolations } = planner.takeChange();
  t.is(peerSets.changed.length, 2);
  t.deepEqual(isolations.changed, []);
  planner.setPod({ ...pods.atm, hasMorePorts: true });
  // Of what comes in, its own pods are the destination.
  t.deepEqual(unsure(planner), [`ports-unknown egress ${web} ${atm}`, `ports-unknown ingress ${web}`]);
  planner.setPod(pods.web);
  t.deepEqual(unsure(planner), [`ports-unknown egress ${atm}`, 'ports-unknown ingress']);
  planner.removePolicy('tenants');
  t.deepEqual(unsure(planner), []);
});

test('in a plan, a rule that denies or passes by names has another one behind it, and one that allows has none', (t) => {
  const rules = ['Deny', 'Pass', 'Accept'].map((action) => {
    const policy = named(action, 'sql', audit);
    const planned = plannerWith('node1', policy)
      .plan()
      .isolations.find(({ direction }) => direction === 'egress')!.rules;
    t.is(plannedMatchesOf([policy], 'egress'), planned.length, 'there is room for them');
    return planned.map(({ name, action: what, isAudit }) => `${name}: ${what} ${isAudit}`);
  });
  t.deepEqual(rules, [
    ['tenants egress[0].to[0]: deny true', 'tenants egress[0].to[0] (ports-unknown): deny true'],
    ['tenants egress[0].to[0]: pass true', 'tenants egress[0].to[0] (ports-unknown): deny false'],
    ['tenants egress[0].to[0]: allow true'],
  ]);
});

const CLUSTERS = 2_000;
const FLOWS = 3;
const names = ['http', 'dns'];

const given = process.env['SEED'];
const first = given === undefined ? Math.trunc(Math.random() * 0x7f_ff_ff_ff) : Number(given);

test(`in ${CLUSTERS} random clusters from seed ${first}, what is allowed is allowed whatever ports have names`, (t) => {
  let allowed = 0;
  for (let seed = first; seed < first + (given === undefined ? CLUSTERS : 1); seed++) {
    const random = new SeededRandom(seed);
    const made = new RandomPolicies(random);
    const known = made.cluster();
    const cluster = { ...known, pods: [...known.pods].map((pod) => ({ ...pod, hasMorePorts: random.below(2) === 0 })) };
    // NetworkPolicies would hide what others do.
    const kind = pick(random, ['Policy', 'ClusterNetworkPolicy']);
    const policies = made
      .policies()
      .filter((object) => String(object['kind']).endsWith(kind))
      .map(policyOf);
    const view = new ClusterView(policies, cluster);
    for (let count = 0; count < FLOWS; count++) {
      const one = made.flow(cluster);
      const { protocol, port } = one;
      const isOpen = ({ addresses, hasMorePorts }: PolicyPod): boolean =>
        hasMorePorts && addresses.some((address) => equalIpAddresses(address, one.destination));
      if (protocol === undefined || port === undefined || !cluster.pods.some(isOpen)) continue;
      for (const direction of directions) {
        if (!edgeVerdict(one, direction, view).isAllowed) continue;
        allowed++;
        for (const more of choices({ protocol, port })) {
          const all = cluster.pods.map((pod) =>
            isOpen(pod) ? { ...pod, ports: [...pod.ports, ...more], hasMorePorts: false } : pod,
          );
          if (edgeVerdict(one, direction, new ClusterView(policies, { ...cluster, pods: all })).isAllowed) continue;
          t.log(JSON.stringify({ one, direction, policies, cluster, more }, undefined, 1));
          t.fail(`SEED=${seed}`);
          return;
        }
      }
    }
  }
  t.log({ allowed });
  t.true(allowed > 1_000 || given !== undefined);
});

/** Names that the port may have: each of those that policies ask for, or not. */
function choices(port: Omit<NamedPort, 'name'>): readonly (readonly NamedPort[])[] {
  const [a, b] = names.map((name) => ({ ...port, name }));
  return [[], [a!], [b!], [a!, b!]];
}
