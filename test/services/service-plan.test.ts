import test from 'ava';
import { type Destination, type PlanningNode, planService } from '../../src/services/service-plan.ts';
import { ServicePlanner } from '../../src/services/service-planner.ts';
import type { Backend, Service } from '../../src/services/service.ts';
import { formatIpAddress, parseIpAddress } from '../../src/wire/address.ts';

const at = (text: string) => parseIpAddress(text)!;

const node: PlanningNode = { name: 'node1', zone: 'a', nodePortAddresses: [at('198.18.0.1')] };

const web: Service = {
  namespace: 'shop',
  name: 'web',
  ports: [{ name: '', protocol: 'TCP', port: 80, nodePort: undefined }],
  clusterAddresses: [at('10.96.0.1')],
  externalAddresses: [],
  loadBalancerAddresses: [],
  loadBalancerSources: undefined,
  internalTraffic: 'cluster',
  externalTraffic: 'cluster',
  affinitySeconds: undefined,
};

/** `10.244.1.2 node1 ready`, or `ending`, `starting`. */
function backend(text: string, hints: Partial<Backend> = {}): Backend {
  const [address = '', nodeName = '', state] = text.split(' ');
  return {
    address: at(address),
    port: 8080,
    isReady: state === 'ready',
    isServing: state !== 'starting',
    isTerminating: state === 'ending',
    nodeName,
    forNodes: [],
    forZones: [],
    ...hints,
  };
}

function words(destination: Destination): string {
  if (destination.kind !== 'backends') return destination.kind;
  return destination.backends.map(({ address }) => formatIpAddress(address)).join(' ');
}

const outcome = test.macro({
  exec: (t, service: Partial<Service>, backends: readonly Backend[], inside: string, outside?: string) => {
    const [frontend] = planService({ ...web, ...service }, () => backends, node);
    t.is(words(frontend!.inside), inside);
    t.is(words(frontend!.outside), outside ?? inside);
  },
  title: (name = '') => `a service with ${name}`,
});

const [here, there] = [backend('10.244.1.2 node1 ready'), backend('10.244.2.2 node2 ready')];
const external = { clusterAddresses: [], externalAddresses: [at('192.0.2.1')] };

test('backends that are ready', outcome, {}, [there, here], '10.244.1.2 10.244.2.2');
test('no backends', outcome, {}, [], 'refused');
test('backends that start', outcome, {}, [backend('10.244.1.2 node1 starting')], 'refused');
test('one that is ready, and one that ends', outcome, {}, [backend('10.244.1.3 node1 ending'), there], '10.244.2.2');
test('backends that all end', outcome, {}, [backend('10.244.2.3 node2 ending')], '10.244.2.3');
test('backends of the other family alone', outcome, {}, [backend('fd00::1 node1 ready')], 'refused');
test('one backend in two slices', outcome, {}, [backend('10.244.1.2 node1 starting'), here], '10.244.1.2');
test('backends of the node alone', outcome, { internalTraffic: 'local' }, [here, there], '10.244.1.2');
test('none of the node, which must be of it', outcome, { internalTraffic: 'local' }, [there], 'dropped');
test('none at all, which must be of the node', outcome, { internalTraffic: 'local' }, [], 'refused');
test(
  'one of the node that ends, and one elsewhere that is ready',
  outcome,
  { internalTraffic: 'local' },
  [backend('10.244.1.3 node1 ending'), there],
  '10.244.1.3',
);
test(
  'an external address, and backends of the node for what comes from outside',
  outcome,
  { ...external, externalTraffic: 'local' },
  [here, there],
  '10.244.1.2 10.244.2.2',
  '10.244.1.2',
);
test(
  'an external address, and none of the node',
  outcome,
  { ...external, externalTraffic: 'local' },
  [there],
  '10.244.2.2',
  'dropped',
);
test(
  'backends that are meant for zones',
  outcome,
  {},
  [backend('10.244.1.2 node1 ready', { forZones: ['b'] }), backend('10.244.2.2 node2 ready', { forZones: ['a'] })],
  '10.244.2.2',
);
test(
  'backends of which one is meant for nobody',
  outcome,
  {},
  [here, backend('10.244.2.2 node2 ready', { forZones: ['a'] })],
  '10.244.1.2 10.244.2.2',
);
test(
  'backends that are meant for nodes, and for zones',
  outcome,
  {},
  [
    backend('10.244.1.2 node1 ready', { forNodes: ['node2'], forZones: ['a'] }),
    backend('10.244.2.2 node2 ready', { forNodes: ['node1'], forZones: ['b'] }),
  ],
  '10.244.2.2',
);

test('a headless service is in no plan', (t) => {
  t.deepEqual(
    planService({ ...web, clusterAddresses: [] }, () => [here], node),
    [],
  );
});

test('a port of the node is at each of its addresses, and what comes there from outside leaves under one of them', (t) => {
  const ports = [{ name: 'http', protocol: 'TCP' as const, port: 80, nodePort: 30_080 }];
  const frontends = planService({ ...web, ports, clusterAddresses: [] }, () => [here], node);
  t.deepEqual(
    frontends.map(({ kind, service, address, port, masqueradesOutside }) => [
      kind,
      service,
      formatIpAddress(address),
      port,
      masqueradesOutside,
    ]),
    [['node-port', 'shop/web:http', '198.18.0.1', 30_080, true]],
  );
});

test('of two services that want one address, the first by name has it, and the other gets it when that goes', (t) => {
  const planner = new ServicePlanner(node);
  for (const name of ['b', 'a']) planner.setService(`shop/${name}`, { ...web, name, ...external });
  t.deepEqual(
    planner.take().changed.map(({ service }) => service),
    ['shop/a'],
  );
  t.deepEqual(
    planner.refused('shop/b').map(({ holder }) => holder.service),
    ['shop/a'],
  );
  planner.setService('shop/a', undefined);
  t.deepEqual(
    planner.take().changed.map(({ service }) => service),
    ['shop/b'],
  );
  t.deepEqual(planner.refused('shop/b'), []);
});

test('what is as it was is not told again', (t) => {
  const planner = new ServicePlanner(node);
  planner.setService('shop/web', web);
  planner.setBackends('shop/web', new Map([['', [here]]]));
  t.is(planner.take().changed.length, 1);
  planner.setBackends('shop/web', new Map([['', [here, backend('10.244.2.9 node2 starting')]]]));
  t.deepEqual(planner.take(), { changed: [], gone: [] });
  planner.setService('shop/web', undefined);
  t.deepEqual(planner.take(), { changed: [], gone: ['10.96.0.1 TCP 80'] });
});

test('places of weft itself are of no service, as long as they are its own', (t) => {
  const planner = new ServicePlanner(node);
  const [web1, place] = [{ ...web, externalAddresses: [at('198.18.0.1')] }, '198.18.0.1 TCP 80'];
  planner.setBackends('shop/web', new Map([['', [here]]]));
  planner.setService('shop/web', web1);
  planner.reserve(new Set([place, '198.18.0.1 UDP 80']));
  t.deepEqual(
    planner.take().changed.map(({ kind }) => kind),
    ['cluster'],
  );
  t.deepEqual(
    planner.refused('shop/web').map(({ frontend, holder }) => [frontend.kind, holder.service]),
    [['external', 'weft itself']],
  );
  planner.reserve(new Set());
  t.deepEqual(
    planner.take().changed.map(({ kind }) => kind),
    ['external'],
  );
  planner.reserve(new Set([place]));
  t.deepEqual(planner.take(), { changed: [], gone: [place] });
});
