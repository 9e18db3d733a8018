import test from 'ava';
import type { NodePlan, NodePlanChange } from '../../src/policy/node-plan.ts';
import { NodePlanner } from '../../src/policy/node-planner.ts';
import type { Policy } from '../../src/policy/policy.ts';
import { formatIpAddress } from '../../src/wire/address.ts';
import { prefixWord } from '../../src/wire/prefix.ts';
import { address, clusterPolicy, facts, networkPolicy, pods } from '../support/policy-cluster.ts';

/** Of node 1, which has `web` alone. */
function plannerWith(...policies: readonly Policy[]): NodePlanner {
  const planner = new NodePlanner('node1');
  for (const pod of facts.pods) planner.setPod(pod);
  for (const namespace of facts.namespaces) planner.setNamespace(namespace);
  for (const node of facts.nodes) planner.setNode(node);
  for (const policy of policies) planner.setPolicy(policy);
  return planner;
}

function setsOf({ peerSets }: Pick<NodePlan, 'peerSets'>): readonly string[] {
  return peerSets.map(({ key, prefixes }) => `${key}: ${prefixes.map(prefixWord).join(' ')}`.trimEnd());
}

/** What changed, by key; what is gone has a minus. */
function keysOf({ pods, isolations, peerSets, portSets }: NodePlanChange): readonly string[] {
  const changed = [...isolations.changed, ...peerSets.changed, ...portSets.changed].map(({ key }) => key);
  const gone = [pods, isolations, peerSets, portSets].flatMap((change) => change.gone.map((key) => `-${key}`));
  return [...pods.changed.map(({ pod }) => pod), ...changed, ...gone];
}

const nothing: readonly string[] = [];
const fromShop = networkPolicy('a', '{ingress: [{from: [{podSelector: {}}]}]}');
const shopPods = 'pods "shop" []';

test('without policies there is no plan', (t) => {
  t.deepEqual(plannerWith().plan(), { pods: [], isolations: [], peerSets: [], portSets: [] });
});

test('a pod of another node, or with the network of its node, is in no plan', (t) => {
  const plan = plannerWith(fromShop).plan();
  t.deepEqual(plan.pods, [
    { pod: 'shop/web', addresses: pods.web.addresses, ingress: 'ingress shop/a', egress: undefined },
  ]);
  t.deepEqual(setsOf(plan), [`${shopPods}: 10.244.1.2 10.244.2.2`]);
});

test('pods that the same policies select share what judges them', (t) => {
  const planner = plannerWith(fromShop);
  planner.setPod({ ...pods.web, key: 'other', addresses: [address('10.244.1.9')] });
  const { isolations, pods: planned } = planner.plan();
  t.deepEqual(
    planned.map(({ ingress }) => ingress),
    ['ingress shop/a', 'ingress shop/a'],
  );
  t.is(isolations.length, 1);
});

function fromPods(selector: string): string {
  return `{ingress: [{from: [{podSelector: ${selector}}]}]}`;
}

test('rules that mean the same peers share a set, however they are written', (t) => {
  const plan = plannerWith(
    networkPolicy('a', fromPods('{matchLabels: {app: db, tier: x}}')),
    networkPolicy(
      'b',
      fromPods(
        '{matchExpressions: [{key: tier, operator: In, values: [x, x]}, {key: app, operator: In, values: [db]}]}',
      ),
    ),
  ).plan();
  t.deepEqual(setsOf(plan), ['pods "shop" [["app","In","db"],["tier","In","x"]]:']);
});

test('rules are in the order in which they are asked', (t) => {
  const rule = '[{action: Deny, from: [{namespaces: {}}]}]';
  const [plan] = plannerWith(
    fromShop,
    clusterPolicy('late', `{priority: 9, ingress: ${rule}}`),
    clusterPolicy('soon', `{priority: 8, ingress: ${rule}}`),
    clusterPolicy('base', `{tier: Baseline, ingress: ${rule}}`),
    networkPolicy('0', '{}', { 'weft.dev/policy-mode': 'audit' }),
  ).plan().isolations;
  t.is(plan!.key, 'ingress soon late shop/0 shop/a base');
  t.deepEqual(
    plan!.rules.map(({ name, tier, action }) => `${tier} ${action} ${name}`),
    [
      'admin deny soon ingress[0].from[0]',
      'admin deny late ingress[0].from[0]',
      'namespace allow shop/a ingress[0].from[0]',
    ],
  );
  t.deepEqual([plan!.isolatedBy, plan!.isAudit], [['shop/0', 'shop/a'], false]);
});

test('rules of the baseline are there where all that isolate are in audit mode', (t) => {
  const audit = { 'weft.dev/policy-mode': 'audit' };
  const [plan] = plannerWith(
    networkPolicy('a', '{}', audit),
    clusterPolicy('base', '{tier: Baseline, ingress: [{action: Deny, from: [{namespaces: {}}]}]}', audit),
  ).plan().isolations;
  t.deepEqual(
    plan!.rules.map(({ name, isAudit }) => `${name} ${isAudit}`),
    ['base ingress[0].from[0] true'],
  );
  t.true(plan!.isAudit);
});

test('a block becomes prefixes, and addresses of its nodes in the overlay', (t) => {
  const block = '{cidr: 192.168.0.0/30, except: [192.168.0.2/32]}';
  const plan = plannerWith(networkPolicy('a', `{ingress: [{from: [{ipBlock: ${block}}]}]}`)).plan();
  t.deepEqual(setsOf(plan), ['block 192.168.0.0/30 192.168.0.2/32: 10.244.1.1 192.168.0.0/31 192.168.0.3']);
});

test('a node with other addresses is no reason to split blocks again', (t) => {
  const block = '{cidr: 172.16.0.0/12, except: [172.17.0.0/16]}';
  const planner = plannerWith(networkPolicy('a', `{ingress: [{from: [{ipBlock: ${block}}]}]}`));
  const [before] = planner.takeChange().peerSets.changed;
  const [, node] = facts.nodes;
  planner.setNode({ ...node!, underlayAddresses: [address('172.18.0.1')] });
  const [after] = planner.takeChange().peerSets.changed;
  const fresh = after!.prefixes.filter((one) => !before!.prefixes.includes(one));
  t.deepEqual(fresh.map(prefixWord), ['10.244.2.1']);
});

test('peers that are not understood are a set of nobody', (t) => {
  const plan = plannerWith(
    clusterPolicy('a', '{egress: [{action: Accept, to: [{domainNames: [example.com]}]}]}'),
  ).plan();
  t.deepEqual(setsOf(plan), ['none:']);
  t.is(plan.isolations[0]!.rules[0]!.peers, 'none');
});

test('anybody is no set', (t) => {
  const plan = plannerWith(networkPolicy('a', '{ingress: [{}]}')).plan();
  t.deepEqual(plan.peerSets, []);
  t.is(plan.isolations[0]!.rules[0]!.peers, undefined);
});

test('named ports are those of this node for what comes in, and of all for what goes out', (t) => {
  const ports = 'ports: [{port: http}, {port: sql}]';
  const planner = plannerWith(networkPolicy('a', `{ingress: [{${ports}}], egress: [{${ports}}]}`));
  const elements = planner
    .plan()
    .portSets.map((set) =>
      `${set.key}: ${set.elements.map((one) => `${formatIpAddress(one.address)} ${one.protocol} ${one.port}`).join()}`.trimEnd(),
    );
  t.deepEqual(elements, [
    'egress TCP http: 10.244.1.2 TCP 80',
    'egress TCP sql: 10.244.2.2 TCP 5432',
    'ingress TCP http: 10.244.1.2 TCP 80',
    'ingress TCP sql:',
  ]);
});

test('the first change is all of it, and the next is none', (t) => {
  const planner = plannerWith(fromShop);
  t.deepEqual(keysOf(planner.takeChange()), ['shop/web', 'ingress shop/a', shopPods]);
  t.deepEqual(keysOf(planner.takeChange()), nothing);
});

/** Half of what a node has room for, for pods with this label. */
function large(app: string): Policy {
  const ports = Array.from({ length: 1_024 }, (_, at) => `{port: ${at + 1}}`).join(', ');
  const blocks = Array.from({ length: 8 }, (_, at) => `{ipBlock: {cidr: 10.9.${at}.0/24}}`).join(', ');
  return networkPolicy(
    app,
    `{podSelector: {matchLabels: {app: ${app}}}, ingress: [{from: [${blocks}], ports: [${ports}]}]}`,
  );
}

/** What isolates, by the number of rules. */
function ruleCounts({ isolations }: NodePlan): readonly string[] {
  return isolations.map(({ isolatedBy, rules }) => `${isolatedBy.join(' ')}: ${rules.length}`);
}

const apps = ['a', 'b', 'c'];

/** A pod for each, beside `web` with a small policy. */
function crowded(): NodePlanner {
  const small = networkPolicy(
    'web',
    '{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{podSelector: {}}]}]}',
  );
  const planner = plannerWith(small, ...apps.map(large));
  for (const [at, app] of apps.entries())
    planner.setPod({ ...pods.web, key: app, name: app, labels: { app }, addresses: [address(`10.244.1.${at + 10}`)] });
  return planner;
}

test('where a node has no room for all rules, the largest are left out, and deny', (t) => {
  const { isolations, peerSets } = crowded().plan();
  t.deepEqual(ruleCounts({ isolations } as NodePlan), [
    '(too-many-rules) shop/a: 0',
    // Together with the others, one match more than there is room for.
    '(too-many-rules) shop/b: 0',
    'shop/c: 8',
    'shop/web: 1',
  ]);
  t.false(isolations.some(({ isAudit }) => isAudit));
  t.is(peerSets.length, 9, 'no set is there for rules that are not');
});

test('rules that were left out come as soon as there is room', (t) => {
  const planner = crowded();
  const before = planner.takeChange();
  t.is(before.isolations.changed.length, 4);
  planner.removePod('c');
  planner.removePolicy('shop/web');
  const change = planner.takeChange();
  t.deepEqual(
    change.isolations.changed.map(({ key, rules }) => `${key}: ${rules.length}`),
    ['ingress shop/a: 8', 'ingress shop/b: 8'],
  );
  t.is(planner.plan().peerSets.length, 8);
});

test('without room, policies that are all in audit mode deny nothing', (t) => {
  const planner = crowded();
  planner.setPolicy({ ...large('a'), isAudit: true });
  const { isolations } = planner.plan();
  t.deepEqual(
    isolations.filter(({ isAudit }) => isAudit).map(({ isolatedBy }) => isolatedBy),
    [['(too-many-rules)', 'shop/a']],
  );
});

const changes = test.macro<[(planner: NodePlanner) => void, readonly string[]]>({
  exec: (t, act, expected) => {
    const ports = 'ports: [{port: sql}]';
    const planner = plannerWith(
      fromShop,
      networkPolicy(
        'b',
        `{policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {app: db}}}], ${ports}}]}`,
      ),
    );
    planner.takeChange();
    act(planner);
    t.deepEqual(keysOf(planner.takeChange()), expected);
  },
  title: (name) => name!,
});

const dbPods = 'pods "shop" [["app","In","db"]]';
test(
  'a pod that comes changes the sets that it is in',
  changes,
  (planner) => planner.setPod({ ...pods.db, key: 'new', addresses: [address('10.244.2.9')], ports: [] }),
  [dbPods, shopPods],
);
test('a label changes the sets that ask for it', changes, (planner) => planner.setPod({ ...pods.db, labels: {} }), [
  dbPods,
]);
test('a port changes the sets of its name', changes, (planner) => planner.setPod({ ...pods.db, ports: [] }), [
  'egress TCP sql',
]);
test(
  'a pod of another namespace changes nothing',
  changes,
  (planner) => planner.setPod({ ...pods.atm, labels: { app: 'db' } }),
  nothing,
);
test(
  'labels that nobody asks for change nothing',
  changes,
  (planner) => planner.setPod({ ...pods.db, labels: { app: 'db', other: 'x' } }),
  nothing,
);
test(
  'labels of a namespace that nobody asks for change nothing',
  changes,
  (planner) => planner.setNamespace({ name: 'shop', labels: {} }),
  nothing,
);
test('nodes that nobody asks for change nothing', changes, (planner) => planner.removeNode('node2'), nothing);
test(
  'what changes and changes back is as before',
  changes,
  (planner) => {
    planner.removePod('shop/db');
    planner.setPod(pods.db);
    planner.removePolicy('shop/a');
    planner.setPolicy(fromShop);
  },
  nothing,
);
test(
  'an address is in a set as long as anybody has it',
  changes,
  (planner) => {
    planner.setPod({ ...pods.db, key: 'new' });
    planner.removePod('new');
  },
  nothing,
);
test('a policy that goes takes with it what it alone means', changes, (planner) => planner.removePolicy('shop/a'), [
  'shop/web',
  '-ingress shop/a',
  `-${shopPods}`,
]);
test(
  'a policy that says something else changes what judges',
  changes,
  (planner) => planner.setPolicy(networkPolicy('a', '{ingress: [{}]}')),
  ['ingress shop/a', `-${shopPods}`],
);
test(
  'a pod that moves to another address is another',
  changes,
  (planner) => planner.setPod({ ...pods.web, addresses: [address('10.244.1.7')] }),
  ['shop/web', shopPods],
);
test(
  'a pod that goes is gone',
  changes,
  (planner) => planner.removePod('shop/web'),
  [shopPods, '-shop/web', '-egress shop/b', '-ingress shop/a', `-${dbPods}`, `-${shopPods}`, '-egress TCP sql'].filter(
    (key) => key !== shopPods,
  ),
);
test(
  'a pod that gets the network of its node is gone',
  changes,
  (planner) => planner.setPod({ ...pods.db, hostNetwork: true }),
  [dbPods, shopPods, 'egress TCP sql'],
);
test(
  'what is not there cannot go',
  changes,
  (planner) => {
    planner.removePod('x');
    planner.removePolicy('x');
    planner.removeNode('x');
    planner.removeNamespace('x');
  },
  nothing,
);
