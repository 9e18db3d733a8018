import test from 'ava';
import { array, assert, constantFrom, integer, property, record } from 'fast-check';
import { formatIpAddress, type IpAddress } from '../../../src/wire/address.ts';
import { endpoint, identityOf, prefix } from '../../support/announcements.ts';
import { podOf } from '../../support/directories.ts';
import { ToldCluster, type ToldClusterOptions } from '../../support/told-cluster.ts';

/** n1 and n2, with 10.200.1.0/24 and 10.200.2.0/24. */
function cluster(options: ToldClusterOptions = {}): ToldCluster {
  const made = new ToldCluster(options);
  for (const number of [1, 2]) {
    made.route(`10.200.${number}.0/24`, number);
    made.member(number, 'alive', { prefixes: [prefix(`10.200.${number}.0/24`)], nodeAddresses: [address(number)] });
  }
  made.news();
  return made;
}

/** Of node `number` in the overlay. */
function address(number: number): IpAddress {
  return podOf(number, '', 1).addresses[0]!;
}

const texts = (addresses: readonly IpAddress[] = []): string[] => addresses.map(formatIpAddress);

const namespace = (name: string, labels = {}): object => ({ metadata: { name, labels } });

function policy(name: string, podSelector: object = {}, in_ = 'shop'): object {
  return { metadata: { name, namespace: in_ }, spec: { podSelector, policyTypes: ['Ingress'] } };
}

const pod = (name: string, labels: object = { app: name }, containers: readonly object[] = []): object => {
  return { metadata: { name, namespace: 'shop', uid: `u-${name}`, labels }, spec: { containers } };
};

const web2 = `${identityOf(2)}/default/web`;

test('pods of other nodes come from the directory, with labels and ports', (t) => {
  const made = cluster();
  const ports = [{ name: 'http', protocol: 'TCP', port: 80 }] as const;
  made.announce(2, [podOf(2, 'web', 2, { ports }), podOf(2, 'db', 3)]);
  t.deepEqual(made.pods.get(web2), {
    key: web2,
    namespace: 'default',
    name: 'web',
    labels: { app: 'web' },
    addresses: podOf(2, 'web', 2).addresses,
    nodeName: 'n2',
    hostNetwork: false,
    ports: [...ports],
    hasMorePorts: false,
  });
  t.is(made.pods.size, 2);
});

test('labels of a pod of which not all are told are not known, and of its ports it is known that there may be others', (t) => {
  const made = cluster();
  made.announce(2, [podOf(2, 'web', 2, { hasMoreLabels: true })]);
  t.is(made.pods.get(web2)?.labels, undefined);
  made.announce(2, [podOf(2, 'web', 2, { hasMorePorts: true })]);
  t.like(made.pods.get(web2), { labels: { app: 'web' }, hasMorePorts: true });
});

test('only pods that are others than before are told', (t) => {
  const made = cluster();
  made.announce(2, [podOf(2, 'web'), podOf(2, 'db', 3), podOf(2, 'old', 4)]);
  made.news();
  made.announce(2, [podOf(2, 'web'), podOf(2, 'db', 3, { labels: { app: 'other' } }), podOf(2, 'new', 4)]);
  const of2 = `${identityOf(2)}/default`;
  t.deepEqual(made.news(), [`+ pod ${of2}/db`, `+ pod ${of2}/new`, `- pod ${of2}/old`]);
  made.announce(2, [podOf(2, 'web'), podOf(2, 'db', 3, { labels: { app: 'other' } }), podOf(2, 'new', 4)]);
  t.deepEqual(made.news(), []);
  made.announce(2, []);
  t.is(made.pods.size, 0);
});

test('nothing that was told means no round', (t) => {
  const made = cluster();
  made.announce(2, [podOf(2, 'web')]);
  const { rounds } = made;
  made.announce(2, [podOf(2, 'web')]);
  made.facts.ownPodsChanged();
  made.member(2, 'suspect', { prefixes: [prefix('10.200.2.0/24')], nodeAddresses: [address(2)] });
  t.is(made.rounds, rounds);
});

test('pods that lost their name to a newer one are there beside it', (t) => {
  const made = cluster();
  const lost = { isSuperseded: true };
  made.announce(2, [podOf(2, 'web', 2, lost), podOf(2, 'web', 3, lost), podOf(2, 'web', 4)]);
  const addresses = new Set([...made.pods.values()].flatMap((one) => texts(one.addresses)));
  t.deepEqual(addresses, new Set(['10.200.2.2', '10.200.2.3', '10.200.2.4']));
  t.is(made.pods.size, 3);
  made.announce(2, [podOf(2, 'web', 3, lost), podOf(2, 'web', 4)]);
  t.is(made.pods.size, 2);
  made.announce(2, [podOf(2, 'web', 4)]);
  t.deepEqual([...made.pods.keys()], [web2]);
});

test('an address counts while it is routed to the node that claims it', (t) => {
  const made = cluster();
  made.announce(2, [podOf(2, 'web', 2, { addresses: [...podOf(2, '').addresses, ...podOf(1, '').addresses] })]);
  t.deepEqual(texts(made.pods.get(web2)?.addresses), ['10.200.2.2']);
  made.route('10.200.2.2/32', 1);
  t.deepEqual(texts(made.pods.get(web2)?.addresses), []);
  made.route('10.200.1.2/32', 2);
  t.deepEqual(texts(made.pods.get(web2)?.addresses), ['10.200.1.2']);
  made.route('10.200.2.2/32', undefined);
  t.deepEqual(texts(made.pods.get(web2)?.addresses), ['10.200.2.2', '10.200.1.2']);
  made.news();
  made.route('10.200.77.0/24', 2);
  t.deepEqual(made.news(), []);
});

test('a node that is gone keeps its pods until another has its prefix, or it has other prefixes', (t) => {
  const made = cluster();
  made.announce(2, [podOf(2, 'web')]);
  made.member(2, 'dead', { prefixes: [prefix('10.200.2.0/24')], nodeAddresses: [address(2)] });
  made.route('10.200.2.0/24', undefined);
  t.deepEqual(texts(made.pods.get(web2)?.addresses), ['10.200.2.2']);
  t.deepEqual(texts(made.nodes.get('n2')?.overlayAddresses), ['10.200.2.1']);
  made.member(2, 'dead', { prefixes: [prefix('10.200.9.0/24')], nodeAddresses: [address(2)] });
  t.deepEqual(texts(made.pods.get(web2)?.addresses), []);
  made.member(2, 'dead', { prefixes: [prefix('10.200.2.0/24')], nodeAddresses: [address(2)] });
  made.route('10.200.2.0/24', 3);
  t.deepEqual(texts(made.pods.get(web2)?.addresses), []);
  t.deepEqual(texts(made.nodes.get('n2')?.overlayAddresses), []);
});

test('pods of this node come from its book, with what the API says of them, and not from the directory', (t) => {
  const made = cluster();
  const containers = [{ ports: [{ name: 'http', containerPort: 8_080 }] }];
  made.object('pods', pod('web', { app: 'web' }, containers));
  made.attach('web', '10.200.1.9');
  made.announce(1, [podOf(1, 'other')]);
  t.deepEqual(
    [...made.pods.values()],
    [
      {
        key: 'c-web:eth0',
        namespace: 'shop',
        name: 'web',
        labels: { app: 'web' },
        addresses: podOf(1, '', 9).addresses,
        nodeName: 'n1',
        hostNetwork: false,
        ports: [{ name: 'http', protocol: 'TCP', port: 8_080 }],
        hasMorePorts: false,
      },
    ],
  );
  made.object('pods', pod('web', { app: 'shop' }, containers));
  t.deepEqual(made.pods.get('c-web:eth0')?.labels, { app: 'shop' });
  made.detach('web');
  t.is(made.pods.size, 0);
});

test('a pod whose object is deleted before it is keeps its labels as long as it is there', (t) => {
  const made = cluster();
  made.object('pods', pod('web'));
  made.attach('web', '10.200.1.9');
  made.news();
  made.delete('pods', 'shop/web');
  t.deepEqual(made.news(), []);
  made.detach('web');
  made.attach('web', '10.200.1.10');
  t.is(made.pods.get('c-web:eth0')?.labels, undefined);
});

test('a pod made by hand, and any pod without Kubernetes, has the labels of its record', (t) => {
  const labels = { app: 'web' };
  const by = cluster();
  by.attach('web', '10.200.1.9', { attachment: undefined as never, labels });
  t.deepEqual(by.pods.get('shop/web')?.labels, labels);
  const without = cluster({ hasKubernetes: false });
  without.attach('web', '10.200.1.9', { labels });
  t.like(without.pods.get('c-web:eth0'), { labels, hasMorePorts: false });
});

test('a pod that the API does not know has no labels that are known, until it does', (t) => {
  const made = cluster();
  made.attach('web', '10.200.1.9');
  t.like(made.pods.get('c-web:eth0'), { name: 'web', labels: undefined, ports: [], hasMorePorts: true });
  made.news();
  made.object('pods', pod('web', {}));
  t.deepEqual(made.news(), ['+ pod c-web:eth0']);
  t.deepEqual(made.pods.get('c-web:eth0')?.labels, {});
});

test('what is planned for a pod of this node follows what is known of it', (t) => {
  const made = cluster();
  made.object('networkpolicies', policy('db', { matchLabels: { app: 'db' } }));
  const planned = (): string[] => {
    const { pods, isolations } = made.planner.plan();
    const by = new Map(isolations.map(({ key, isolatedBy }) => [key, isolatedBy.join()]));
    return pods.map(({ pod: key, ingress = '', egress = '' }) => {
      return `${key} ${by.get(ingress) ?? 'nobody'} ${by.get(egress) ?? 'nobody'}`;
    });
  };
  made.attach('db', '10.200.1.9');
  made.attach('web', '10.200.1.10');
  t.deepEqual(planned(), [
    'c-db:eth0 shop/(labels-unknown) shop/(labels-unknown)',
    'c-web:eth0 shop/(labels-unknown) shop/(labels-unknown)',
  ]);
  made.object('pods', pod('db'));
  made.object('pods', pod('web'));
  t.deepEqual(planned(), ['c-db:eth0 shop/db nobody']);
});

test('namespaces and policies come from the API', (t) => {
  const made = cluster();
  made.object('namespaces', namespace('shop', { team: 'a' }));
  made.object('networkpolicies', policy('web'));
  t.deepEqual(made.namespaces.get('shop'), { name: 'shop', labels: { team: 'a' } });
  t.like(made.policies.get('shop/web'), { tier: 'namespace', namespace: 'shop', name: 'web', directions: ['ingress'] });
  made.news();
  made.object('namespaces', namespace('shop', { team: 'a' }));
  made.object('networkpolicies', policy('web'));
  t.deepEqual(made.news(), []);
  made.delete('namespaces', 'shop');
  made.delete('networkpolicies', 'shop/web');
  t.deepEqual(made.news(), ['- namespace shop', '- policy shop/web']);
  t.deepEqual(made.changes, ['shop/web created', 'shop/web deleted']);
  made.object('networkpolicies', policy('web'));
  made.object('networkpolicies', policy('web', { matchLabels: { app: 'web' } }));
  t.deepEqual(made.changes.slice(2), ['shop/web created', 'shop/web changed']);
});

test('a policy that cannot be read denies everything to those that it selects, and is named with what is wrong', (t) => {
  const made = cluster();
  const podSelector = { matchLabels: { app: 'web' } };
  made.object('networkpolicies', {
    metadata: { name: 'web', namespace: 'shop' },
    spec: { podSelector, ingress: 'all' },
  });
  t.like(made.policies.get('shop/web'), {
    directions: ['ingress', 'egress'],
    ingress: [],
    egress: [],
  });
  t.deepEqual(made.policies.get('shop/web')?.subject.pods, [{ key: 'app', operator: 'In', values: ['web'] }]);
  const [odd] = made.facts.oddPolicies();
  t.like(odd, { kind: 'NetworkPolicy', title: 'shop/web', isClosed: true });
  t.true(odd!.problems.length > 0);
  made.object('networkpolicies', policy('web', podSelector));
  t.deepEqual(made.facts.oddPolicies(), []);
});

test('one whose rules were too long to be kept denies, too', (t) => {
  const made = cluster();
  const ingress = Array.from({ length: 20_000 }, () => ({ from: [{ podSelector: {} }] }));
  made.object('networkpolicies', { metadata: { name: 'web', namespace: 'shop' }, spec: { podSelector: {}, ingress } });
  t.deepEqual(made.policies.get('shop/web')?.ingress, []);
  t.like(made.facts.oddPolicies()[0], { isClosed: true, title: 'shop/web' });
  t.regex(made.facts.oddPolicies()[0]!.problems.join(' '), /^the spec has \d+ characters, more than 262144$/);
  made.delete('networkpolicies', 'shop/web');
  t.deepEqual(made.facts.oddPolicies(), []);
});

test('a node has labels and addresses of its Node, and what it announces', (t) => {
  const made = cluster();
  const addresses = [{ type: 'InternalIP', address: '192.0.2.2' }];
  made.object('nodes', { metadata: { name: 'n2', uid: 'u', labels: { zone: 'a' } }, status: { addresses } });
  t.deepEqual([...made.nodes.keys()].toSorted(), ['n1', 'n2']);
  const { labels, underlayAddresses, overlayAddresses } = made.nodes.get('n2')!;
  t.deepEqual(labels, { zone: 'a' });
  t.deepEqual(texts(underlayAddresses), ['192.0.2.2', '198.18.0.2']);
  t.deepEqual(texts(overlayAddresses), ['10.200.2.1']);
});

test('a Node that is no member is a node, and so is a member without a Node', (t) => {
  const made = cluster();
  made.object('nodes', { metadata: { name: 'n7', uid: 'u', labels: { zone: 'a' } } });
  t.deepEqual([...made.nodes.keys()].toSorted(), ['n1', 'n2', 'n7']);
  made.member(2, 'left');
  made.delete('nodes', 'n7');
  t.deepEqual([...made.nodes.keys()], ['n1']);
});

test('a Node whose name has a domain is that of the member with its first part, also for pods', (t) => {
  const made = cluster({ nodeName: 'first.example' });
  made.announce(2, [podOf(2, 'web')]);
  t.is(made.pods.get(web2)?.nodeName, 'n2');
  made.object('nodes', { metadata: { name: 'first.example', uid: 'u' } });
  made.object('nodes', { metadata: { name: 'n2.example', uid: 'u' } });
  t.deepEqual([...made.nodes.keys()].toSorted(), ['first.example', 'n2.example']);
  t.deepEqual(texts(made.nodes.get('first.example')?.overlayAddresses), ['10.200.1.1']);
  t.is(made.pods.get(web2)?.nodeName, 'n2.example');
  made.object('nodes', { metadata: { name: 'n2', uid: 'u' } });
  t.is(made.pods.get(web2)?.nodeName, 'n2');
  made.delete('nodes', 'n2.example');
  made.delete('nodes', 'n2');
  t.is(made.pods.get(web2)?.nodeName, 'n2');
});

test('a member that bears the name of this node is not this node, and its pods are not those of this node', (t) => {
  const made = cluster();
  made.route('10.200.3.0/24', 3);
  made.member(3, 'alive', { name: 'n1', prefixes: [prefix('10.200.3.0/24')], nodeAddresses: [address(3)] });
  made.announce(3, [podOf(3, 'web')]);
  made.attach('own', '10.200.1.9');
  t.deepEqual(
    [...made.pods.values()].filter(({ nodeName }) => nodeName === 'n1').map(({ name }) => name),
    ['own'],
  );
  t.deepEqual(texts(made.nodes.get('n1')?.overlayAddresses), ['10.200.1.1']);
});

test('a member that moves has other addresses; one that has other pods is no other node', (t) => {
  const made = cluster();
  const same = { prefixes: [prefix('10.200.2.0/24')], nodeAddresses: [address(2)] };
  made.member(2, 'alive', { ...same, podSummary: { version: 7, digest: '0'.repeat(16), pods: 1 } });
  t.deepEqual(made.news(), []);
  made.member(2, 'alive', { ...same, gossipEndpoint: endpoint('198.18.9.9:7948'), dataEndpoints: [] });
  t.deepEqual(made.news(), ['+ node n2']);
  t.deepEqual(texts(made.nodes.get('n2')?.underlayAddresses), ['198.18.9.9']);
});

test('without Kubernetes there are pods and nodes, and nothing else', (t) => {
  const made = cluster({ hasKubernetes: false });
  made.announce(2, [podOf(2, 'web')]);
  t.deepEqual([made.pods.size, made.nodes.size, made.namespaces.size, made.policies.size], [1, 2, 0, 0]);
});

test('at the beginning all that is known is told in one round', (t) => {
  const made = cluster();
  made.object('namespaces', namespace('shop'));
  made.object('networkpolicies', policy('web'));
  made.object('nodes', { metadata: { name: 'n2', uid: 'u', labels: { zone: 'a' } } });
  made.object('pods', pod('web'));
  made.attach('web', '10.200.1.9');
  made.announce(2, [podOf(2, 'web')]);
  const fresh = made.anew();
  t.deepEqual([...fresh.pods.values()], [...made.pods.values()]);
  t.deepEqual([...fresh.nodes], [...made.nodes]);
  t.deepEqual([...fresh.policies], [...made.policies]);
  t.deepEqual([...fresh.namespaces], [...made.namespaces]);
  t.is(fresh.rounds, 1);
});

/** What may happen, with small numbers that say to whom. */
const happenings: Readonly<Record<string, (made: ToldCluster, which: number, how: number) => void>> = {
  announce: (made, which, how) => {
    const labels = { app: `a${how % 3}` };
    const pods = Array.from({ length: how }, (_, at) => podOf(which, `web-${at}`, at + 2, at === 0 ? { labels } : {}));
    made.announce(which, [...pods, podOf(which, 'shared', 99, { addresses: podOf(1 + (how % 4), '').addresses })]);
  },
  route: (made, which, how) => made.route(`10.200.${which}.0/${how % 2 === 0 ? 24 : 30}`, how === 0 ? undefined : how),
  member: (made, which, how) =>
    made.member(which, (['alive', 'dead', 'left', undefined] as const)[how % 4], {
      name: `n${how > 3 ? 1 : which}`,
      prefixes: [prefix(`10.200.${how > 2 ? which : 9}.0/24`)],
      nodeAddresses: [address(which)],
    }),
  node: (made, which, how) => {
    const name = how % 2 === 0 ? `n${which}` : `n${which}.example`;
    if (how > 3) made.delete('nodes', name);
    else made.object('nodes', { metadata: { name, uid: 'u', labels: { how: `${how}` } } });
  },
  namespace: (made, which, how) => {
    if (how === 0) made.delete('namespaces', 'shop');
    else made.object('namespaces', namespace('shop', { team: which > 2 ? 'a' : 'b' }));
  },
  policy: (made, which, how) => {
    if (how === 0) made.delete('networkpolicies', `shop/p${which}`);
    else
      made.object('networkpolicies', policy(`p${which}`, { matchLabels: { app: `a${how}` } }, how > 2 ? 'shop' : 'x'));
  },
  attach: (made, which, how) => {
    if (how === 0) made.detach(`own-${which}`);
    else made.attach(`own-${which}`, `10.200.1.${10 + which}`);
  },
  pod: (made, which, how) => made.object('pods', pod(`own-${which}`, { app: `a${how}` })),
};

test('after any history, what was told is what is told to somebody new', (t) => {
  const step = record({
    what: constantFrom(...Object.keys(happenings)),
    which: integer({ min: 1, max: 4 }),
    how: integer({ min: 0, max: 5 }),
  });
  assert(
    property(array(step, { maxLength: 60 }), (steps) => {
      const made = cluster();
      for (const { what, which, how } of steps) happenings[what]!(made, which, how);
      const fresh = made.anew();
      for (const kind of ['pods', 'nodes', 'namespaces', 'policies'] as const)
        t.deepEqual(Object.fromEntries(made[kind]), Object.fromEntries<object>(fresh[kind]), kind);
      t.deepEqual(made.planner.plan(), fresh.planner.plan());
    }),
  );
});

test('whoever asks is told all that is known, with what its author wrote of a policy and what is wrong with it', (t) => {
  const made = cluster();
  made.object('namespaces', namespace('shop', { team: 'blue' }));
  made.object('networkpolicies', policy('web', { matchLabels: { app: 'web' } }));
  made.object('networkpolicies', policy('db', { matchLabels: 7 }));
  made.announce(2, [podOf(2, 'web')]);
  const { policies, pods, namespaces, nodes } = made.facts.known();
  t.deepEqual(
    policies.map(({ source, state, object: { kind, metadata } }) => [source, state, kind, metadata.name]),
    [
      ['kubernetes', 'closed', 'NetworkPolicy', 'db'],
      ['kubernetes', 'enforced', 'NetworkPolicy', 'web'],
    ],
  );
  t.regex(policies[0]!.problems[0]!, /matchLabels/);
  t.deepEqual(
    pods.map(({ key }) => key),
    [web2],
  );
  t.deepEqual(namespaces, [{ name: 'shop', labels: { team: 'blue' } }]);
  t.deepEqual(
    nodes.map(({ name }) => name),
    ['n1', 'n2'],
  );
});
