import test from 'ava';
import { frontendPiece } from '../../src/daemon/services/service-tables.ts';
import type { PolicyPod } from '../../src/policy/cluster-facts.ts';
import { type Destination, planService, type PlanningNode } from '../../src/services/service-plan.ts';
import { frontendKey, serviceKey, ServicePlanner } from '../../src/services/service-planner.ts';
import { SelectedBackends } from '../../src/services/selected-backends.ts';
import { elementsOf, fairLimit, fitService, knownBackends, SERVICE_LIMITS } from '../../src/services/service-room.ts';
import type { Backend, Service } from '../../src/services/service.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { formatIpAddress, type IpAddress, parseIpAddress } from '../../src/wire/address.ts';
import { RandomServices } from '../support/random-services.ts';

const at = (text: string): IpAddress => parseIpAddress(text)!;

const node: PlanningNode = { name: 'n1', zone: '', nodePortAddresses: [at('198.18.0.1')] };

/** With so many ports, each at so many addresses. */
function serviceWith({ name = 'web', ports = 1, addresses = 1, affinitySeconds = undefined as number | undefined }) {
  return {
    namespace: 'shop',
    name,
    ports: Array.from({ length: ports }, (_, index) => ({
      name: `p${index}`,
      protocol: 'TCP',
      port: 80 + index,
      nodePort: undefined,
    })),
    clusterAddresses: [at('10.96.0.1')],
    externalAddresses: Array.from({ length: addresses - 1 }, (_, index) => at(`192.0.2.${index + 1}`)),
    loadBalancerAddresses: [],
    loadBalancerSources: undefined,
    internalTraffic: 'cluster',
    externalTraffic: 'cluster',
    affinitySeconds,
  } as const satisfies Service;
}

function backends(count: number): readonly Backend[] {
  return Array.from({ length: count }, (_, index) => ({
    address: at(`10.245.${index >> 8}.${index & 0xff}`),
    port: 8080,
    isReady: true,
    isServing: true,
    isTerminating: false,
    nodeName: 'n2',
    forNodes: [],
    forZones: [],
  }));
}

function plannerWith(services: readonly (readonly [Service, number])[], limits = SERVICE_LIMITS): ServicePlanner {
  const planner = new ServicePlanner(node, limits);
  for (const [service, count] of services) {
    planner.setBackends(serviceKey(service), new Map(service.ports.map(({ name }) => [name, backends(count)])));
    planner.setService(serviceKey(service), service);
  }
  return planner;
}

function countOf(to: Destination): number {
  return to.kind === 'backends' ? to.backends.length : 0;
}

/** Backends of each port, by its title. */
function plannedCounts(planner: ServicePlanner): readonly string[] {
  const { changed } = planner.take();
  return changed.map(({ service, inside }) => `${service} ${countOf(inside)}`).sort();
}

test('a service has no more elements in the table than are counted, whatever it is', (t) => {
  const make = new RandomServices(new SeededRandom(7));
  for (let round = 0; round < 500; round++) {
    const service = make.service(1);
    const known = make.backends(service);
    const frontends = planService(service, ({ name }) => known.get(name) ?? [], make.node());
    for (const frontend of frontends) {
      const { sets, chains } = frontendPiece(frontend);
      const elements = Object.values(sets).reduce((sum, set) => sum + ((set.elements as Set<string>)?.size ?? 0), 0);
      // Chains of slots are those of other services as well.
      const own = Object.keys(chains).filter((name) => /-from-|-keep-|-kept-/.test(name));
      t.true(elements + own.length <= elementsOf([frontend]) + 2, JSON.stringify(frontend));
    }
  }
});

test('all addresses of a port share their backends', (t) => {
  const service = serviceWith({ addresses: 60 });
  const frontends = planService(service, () => backends(100), node);
  t.is(frontends.length, 60);
  t.is(new Set(frontends.flatMap(({ inside, outside }) => [inside, outside])).size, 1);
  const { frontends: cut } = fitService(frontends, 600);
  t.is(new Set(cut.flatMap(({ inside, outside }) => [inside, outside])).size, 1);
});

test('5 000 backends behind three ports have room, and with more addresses the first of them, as many at each', (t) => {
  const few = plannerWith([[serviceWith({ ports: 3, addresses: 2 }), 5_000]]);
  t.is(few.cut('shop/web'), undefined);
  t.deepEqual(
    few.take().changed.map(({ inside }) => countOf(inside)),
    Array(6).fill(5_000),
  );
  const many = plannerWith([[serviceWith({ ports: 3, addresses: 60 }), 5_000]]);
  const { changed } = many.take();
  t.is(elementsOf(changed), 180 * 182);
  t.deepEqual([...new Set(changed.map(({ inside }) => countOf(inside)))], [181]);
  t.deepEqual([many.cut('shop/web'), many.cuts], [{ backends: 181, ports: new Set() }, 1]);
  const [first] = changed;
  t.deepEqual(
    first!.inside.kind === 'backends' && first!.inside.backends.map(({ address }) => address),
    backends(181).map(({ address }) => address),
  );
});

test('where not even one backend of each port fits, the last ports are left out, whole', (t) => {
  const planner = plannerWith([[serviceWith({ ports: 5, addresses: 10 }), 4]], { service: 70, total: 1_000 });
  const { changed } = planner.take();
  t.is(changed.length, 30);
  t.deepEqual(planner.cut('shop/web'), { backends: 1, ports: new Set(['shop/web:p3', 'shop/web:p4']) });
});

test('a service whose clients keep their backends has room for fewer', (t) => {
  const planner = plannerWith([[serviceWith({ affinitySeconds: 60 }), 100]], { service: 101, total: 1_000 });
  planner.take();
  t.is(planner.cut('shop/web')?.backends, 25);
});

test('many large services share what there is, the same in whatever order they come, and small ones keep theirs', (t) => {
  const limits = { service: 64, total: 200 };
  const services = [
    ...Array.from({ length: 5 }, (_, index) => [serviceWith({ name: `large${index}` }), 60] as const),
    [serviceWith({ name: 'small' }), 5] as const,
  ].map(([service, count], index) => [{ ...service, clusterAddresses: [at(`10.96.0.${index}`)] }, count] as const);
  const planned = plannedCounts(plannerWith(services, limits));
  t.deepEqual(planned, [...Array.from({ length: 5 }, (_, index) => `shop/large${index}:p0 31`), 'shop/small:p0 5']);
  t.deepEqual(plannedCounts(plannerWith(services.toReversed(), limits)), planned);
});

test('a large service that goes leaves its room to the others', (t) => {
  const limits = { service: 64, total: 100 };
  const other = { ...serviceWith({ name: 'other' }), clusterAddresses: [at('10.96.0.2')] };
  const planner = plannerWith(
    [
      [serviceWith({}), 60],
      [other, 60],
    ],
    limits,
  );
  planner.take();
  t.is(planner.cuts, 2);
  planner.setService('shop/web', undefined);
  const { changed, gone } = planner.take();
  t.deepEqual(
    [changed.map(({ inside }) => countOf(inside)), gone, planner.cuts],
    [[60], [frontendKey({ address: at('10.96.0.1'), protocol: 'TCP', port: 80 })], 0],
  );
});

test('as many services as Kubernetes has, and more, are far from being cut', (t) => {
  t.is(fairLimit(Array(10_000).fill(1 + 5), SERVICE_LIMITS), SERVICE_LIMITS.service);
  t.is(fairLimit(Array(32_768).fill(SERVICE_LIMITS.service), SERVICE_LIMITS), 16);
});

test('of too many backends, those of each port are kept that all ports can have', (t) => {
  t.is(knownBackends([5, 5, 0], 10), Infinity);
  t.is(knownBackends([5, 5, 1], 10), 4);
  t.is(knownBackends([1, 1, 1, 100], 10), 7);
  t.is(knownBackends([100, 100], 1), 1);
});

test('pods behind many ports do not take memory for each of them', (t) => {
  const selected = new SelectedBackends();
  const ports = Array.from({ length: 100 }, (_, index) => ({
    name: `p${index}`,
    protocol: 'TCP' as const,
    targetPort: index < 99 ? 8080 + index : 'http',
  }));
  for (const { address, nodeName } of backends(2_000))
    selected.setPod({
      key: formatIpAddress(address),
      namespace: 'shop',
      name: 'web',
      nodeName,
      addresses: [address],
      labels: { app: 'web' },
      ports: [],
      hostNetwork: false,
    } as unknown as PolicyPod);
  selected.setService('shop/web', { namespace: 'shop', selector: { app: 'web' }, ports });
  const counts = [...selected.take().get('shop/web')!.values()].map((all) => all.length);
  t.deepEqual([counts.length, new Set(counts)], [99, new Set([655])]);
});
