/** What doctors of several nodes say of one fault, as one finding. */
import test from 'ava';
import { catalogue, causesOf, scopeOf } from '../../src/doctor/catalogue.ts';
import { bringTogether } from '../../src/doctor/cluster-findings.ts';
import type { Diagnosis, Finding, SharedFinding } from '../../src/doctor/finding.ts';

const kinds = Object.values(catalogue).flatMap(({ finds }) => Object.entries(finds));

/** As a node finds it about others; each sentence names the other. */
function finding(id: string, ...others: readonly string[]): Finding {
  const { severity, title, cause } = kinds.find(([name]) => name === id)![1];
  const about = others.map((node) => ({ node, evidence: [`${node} it is`] }));
  const evidence = others.length === 0 ? ['so it is'] : about.flatMap((one) => one.evidence);
  const fix = { text: 'do it', commands: others.map((node) => `ping ${node}`), automatic: false };
  return { id, severity, title, evidence, cause, fix, about };
}

function node(name: string, ...findings: readonly Finding[]): Diagnosis {
  return { node: name, through: '', time: '2026-01-01T00:00:00.000Z', checks: [], findings, fixed: [] };
}

/** What is said: of several nodes, and of each. */
function saidOf(nodes: readonly Diagnosis[], lost: readonly SharedFinding[] = []) {
  const { shared, nodes: left } = bringTogether(nodes, lost);
  return {
    shared: shared.map(({ id, nodes: concerned }) => `${id} ${concerned.join(' ')}`.trim()),
    own: left.flatMap(({ node: name, findings }) => findings.map(({ id }) => `${name} ${id}`)),
  };
}

const pairs = kinds.filter(([, { scope }]) => scope === 'pair').map(([id]) => id);

for (const id of pairs) {
  test(`${id}, seen from both sides, is one finding`, (t) => {
    const both = bringTogether([node('n1', finding(id, 'n3')), node('n2'), node('n3', finding(id, 'n1'))], []);
    t.like(both.shared, { length: 1, 0: { id, nodes: ['n1', 'n3'], seenBy: ['n1', 'n3'] } });
    t.deepEqual(both.shared[0]!.evidence, ['n1: n3 it is', 'n3: n1 it is']);
    t.deepEqual(both.shared[0]!.fix.commands, ['ping n3 # on n1', 'ping n1 # on n3']);
    t.true(both.nodes.every(({ findings }) => findings.length === 0));
  });
}

test('what a finding brought about is said with it, whoever says the finding', (t) => {
  const mentioning = (id: string, other: string): Finding => {
    const one = finding(id, other);
    return { ...one, evidence: [...one.evidence, 'with it: strangers send'] };
  };
  const both = bringTogether([node('n1', mentioning('address-translated', 'n2')), node('n2')], []);
  t.deepEqual(both.shared[0]!.evidence, ['n1: n2 it is', 'n1: with it: strangers send']);
  const effect = bringTogether(
    [node('n1', finding('address-translated', 'n2')), node('n2', mentioning('path-cut', 'n1'))],
    [],
  );
  t.deepEqual(effect.shared[0]!.evidence, ['n1: n2 it is', 'with it: n2: n1 it is', 'with it: n2: strangers send']);
});

test('seen from one side only, it is between the two as well', (t) => {
  const { shared } = bringTogether([node('n1', finding('path-lossy', 'n2')), node('n2')], []);
  t.like(shared[0], { nodes: ['n1', 'n2'], seenBy: ['n1'] });
});

test('a node that is cut off from many has one fault, and two others have another', (t) => {
  const said = saidOf([
    node('n1', finding('path-cut', 'n3')),
    node('n2', finding('path-cut', 'n3')),
    node('n3', finding('path-cut', 'n1', 'n2')),
    node('n4', finding('path-cut', 'n5')),
    node('n5', finding('path-cut', 'n4')),
  ]);
  t.deepEqual(said, { shared: ['path-cut n3 n1 n2', 'path-cut n4 n5'], own: [] });
});

const ends: Readonly<Record<string, readonly [readonly Diagnosis[], ReturnType<typeof saidOf>]>> = {
  'a way that is cut explains what the other end lacks': [
    [node('n1', finding('path-cut', 'n2')), node('n2', finding('vxlan-eaten', 'n1'), finding('gossip-one-way', 'n1'))],
    { shared: ['path-cut n1 n2'], own: [] },
  ],
  'but not what is wrong with the way to a third': [
    [node('n1', finding('path-cut', 'n2')), node('n2', finding('vxlan-eaten', 'n3')), node('n3')],
    { shared: ['path-cut n1 n2', 'vxlan-eaten n2 n3'], own: [] },
  ],
  'a translated address explains what the other end lacks': [
    [node('n1', finding('address-translated', 'n2')), node('n2', finding('path-cut', 'n1'))],
    { shared: ['address-translated n1 n2'], own: [] },
  ],
  'and of a chain, the first cause is said': [
    [
      node('n1', finding('address-translated', 'n2')),
      node('n2', finding('path-cut', 'n1')),
      node('n1', finding('gossip-one-way', 'n2')),
    ],
    { shared: ['address-translated n1 n2'], own: [] },
  ],
  'a firewall of one end explains what the other sees': [
    [node('n1', finding('firewall-drops')), node('n2', finding('vxlan-eaten', 'n1'))],
    { shared: [], own: ['n1 firewall-drops'] },
  ],
  'and nothing between two others': [
    [node('n1', finding('firewall-drops')), node('n2', finding('vxlan-eaten', 'n3')), node('n3')],
    { shared: ['vxlan-eaten n2 n3'], own: ['n1 firewall-drops'] },
  ],
  'what is of one node stays there, also where several have it': [
    [node('n1', finding('ip-forward-off')), node('n2', finding('ip-forward-off'))],
    { shared: [], own: ['n1 ip-forward-off', 'n2 ip-forward-off'] },
  ],
  'what all see alike is said once': [
    [node('n1', finding('name-taken')), node('n2', finding('name-taken')), node('n3')],
    { shared: ['name-taken'], own: [] },
  ],
  'what one alone sees is its own': [
    [node('n1', finding('name-taken')), node('n2')],
    { shared: [], own: ['n1 name-taken'] },
  ],
  'where one node was asked, nothing is brought together': [
    [node('n1', finding('path-cut', 'n2'), finding('node-dead', 'n3', 'n4'))],
    { shared: [], own: ['n1 path-cut', 'n1 node-dead'] },
  ],
  'a finding of another version of weft stays where it is': [
    [node('n1', { ...finding('path-cut', 'n2'), id: 'not-invented-yet' }), node('n2')],
    { shared: [], own: ['n1 not-invented-yet'] },
  ],
  'errors come first': [
    [node('n1', finding('path-lossy', 'n2'), finding('vni-mismatch', 'n3')), node('n2'), node('n3')],
    { shared: ['vni-mismatch n1 n3', 'path-lossy n1 n2'], own: [] },
  ],
};

for (const [what, [nodes, said]] of Object.entries(ends)) test(what, (t) => t.deepEqual(saidOf(nodes), said));

test('what the other end saw stands with its cause', (t) => {
  const between = bringTogether([node('n1', finding('path-cut', 'n2')), node('n2', finding('vxlan-eaten', 'n1'))], []);
  t.deepEqual(between.shared[0]!.evidence, ['n1: n2 it is', 'with it: n2: n1 it is']);
  t.deepEqual(between.shared[0]!.seenBy, ['n1', 'n2']);
  const local = bringTogether([node('n1', finding('firewall-drops')), node('n2', finding('vxlan-eaten', 'n1'))], []);
  t.deepEqual(local.nodes[0]!.findings[0]!.evidence, ['so it is', 'with it: n2: n1 it is']);
});

test('sentences that all have alike name all of them once', (t) => {
  const { shared } = bringTogether(
    ['n1', 'n2', 'n3'].map((name) => node(name, finding('prefix-overlap'))),
    [],
  );
  t.deepEqual(shared[0]!.evidence, ['n1, n2 and n3: so it is']);
  t.deepEqual(shared[0]!.seenBy, ['n1', 'n2', 'n3']);
});

const { about: _, ...dead } = finding('node-dead');
const lost: SharedFinding = { ...dead, nodes: ['n3'], seenBy: ['n1', 'n2'] };

test('what is said of a node that is dead is said once, with what was seen of the ways to it', (t) => {
  const nodes = [
    node('n1', finding('node-dead', 'n3')),
    node('n2', finding('path-cut', 'n3'), finding('clock-skew', 'n1')),
  ];
  const { shared, nodes: left } = bringTogether(nodes, [lost]);
  t.deepEqual(
    shared.map(({ id }) => id),
    ['node-dead', 'clock-skew'],
  );
  t.deepEqual(shared[0]!.evidence, ['so it is', 'n2: n3 it is']);
  t.true(left.every(({ findings }) => findings.length === 0));
});

test('what one node says of others beside it stays with that node', (t) => {
  const { shared, nodes } = bringTogether([node('n1', finding('node-dead', 'n3', 'n4'))], [lost]);
  t.deepEqual(shared, [lost]);
  t.like(nodes[0]!.findings, { length: 1, 0: { id: 'node-dead', evidence: ['n4 it is'] } });
});

test('of a large cluster, no finding is longer than one wants to read', (t) => {
  const nodes = Array.from({ length: 1_000 }, (_unused, index) =>
    node(
      `m${index}`,
      finding('path-cut', ...Array.from({ length: 32 }, (_none, other) => `m${(index + other) % 1_000}`)),
    ),
  );
  const { shared } = bringTogether(nodes, []);
  t.true(shared.every(({ evidence, fix }) => evidence.length <= 17 && fix.commands.length <= 6));
  t.regex(shared[0]!.evidence.at(-1)!, /^and \d+ more like these$/);
});

test('no finding between nodes leads back to itself', (t) => {
  const walk = (id: string, path: readonly string[]): void => {
    t.false(path.includes(id), [...path, id].join(' -> '));
    if (path.includes(id)) return;
    for (const cause of causesOf(id))
      if (scopeOf(cause) === 'pair' || scopeOf(cause) === 'node') walk(cause, [...path, id]);
  };
  for (const [id, { scope }] of kinds) if (scope === 'pair' || scope === 'node') walk(id, []);
});
