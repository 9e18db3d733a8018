import test from 'ava';
import { NameTable, type NamedNode } from '../../src/names/name-table.ts';
import { type NameDecision, NameZone } from '../../src/names/name-zone.ts';
import { RecordType } from '../../src/names/name-question.ts';
import type { NamedService } from '../../src/names/service-names.ts';
import { parseIpAddress } from '../../src/wire/address.ts';
import { prefix } from '../support/announcements.ts';

const domain = ['weft', 'internal'];

const zone = new NameZone({
  domain,
  reversePrefixes: ['10.244.0.0/16', '10.9.64.0/18', 'fd00:10:244::/48', '10.96.0.0/16', 'fd00:10:96::/112'].map(
    prefix,
  ),
  nodeName: 'n1',
});

function addresses(...texts: readonly string[]) {
  return texts.map((text) => parseIpAddress(text)!);
}

const nodes: Readonly<Record<string, NamedNode>> = {
  aa: {
    name: 'n1',
    addresses: addresses('10.244.1.1', 'fd00:10:244:1::1'),
    pods: [
      { name: 'web', namespace: 'default', addresses: addresses('10.244.1.2', 'fd00:10:244:1::2') },
      { name: 'web', namespace: 'shop', addresses: addresses('10.244.1.3') },
      { name: 'api.v2', namespace: 'default', addresses: addresses('10.244.1.4') },
      { name: 'twice', namespace: 'default', addresses: addresses('10.244.1.5') },
      { name: 'twice', namespace: 'default', addresses: addresses('10.244.1.6') },
      { name: 'Old_Name', namespace: 'default', addresses: addresses('10.244.1.7') },
      { name: 'a'.repeat(64), namespace: 'default', addresses: addresses('10.244.1.8') },
      { name: 'n9', namespace: 'node', addresses: addresses('10.244.1.9') },
    ],
  },
  bb: {
    name: 'n2',
    addresses: addresses('10.244.2.1'),
    pods: [
      { name: 'web', namespace: 'default', addresses: addresses('10.244.2.2') },
      { name: 'six', namespace: 'default', addresses: addresses('fd00:10:244:2::6') },
    ],
  },
};

function tableOf(...identities: readonly string[]): NameTable {
  const table = new NameTable(domain);
  for (const identity of identities) table.set(identity, nodes[identity]!);
  return table;
}

function ask(
  name: string,
  type: keyof typeof RecordType,
  table = tableOf('aa', 'bb'),
  questionClass = 1,
): NameDecision {
  return zone.decide({ labels: name.split('.'), type: RecordType[type], class: questionClass }, table);
}

/** A decision in a word or two. */
function words(decision: NameDecision): string {
  if (decision.kind !== 'answer') return decision.kind;
  if ('negative' in decision) return `${decision.exists ? 'nodata' : 'nxdomain'} of ${decision.negative}`;
  return decision.records
    .map((record) => ('address' in record ? record.address : 'name' in record ? record.name : record.type))
    .join(' ');
}

const answers = test.macro({
  exec: (t, name: string, type: keyof typeof RecordType, expected: string) => t.is(words(ask(name, type)), expected),
  title: (what, name: string, type: string) => `${what}: ${name} ${type.toUpperCase()}`,
});

const domainNothing = 'nxdomain of weft.internal';
const domainEmpty = 'nodata of weft.internal';

test('a pod of namespace default', answers, 'web.weft.internal', 'a', '10.244.1.2');
test('its IPv6 address', answers, 'web.weft.internal', 'aaaa', 'fd00:10:244:1::2');
test('all of it', answers, 'web.weft.internal', 'any', '10.244.1.2 fd00:10:244:1::2');
test('the same by its namespace', answers, 'web.default.weft.internal', 'a', '10.244.1.2');
test('a pod of another namespace', answers, 'web.shop.weft.internal', 'a', '10.244.1.3');
test('case does not count', answers, 'WeB.Shop.WEFT.Internal', 'a', '10.244.1.3');
test('a pod without an address of the family exists', answers, 'web.shop.weft.internal', 'aaaa', domainEmpty);
test('a type of which weft has nothing', answers, 'web.weft.internal', 'soa', domainEmpty);
test('a pod with a dot in its name', answers, 'api.v2.weft.internal', 'a', '10.244.1.4');
test('the same by its namespace', answers, 'api.v2.default.weft.internal', 'a', '10.244.1.4');
test('what lies above a name with a dot exists', answers, 'v2.weft.internal', 'a', domainEmpty);
test('and so does it with its namespace', answers, 'v2.default.weft.internal', 'a', domainEmpty);
test('a name of earlier versions, in lower case', answers, 'old_name.weft.internal', 'a', '10.244.1.7');
test('of two pods of a node the newest', answers, 'twice.weft.internal', 'a', '10.244.1.6');
test('a node', answers, 'n2.node.weft.internal', 'a', '10.244.2.1');
test('a node without an address of the family', answers, 'n2.node.weft.internal', 'aaaa', domainEmpty);
test('a node that there is not', answers, 'n3.node.weft.internal', 'a', domainNothing);
test('a pod of a namespace that is called node', answers, 'n9.node.weft.internal', 'a', domainNothing);
test('the name above nodes exists', answers, 'node.weft.internal', 'a', domainEmpty);
test('a namespace exists', answers, 'shop.weft.internal', 'a', domainEmpty);
test('namespace default exists', answers, 'default.weft.internal', 'a', domainEmpty);
test('a namespace without pods does not', answers, 'empty.weft.internal', 'a', domainNothing);
test('nothing is below a pod', answers, 'x.web.weft.internal', 'a', domainNothing);
test('a pod by its node', answers, 'web.n2.node.weft.internal', 'a', '10.244.2.2');
test('a pod by namespace and node', answers, 'web.shop.n1.node.weft.internal', 'a', '10.244.1.3');
test('a pod with a dot by its node', answers, 'api.v2.n1.node.weft.internal', 'a', '10.244.1.4');
test('a namespace at a node exists', answers, 'shop.n1.node.weft.internal', 'a', domainEmpty);
test('above a pod with a dot, at its node', answers, 'v2.n1.node.weft.internal', 'a', domainEmpty);
test('a namespace that a node has no pod of does not', answers, 'shop.n2.node.weft.internal', 'a', domainNothing);
test('a pod at a node that there is not', answers, 'web.n3.node.weft.internal', 'a', domainNothing);
test('the domain itself', answers, 'weft.internal', 'a', domainEmpty);
test('the domain itself', answers, 'weft.internal', 'soa', 'SOA');
test('the domain itself', answers, 'weft.internal', 'ns', 'n1.node.weft.internal');
test('what only ends like the domain is for others', answers, 'notweft.internal', 'a', 'forward');
test('what is above the domain is for others', answers, 'internal', 'a', 'forward');
test('the world is for others', answers, 'www.example.com', 'a', 'forward');
test('the root is for others', answers, '', 'ns', 'forward');

test('a pod by its address', answers, '2.1.244.10.in-addr.arpa', 'ptr', 'web.default.weft.internal');
test('a node by its address', answers, '1.2.244.10.in-addr.arpa', 'ptr', 'n2.node.weft.internal');
test('case does not count there either', answers, '2.1.244.10.IN-ADDR.Arpa', 'ptr', 'web.default.weft.internal');
test('a pod whose name another has', answers, '2.2.244.10.in-addr.arpa', 'ptr', 'web.default.weft.internal');
test('nobody has it', answers, '9.9.244.10.in-addr.arpa', 'ptr', 'nxdomain of 244.10.in-addr.arpa');
test('an address has no address', answers, '2.1.244.10.in-addr.arpa', 'a', 'nodata of 244.10.in-addr.arpa');
test('a prefix exists', answers, '1.244.10.in-addr.arpa', 'ptr', 'nodata of 244.10.in-addr.arpa');
test('the zone of a prefix', answers, '244.10.in-addr.arpa', 'soa', 'SOA');
test('above the cluster is for others', answers, '10.in-addr.arpa', 'ptr', 'forward');
test('beside the cluster is for others', answers, '1.1.245.10.in-addr.arpa', 'ptr', 'forward');
test('what is no octet', answers, '01.1.244.10.in-addr.arpa', 'ptr', 'nxdomain of 244.10.in-addr.arpa');
test('what is too large for an octet', answers, '256.1.244.10.in-addr.arpa', 'ptr', 'nxdomain of 244.10.in-addr.arpa');
test('below an address', answers, 'x.2.1.244.10.in-addr.arpa', 'ptr', 'nxdomain of 244.10.in-addr.arpa');
test('a prefix that ends within a label', answers, '64.9.10.in-addr.arpa', 'ptr', 'nodata of 64.9.10.in-addr.arpa');
test('in it', answers, '7.127.9.10.in-addr.arpa', 'ptr', 'nxdomain of 127.9.10.in-addr.arpa');
test('beside it', answers, '7.128.9.10.in-addr.arpa', 'ptr', 'forward');
const sixOf = '6.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.2.0.0.0';
const six = '4.4.2.0.0.1.0.0.0.0.d.f.ip6.arpa';
test('a pod by its IPv6 address', answers, `${sixOf}.${six}`, 'ptr', 'six.default.weft.internal');
test('nobody has it, over IPv6', answers, `7${sixOf.slice(1)}.${six}`, 'ptr', `nxdomain of ${six}`);
test('a prefix of IPv6 exists', answers, `2.0.0.0.${six}`, 'ptr', `nodata of ${six}`);
test('beside the cluster, over IPv6', answers, `5${six.slice(1)}`, 'ptr', 'forward');
test('what is no digit', answers, `g.${six}`, 'ptr', `nxdomain of ${six}`);

const services: readonly NamedService[] = [
  { namespace: 'shop', name: 'web', addresses: addresses('10.96.0.7', 'fd00:10:96::7'), isHeadless: false },
  { namespace: 'shop', name: 'db', addresses: addresses('10.244.1.2', '10.244.2.2'), isHeadless: true },
  { namespace: 'shop', name: 'idle', addresses: [], isHeadless: true },
  { namespace: 'default', name: 'web', addresses: addresses('10.96.0.8', '10.244.1.3'), isHeadless: false },
  { namespace: 'svc', name: 'svc', addresses: addresses('10.96.0.9'), isHeadless: false },
  { namespace: 'test', name: 'twin', addresses: addresses('10.96.0.7'), isHeadless: false },
];

/** Nodes and pods whose names are like those of services, and the services. */
function tableWithServices(): NameTable {
  const table = tableOf('aa');
  const like = (name: string, namespace: string, ...texts: string[]) => ({
    name,
    namespace,
    addresses: addresses(...texts),
  });
  const pods = [
    like('web', 'svc', '10.244.3.2'),
    like('web.shop', 'svc', '10.244.3.3'),
    like('web.shop.svc', 'default', '10.244.3.4'),
    like('svc', 'default', '10.244.3.5'),
    like('web', 'shop.svc', '10.244.3.6'),
    like('web.shop', 'SVC', '10.244.3.7'),
  ];
  table.set('cc', { name: 'svc', addresses: addresses('10.244.3.1'), pods });
  for (const service of services) table.setService(service);
  return table;
}

const serves = test.macro({
  exec: (t, name: string, type: keyof typeof RecordType, expected: string) =>
    t.is(words(ask(name, type, tableWithServices())), expected),
  title: (what, name: string, type: string) => `with services, ${what}: ${name} ${type.toUpperCase()}`,
});

test('a service', serves, 'web.shop.svc.weft.internal', 'a', '10.96.0.7');
test('its IPv6 address', serves, 'web.shop.svc.weft.internal', 'aaaa', 'fd00:10:96::7');
test('case does not count', serves, 'WEB.Shop.SVC.weft.internal', 'a', '10.96.0.7');
test('a headless service is its backends', serves, 'db.shop.svc.weft.internal', 'a', '10.244.1.2 10.244.2.2');
test('one without an address of the family exists', serves, 'db.shop.svc.weft.internal', 'aaaa', domainEmpty);
test('one without backends exists', serves, 'idle.shop.svc.weft.internal', 'a', domainEmpty);
test('a type of which weft has nothing', serves, 'web.shop.svc.weft.internal', 'soa', domainEmpty);
test('a service that there is not', serves, 'nix.shop.svc.weft.internal', 'a', domainNothing);
test('a namespace of services exists', serves, 'shop.svc.weft.internal', 'a', domainEmpty);
test('one without services does not', serves, 'empty.svc.weft.internal', 'a', domainNothing);
test('the name above services exists', serves, 'svc.weft.internal', 'a', domainEmpty);
test('nothing is below a service', serves, 'x.web.shop.svc.weft.internal', 'a', domainNothing);
test('nothing is between services and a namespace', serves, 'web.shop.x.svc.weft.internal', 'a', domainNothing);
test('a namespace is always named', serves, 'web.svc.weft.internal', 'a', domainNothing);
test('all of it called svc', serves, 'svc.svc.svc.weft.internal', 'a', '10.96.0.9');
test('the pod of the same name and namespace', serves, 'web.shop.weft.internal', 'a', '10.244.1.3');
test('a pod that is called svc, by its namespace', serves, 'svc.default.weft.internal', 'a', '10.244.3.5');
test('a pod that is called like a service, too', serves, 'web.shop.svc.default.weft.internal', 'a', '10.244.3.4');
test('a node that is called svc', serves, 'svc.node.weft.internal', 'a', '10.244.3.1');
test('its pod that is called svc', serves, 'svc.svc.node.weft.internal', 'a', '10.244.3.5');
test('its pod of a namespace svc has no name', serves, 'web.svc.svc.node.weft.internal', 'a', domainNothing);
test('a service by its address', serves, '7.0.96.10.in-addr.arpa', 'ptr', 'web.shop.svc.weft.internal');
test('an address has no address', serves, '7.0.96.10.in-addr.arpa', 'a', 'nodata of 96.10.in-addr.arpa');
test('no service has it', serves, '1.0.96.10.in-addr.arpa', 'ptr', 'nxdomain of 96.10.in-addr.arpa');
const zoneOfServices = '0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.9.0.0.0.1.0.0.0.0.d.f.ip6.arpa';
test('by its IPv6 address', serves, `7.0.0.0.${zoneOfServices}`, 'ptr', 'web.shop.svc.weft.internal');
test('the zone of their addresses', serves, zoneOfServices, 'soa', 'SOA');
test('a backend is its pod', serves, '2.1.244.10.in-addr.arpa', 'ptr', 'web.default.weft.internal');
test(
  'a backend whose pod is not known is nobody',
  serves,
  '2.2.244.10.in-addr.arpa',
  'ptr',
  'nxdomain of 244.10.in-addr.arpa',
);
test('an address of a pod is the pod', serves, '3.1.244.10.in-addr.arpa', 'ptr', 'web.shop.weft.internal');
test('without services, the name above them does not exist', answers, 'svc.weft.internal', 'a', domainNothing);

test('services that are gone, or are others, leave nothing behind', (t) => {
  const table = tableWithServices();
  const reverse = (): string => words(ask('7.0.96.10.in-addr.arpa', 'ptr', table));
  const [web] = services;
  t.is(table.size, tableOf('aa').size + 2 + 1 + services.length);
  const first = table.changes;
  table.setService({ ...web!, addresses: addresses('10.96.0.70') });
  t.true(table.changes > first);
  t.is(words(ask('web.shop.svc.weft.internal', 'a', table)), '10.96.0.70');
  t.is(words(ask('web.shop.svc.weft.internal', 'aaaa', table)), domainEmpty);
  t.is(reverse(), 'twin.test.svc.weft.internal');
  const before = table.changes;
  for (const service of services) table.deleteService(service);
  table.deleteService({ namespace: 'shop', name: 'nix' });
  t.true(table.changes > before);
  t.is(table.size, tableOf('aa').size + 2 + 1);
  t.is(reverse(), 'nxdomain of 96.10.in-addr.arpa');
  for (const name of ['web.shop.svc', 'shop.svc', 'svc'])
    t.is(words(ask(`${name}.weft.internal`, 'a', table)), domainNothing, name);
});

test('of two services with one address the first by namespace and name has it, whichever was known first', (t) => {
  const table = tableOf('aa');
  for (const service of services.toReversed()) table.setService(service);
  t.is(words(ask('7.0.96.10.in-addr.arpa', 'ptr', table)), 'web.shop.svc.weft.internal');
});

test('a service that DNS cannot carry has no name, and takes none', (t) => {
  const table = new NameTable([...domain, 'x'.repeat(63), 'y'.repeat(63)]);
  const refused = [
    { namespace: 'shop', name: 'a.b' },
    { namespace: 'a.b', name: 'web' },
    { namespace: 'shop', name: 'a/b' },
    { namespace: 'shop', name: 'Web' },
    { namespace: 'shop', name: '' },
    { namespace: 'a'.repeat(64), name: 'web' },
    { namespace: 'a'.repeat(60), name: 'b'.repeat(60) },
  ];
  for (const names of refused) table.setService({ ...services[0]!, ...names });
  t.is(table.size, 0);
  t.is(table.holderAt(addresses('10.96.0.7')[0]!), undefined);
  t.false(table.hasBelow(['svc']));
});

test('another class is refused, whatever the name', (t) => {
  t.deepEqual(ask('version.bind', 'any', undefined, 3), { kind: 'refuse' });
  t.deepEqual(ask('web.weft.internal', 'a', undefined, 255), { kind: 'refuse' });
});

test('a transfer of a zone is refused, also of a zone of others', (t) => {
  t.deepEqual(ask('weft.internal', 'axfr'), { kind: 'refuse' });
  t.deepEqual(ask('example.com', 'ixfr'), { kind: 'refuse' });
});

test('of two nodes with a pod of one name, the first by name has it, whichever was known first', (t) => {
  t.is(words(ask('web.weft.internal', 'a', tableOf('bb', 'aa'))), '10.244.1.2');
  const table = tableOf('aa', 'bb');
  t.is(table.contested, 1);
  table.delete('aa');
  t.is(table.contested, 0);
  t.is(words(ask('web.weft.internal', 'a', table)), '10.244.2.2');
  t.is(words(ask('2.1.244.10.in-addr.arpa', 'ptr', table)), 'nxdomain of 244.10.in-addr.arpa');
  t.is(words(ask('shop.weft.internal', 'a', table)), domainNothing);
});

test('pods whose names DNS cannot carry are counted, and nodes and others named', (t) => {
  const table = tableOf('aa', 'bb');
  t.is(table.unnameable, 2);
  t.is(table.size, 2 + 5 + 1);
});

test('a node that is told anew has the new pods alone', (t) => {
  const table = tableOf('bb');
  const before = table.changes;
  table.set('bb', { ...nodes['bb']!, pods: [] });
  t.true(table.changes > before);
  t.is(words(ask('six.weft.internal', 'aaaa', table)), domainNothing);
  t.is(words(ask('default.weft.internal', 'a', table)), domainNothing);
  t.is(words(ask('n2.node.weft.internal', 'a', table)), '10.244.2.1');
});
