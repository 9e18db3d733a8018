import test from 'ava';
import { readService } from '../../src/services/read-service.ts';
import { serviceKey, ServicePlanner } from '../../src/services/service-planner.ts';
import type { ServiceRecord } from '../../src/services/service-record.ts';
import { suspicionsOfServices } from '../../src/services/service-suspicions.ts';
import type { Backend } from '../../src/services/service.ts';
import { type IpAddress, parseIpAddress } from '../../src/wire/address.ts';

const address = (text: string): IpAddress => parseIpAddress(text)!;

function record(name: string, spec: object): ServiceRecord {
  const object = { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'shop' }, spec };
  return (readService(object) as { readonly service: ServiceRecord }).service;
}

const backend: Backend = {
  address: address('10.244.1.2'),
  port: 8_080,
  isReady: true,
  isServing: true,
  isTerminating: false,
  nodeName: 'n1',
  forNodes: [],
  forZones: [],
};

/** What is said of services. @param backends names of ports that have one, by the keys of services */
function saidOf(services: readonly ServiceRecord[], backends: Readonly<Record<string, readonly string[]>> = {}) {
  const planner = new ServicePlanner({
    name: 'n1',
    zone: '',
    nodePortAddresses: ['10.244.1.1', '198.18.0.1'].map(address),
  });
  for (const service of services) planner.setService(serviceKey(service), service);
  for (const [key, ports] of Object.entries(backends))
    planner.setBackends(key, new Map(ports.map((port) => [port, [backend]])));
  return [...suspicionsOfServices(services, planner)]
    .filter((one) => one !== undefined)
    .map(({ kind, service, place, text }) => `${kind} ${service} ${place}: ${text}`);
}

const web = { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8_080 }] };

test('a port without pods refuses connections, or datagrams', (t) => {
  const both = {
    selector: { app: 'dns' },
    ports: [
      { name: 'tcp', port: 53 },
      { name: 'udp', port: 53, protocol: 'UDP' },
    ],
  };
  t.deepEqual(saidOf([record('web', web), record('dns', both)]), [
    'no-backend shop/web 80/tcp: no pod of namespace shop has app=web: connections are refused',
    'no-backend shop/dns:tcp 53/tcp: no pod of namespace shop has app=dns: connections are refused',
    'no-backend shop/dns:udp 53/udp: no pod of namespace shop has app=dns: datagrams are refused',
  ]);
});

test('what there is no room for is named', (t) => {
  const service = record('web', { ...web, externalIPs: ['192.0.2.1'] });
  const dual = { ...service, ports: [80, 81, 82].map((port) => ({ ...service.ports[0]!, name: `p${port}`, port })) };
  const node = { name: 'n1', zone: '', nodePortAddresses: [] };
  const saidWithin = (limit: number) => {
    const planner = new ServicePlanner(node, { service: limit, total: 1_000 });
    const backends = [1, 2, 3].map((last) => ({ ...backend, address: address(`10.244.1.${last}`) }));
    planner.setService('shop/web', { ...dual, clusterAddresses: [address('10.96.0.1')] });
    planner.setBackends('shop/web', new Map(dual.ports.map(({ name }) => [name, backends])));
    return [...suspicionsOfServices([dual], planner)].flatMap((one) =>
      one === undefined ? [] : `${one.kind} ${one.service} ${one.place}: ${one.text}`,
    );
  };
  t.deepEqual(saidWithin(24), []);
  t.deepEqual(
    saidWithin(20),
    [80, 81, 82].map(
      (port) =>
        `cut shop/web:p${port} ${port}/tcp: the first 2 backends of each family, by address, are used, and no others`,
    ),
  );
  t.deepEqual(saidWithin(8).slice(-1), ['cut shop/web:p82 82/tcp: left out: nobody reaches it']);
});

test('backends that are not ready are none', (t) => {
  const service = record('web', web);
  const planner = new ServicePlanner({ name: 'n1', zone: '', nodePortAddresses: [] });
  planner.setService('shop/web', service);
  planner.setBackends('shop/web', new Map([['', [{ ...backend, isReady: false }]]]));
  t.is(
    [...suspicionsOfServices([service], planner)].find((one) => one !== undefined)?.text,
    'its only backend is not ready: connections are refused',
  );
});

test('of the ports of a service, those without pods are named', (t) => {
  const ports = [
    { name: 'http', port: 80 },
    { name: 'admin', port: 81, targetPort: 'admin' },
  ];
  t.deepEqual(saidOf([record('web', { ...web, ports })], { 'shop/web': ['http'] }), [
    'no-backend shop/web:admin 81/tcp: no pod of namespace shop with app=web has a port "admin": connections are refused',
  ]);
});

test('the name of a headless service without pods stands for nothing', (t) => {
  const headless = { ...web, clusterIP: 'None' };
  t.deepEqual(saidOf([record('web', headless)]), [
    'no-backend shop/web 80/tcp: no pod of namespace shop has app=web: its name stands for no address',
  ]);
  const ports = [
    { name: 'http', port: 80 },
    { name: 'admin', port: 81, targetPort: 'admin' },
  ];
  t.deepEqual(saidOf([record('web', { ...headless, ports })], { 'shop/web': ['http'] }), [
    'no-backend shop/web:admin 81/tcp: no pod of namespace shop with app=web has a port "admin": its name stands for pods without that port',
  ]);
});

test('of many labels some are named', (t) => {
  const selector = Object.fromEntries(Array.from({ length: 6 }, (_, at) => [`key${at}`, 'on']));
  t.deepEqual(saidOf([record('web', { ...web, selector })]), [
    'no-backend shop/web 80/tcp: no pod of namespace shop has key0=on, key1=on, key2=on, key3=on and 2 more labels: connections are refused',
  ]);
});

test('a service with pods, and one that selects none, are as they should be', (t) => {
  const { ports } = web;
  t.deepEqual(saidOf([record('web', web), record('hand', { ports })], { 'shop/web': [''] }), []);
});

test('of two services with one address and port, the second by name is told who has it', (t) => {
  const services = ['web', 'old'].map((name) =>
    record(name, { ...web, clusterIP: '10.96.0.7', clusterIPs: ['10.96.0.7'] }),
  );
  t.deepEqual(saidOf(services, { 'shop/web': [''], 'shop/old': [''] }), [
    'address-taken shop/web 10.96.0.7:80/tcp: shop/old has it',
  ]);
});

test('a node port is told once for all addresses of a node; what takes one address alone, with that address', (t) => {
  const nodePort = (name: string) =>
    record(name, { ...web, type: 'NodePort', ports: [{ name: 'http', port: 80, nodePort: 30_080 }] });
  const external = record('edge', { ...web, externalIPs: ['198.18.0.1'], ports: [{ port: 30_080 }] });
  const backends = { 'shop/a': ['http'], 'shop/b': ['http'], 'shop/edge': [''] };
  t.deepEqual(saidOf([nodePort('a'), nodePort('b'), external], backends), [
    'address-taken shop/b:http node port 30080/tcp: shop/a:http has it',
    'address-taken shop/edge 198.18.0.1:30080/tcp: shop/a:http has it',
  ]);
});

test('a service that has its own address twice is in the way of no other', (t) => {
  const twice = record('edge', {
    ...web,
    type: 'NodePort',
    externalIPs: ['198.18.0.1'],
    ports: [{ port: 30_080, nodePort: 30_080 }],
  });
  t.deepEqual(saidOf([twice], { 'shop/edge': [''] }), []);
});
