/** Pods whose labels are not known. `SEED=…` replays one cluster. */
import test from 'ava';
import type { ClusterFacts, Labels, PolicyPod } from '../../src/policy/cluster-facts.ts';
import { ClusterView } from '../../src/policy/cluster-view.ts';
import { NodePlanner } from '../../src/policy/node-planner.ts';
import { type Policy, directions } from '../../src/policy/policy.ts';
import { causeText, edgeVerdict, verdict } from '../../src/policy/verdict.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { equalIpAddresses } from '../../src/wire/address.ts';
import { prefixWord } from '../../src/wire/prefix.ts';
import { pick } from '../support/mutation.ts';
import { clusterPolicy, facts, flow, networkPolicy, pods } from '../support/policy-cluster.ts';
import { policyOf } from '../support/policy-state.ts';
import { RandomPolicies } from '../support/random-policies.ts';

const web = '10.244.1.2';
const db = '10.244.2.2';
const atm = '10.244.2.3';

const unknownWeb = { ...pods.web, labels: undefined };

function withPods(changed: ReadonlyMap<string, PolicyPod>): ClusterFacts {
  return { ...facts, pods: [...facts.pods].map((pod) => changed.get(pod.key) ?? pod) };
}

/** Labels of `shop/web` are not known. `expected`: of both edges. */
const judged = test.macro<[readonly Policy[], string, string]>({
  exec: (t, policies, text, expected) => {
    const view = new ClusterView(policies, withPods(new Map([['shop/web', unknownWeb]])));
    const { egress, ingress } = verdict(flow(text), view);
    const words = [egress, ingress].map((edge) => {
      const audited = edge.audited.map((cause) => ` [${causeText(cause)}]`).join('');
      return `${edge.isAllowed ? 'allowed' : 'denied'}: ${causeText(edge.cause)}${audited}`;
    });
    t.is(words.join(' / '), expected);
  },
  title: (name) => name!,
});

const free = 'allowed: no policy selects the pod';
const audit = { 'weft.dev/policy-mode': 'audit' };
const from = `${web} -> ${atm} TCP 80`;
const to = `${atm} -> ${web} TCP 80`;

function closedBy(title: string): string {
  return `denied: the labels of shop/web are not known yet, and ${title} may select it`;
}

const forDb = networkPolicy('db', '{podSelector: {matchLabels: {app: db}}}');
const open = 'ingress: [{}], egress: [{}], policyTypes: [Ingress, Egress]';
const exceptDb = `{podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [db]}]}, ${open}}`;

test('without policies it is open', judged, [], to, `${free} / ${free}`);
test('one that may select it isolates it: what comes in', judged, [forDb], to, `${free} / ${closedBy('shop/db')}`);
test('and what goes out, also by one for ingress', judged, [forDb], from, `${closedBy('shop/db')} / ${free}`);
test(
  'rules of one that selects whoever lacks a label do not open it',
  judged,
  [networkPolicy('open', exceptDb)],
  to,
  `${free} / ${closedBy('shop/open')}`,
);
test(
  'nor rules of one that selects all',
  judged,
  [forDb, networkPolicy('open', `{${open}}`)],
  to,
  `${free} / ${closedBy('shop/db')}`,
);
test(
  'one that selects all isolates it, too',
  judged,
  [networkPolicy('open', `{${open}}`)],
  to,
  `${free} / ${closedBy('shop/open')}`,
);
test(
  'its own node reaches it none the less',
  judged,
  [forDb],
  `10.244.1.1 -> ${web} TCP 80`,
  'allowed: no pod has the address / allowed: a pod and its own node always reach each other',
);
test(
  'one in audit mode denies nothing',
  judged,
  [networkPolicy('db', '{podSelector: {matchLabels: {app: db}}}', audit)],
  to,
  `${free} / ${free}`,
);
test('policies of other namespaces do not isolate it', (t) => {
  const unknown = withPods(new Map([['bank/atm', { ...pods.atm, labels: undefined }]]));
  t.is(edgeVerdict(flow(to), 'egress', new ClusterView([forDb], unknown)).cause.kind, 'not-selected');
});

function subject(selector: string, rules: string, annotations: object = {}): Policy {
  return clusterPolicy(
    'all',
    `{subject: {pods: {namespaceSelector: {matchLabels: {team: sales}}, podSelector: ${selector}}}, ${rules}}`,
    annotations,
  );
}

const apps = '{matchLabels: {app: x}}';
const egressTo = (action: string): string => `egress: [{action: ${action}, to: [{networks: [203.0.113.0/24]}]}]`;
test(
  'one of the cluster that may select it, and denies, isolates it in both directions',
  judged,
  [subject(apps, egressTo('Deny'))],
  to,
  `${free} / ${closedBy('all')}`,
);
test('so does one that passes', judged, [subject(apps, egressTo('Pass'), audit)], to, `${free} / ${closedBy('all')}`);
test('not one that allows alone', judged, [subject(apps, egressTo('Accept'))], to, `${free} / ${free}`);
test('nor one in audit mode', judged, [subject(apps, egressTo('Deny'), audit)], to, `${free} / ${free}`);
test(
  'one of the cluster that selects all of its namespace judges it as others',
  judged,
  [subject('{}', egressTo('Deny'))],
  `${web} -> 203.0.113.9 TCP 80`,
  'denied: all egress[0].to[0].networks[0] / allowed: no pod has the address',
);
test(
  'isolation comes before what one of the cluster allows',
  judged,
  [forDb, subject('{}', egressTo('Accept'))],
  `${web} -> 203.0.113.9 TCP 80`,
  `${closedBy('shop/db')} / allowed: no pod has the address`,
);

/** For `bank/atm`: its labels are known. */
function forAtm(rules: string, annotations: object = {}): Policy {
  return clusterPolicy('bank', `{subject: {namespaces: {matchLabels: {team: money}}}, ${rules}}`, annotations);
}

function fromPods(action: string, selector: string): string {
  return `{action: ${action}, from: [{pods: {namespaceSelector: {}, podSelector: ${selector}}}]}`;
}

const lacks = '{matchExpressions: [{key: app, operator: DoesNotExist}]}';
const denied = (rule: string): string => `${free} / denied: bank ingress[${rule}].from[0]`;
test(
  'as a peer, it is no reason to allow, whatever a selector asks',
  judged,
  [forAtm(`ingress: [${fromPods('Accept', lacks)}, ${fromPods('Deny', '{}')}]`)],
  from,
  denied('1'),
);
test(
  'who means all pods means it',
  judged,
  [forAtm(`ingress: [${fromPods('Accept', '{}')}, ${fromPods('Deny', '{}')}]`)],
  from,
  `${free} / allowed: bank ingress[0].from[0]`,
);
test(
  'what denies those that it may be, denies it',
  judged,
  [forAtm(`ingress: [${fromPods('Deny', apps)}]`)],
  from,
  `${denied('0')} (labels-unknown)`,
);
test(
  'in audit mode that is told',
  judged,
  [forAtm(`ingress: [${fromPods('Deny', apps)}]`, audit)],
  from,
  `${free} / allowed: no rule decides [bank ingress[0].from[0] (labels-unknown)]`,
);
test(
  'what passes those that it may be, denies it, also in audit mode',
  judged,
  [forAtm(`ingress: [${fromPods('Pass', apps)}, ${fromPods('Accept', '{}')}]`, audit)],
  from,
  `${denied('0')} (labels-unknown)`,
);
test(
  'what names other ports says nothing of it',
  judged,
  [
    forAtm(
      `ingress: [{action: Deny, protocols: [{tcp: {destinationPort: {number: 81}}}], from: [{pods: {namespaceSelector: {}, podSelector: ${apps}}}]}]`,
    ),
  ],
  from,
  `${free} / allowed: no rule decides`,
);
/** Whether `shop/db` takes what comes from it. */
function isTaken(selector: string): boolean {
  const rules = `ingress: [{from: [{podSelector: ${selector}}]}]`;
  const policy = networkPolicy('db', `{podSelector: {matchLabels: {app: db}}, ${rules}}`);
  const view = new ClusterView([policy], withPods(new Map([['shop/web', unknownWeb]])));
  return edgeVerdict(flow(`${web} -> ${db} TCP 80`), 'ingress', view).isAllowed;
}

test('a NetworkPolicy means it as a peer among all pods, and not by labels, also by those that it lacks', (t) => {
  t.deepEqual(['{}', lacks, '{matchLabels: {app: web}}'].map(isTaken), [true, false, false]);
});

function plannerWith(pod: PolicyPod, ...policies: readonly Policy[]): NodePlanner {
  const planner = new NodePlanner('node1');
  for (const policy of policies) planner.setPolicy(policy);
  for (const one of facts.pods) planner.setPod(one.key === pod.key ? pod : one);
  for (const namespace of facts.namespaces) planner.setNamespace(namespace);
  return planner;
}

test('a plan isolates it without rules, until its labels are known', (t) => {
  const planner = plannerWith(unknownWeb, forDb, networkPolicy('open', `{${open}}`));
  const plan = planner.plan();
  const both = ['ingress', 'egress'] as const;
  t.deepEqual(plan.pods, [
    {
      pod: 'shop/web',
      addresses: pods.web.addresses,
      ingress: 'ingress shop/(labels-unknown)',
      egress: 'egress shop/(labels-unknown)',
    },
  ]);
  t.deepEqual(
    plan.isolations,
    both.toReversed().map((direction) => ({
      key: `${direction} shop/(labels-unknown)`,
      direction,
      rules: [],
      isolatedBy: ['shop/(labels-unknown)'],
      isAudit: false,
    })),
  );
  t.is(planner.closingPolicy('shop/web')?.name, 'db');
  planner.takeChange();
  planner.setPod(pods.web);
  const change = planner.takeChange();
  t.is(change.pods.changed[0]?.ingress, 'ingress shop/open');
  t.deepEqual(
    change.isolations.gone,
    both.toReversed().map((direction) => `${direction} shop/(labels-unknown)`),
  );
  t.is(planner.closingPolicy('shop/web'), undefined);
  t.is(planner.closingPolicy('shop/db'), undefined);
});

test('in a plan, policies that come and go close and open it', (t) => {
  const planner = plannerWith(unknownWeb);
  t.deepEqual(planner.plan().pods, []);
  planner.setPolicy(forDb);
  t.is(planner.plan().pods.length, 1);
  planner.removePolicy('shop/db');
  t.deepEqual(planner.plan().pods, []);
  planner.setPolicy(subject(apps, egressTo('Deny')));
  t.is(planner.plan().pods.length, 1);
  planner.setNamespace({ name: 'shop', labels: {} });
  t.deepEqual(planner.plan().pods, []);
});

test('in a plan, it is in a set of its own behind what denies or passes by labels', (t) => {
  const ingress = ['Accept', 'Deny', 'Pass'].map((action) => fromPods(action, apps));
  const [isolation] = plannerWith(
    unknownWeb,
    clusterPolicy(
      'a',
      `{subject: {namespaces: {matchLabels: {team: sales}}}, ingress: [${ingress.join()}, ${fromPods('Pass', '{}')}]}`,
      audit,
    ),
  ).plan().isolations;
  t.deepEqual(
    isolation!.rules.map(({ name, action, isAudit, peers }) => `${name}: ${action} ${isAudit} ${peers!.split(' ')[0]}`),
    [
      'a ingress[0].from[0]: allow true pods',
      'a ingress[1].from[0]: deny true pods',
      'a ingress[1].from[0] (labels-unknown): deny true unknown',
      'a ingress[2].from[0]: pass true pods',
      'a ingress[2].from[0] (labels-unknown): deny false unknown',
      'a ingress[3].from[0]: pass true pods',
    ],
  );
  const sets = plannerWith(unknownWeb, clusterPolicy('a', `{ingress: [${fromPods('Deny', apps)}]}`)).plan().peerSets;
  t.deepEqual(
    sets.map(({ key, prefixes }) => `${key.split(' ')[0]}: ${prefixes.map(prefixWord).join(' ')}`.trimEnd()),
    ['pods:', `unknown: ${web}`],
  );
});

const CLUSTERS = 2_000;
const FLOWS = 3;
const choices: readonly Labels[] = [undefined, 'a', 'b', ''].flatMap((app) =>
  [undefined, 'a', 'b', ''].map((tier) => ({
    ...(app !== undefined && { app }),
    ...(tier !== undefined && { tier }),
  })),
);

const given = process.env['SEED'];
const first = given === undefined ? Math.trunc(Math.random() * 0x7f_ff_ff_ff) : Number(given);

test(`in ${CLUSTERS} random clusters from seed ${first}, what is allowed is allowed whatever the labels are`, (t) => {
  let allowed = 0;
  for (let seed = first; seed < first + (given === undefined ? CLUSTERS : 1); seed++) {
    const random = new SeededRandom(seed);
    const made = new RandomPolicies(random);
    const known = made.cluster();
    const pods = [...known.pods].map((pod) => (random.below(2) === 0 ? pod : { ...pod, labels: undefined }));
    const cluster = { ...known, pods };
    // NetworkPolicies would hide what others do.
    const kind = pick(random, ['Policy', 'ClusterNetworkPolicy']);
    const policies = made
      .policies()
      .filter((object) => String(object['kind']).endsWith(kind))
      .map(policyOf);
    const view = new ClusterView(policies, cluster);
    for (let count = 0; count < FLOWS; count++) {
      const one = made.flow(cluster);
      const ends = cluster.pods.filter(({ addresses, labels }) => {
        const isEnd = addresses.some((address) =>
          [one.source, one.destination].some((end) => equalIpAddresses(end, address)),
        );
        return isEnd && labels === undefined;
      });
      if (ends.length === 0) continue;
      for (const direction of directions) {
        const { isAllowed, cause } = edgeVerdict(one, direction, view);
        if (!isAllowed || cause.kind === 'itself' || cause.kind === 'own-node' || cause.kind === 'no-pod') continue;
        allowed++;
        for (const assigned of assignments(ends)) {
          const all = { ...cluster, pods: cluster.pods.map((pod) => assigned.get(pod.key) ?? pod) };
          if (edgeVerdict(one, direction, new ClusterView(policies, all)).isAllowed) continue;
          t.log(JSON.stringify({ one, direction, policies, cluster, assigned: [...assigned.values()] }, undefined, 1));
          t.fail(`SEED=${seed}`);
          return;
        }
      }
    }
  }
  t.log({ allowed });
  t.true(allowed > 1_000 || given !== undefined);
});

/** All choices of labels; of more than two pods, those in which every other one has the same. */
function assignments(unknown: readonly PolicyPod[]): ReadonlyMap<string, PolicyPod>[] {
  return choices.flatMap((even) =>
    (unknown.length > 1 ? choices : choices.slice(0, 1)).map(
      (odd) => new Map(unknown.map((pod, at) => [pod.key, { ...pod, labels: at % 2 === 0 ? even : odd }])),
    ),
  );
}
