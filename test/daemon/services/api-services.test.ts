/** Services and slices that came one by one, against a twin that joins all of them at once. `SEED=…` replays one history. */
import test from 'ava';
import { ApiServices } from '../../../src/daemon/services/api-services.ts';
import { type ApiEndpointSlice, readEndpointSlice } from '../../../src/kubernetes/api-endpoint-slice.ts';
import { type ApiService, readApiService } from '../../../src/kubernetes/api-service.ts';
import type { Frontend } from '../../../src/services/service-plan.ts';
import { frontendKey, ServicePlanner } from '../../../src/services/service-planner.ts';
import { SeededRandom } from '../../../src/sim/seeded-random.ts';
import { formatIpAddress } from '../../../src/wire/address.ts';

const HISTORIES = 2_000;
const CHANGES = 15;

const given = process.env['SEED'];
const first = given === undefined ? Math.trunc(Math.random() * 0x7f_ff_ff_ff) : Number(given);

const node = { name: 'n1', zone: '', nodePortAddresses: [] };
const protocols = ['TCP', 'UDP'] as const;

/** Of two namespaces, two services each. */
function drawService(random: SeededRandom): ApiService {
  const at = random.below(4);
  const portOf = (name: string) => ({ name, port: 80 + random.below(2), protocol: protocols[random.below(2)] });
  const ports = [portOf('http'), { ...portOf('dns'), port: 53 }].slice(0, 1 + random.below(2));
  return readApiService({
    metadata: { namespace: `ns${at % 2}`, name: `s${at >> 1}` },
    spec: { clusterIP: `10.96.0.${at + 1}`, clusterIPs: [`10.96.0.${at + 1}`, `fd00:10:96::${at + 1}`], ports },
  })!;
}

function drawSlice(random: SeededRandom): ApiEndpointSlice {
  const isIpv4 = random.happens(0.7);
  const ports = ['http', 'dns', 'other'].map((name) => ({
    name,
    port: 8000 + random.below(3),
    protocol: protocols[random.below(2)],
  }));
  const endpoints = Array.from({ length: random.below(4) }, () => {
    const host = 1 + random.below(5);
    return {
      addresses: [isIpv4 ? `10.244.1.${host}` : `fd00::${host}`],
      conditions: { ready: random.happens(0.8) },
      nodeName: `n${random.below(3)}`,
    };
  });
  return readEndpointSlice({
    metadata: {
      namespace: `ns${random.below(2)}`,
      name: `slice${random.below(6)}`,
      labels: { 'kubernetes.io/service-name': `s${random.below(3)}` },
    },
    addressType: isIpv4 ? 'IPv4' : 'IPv6',
    ports: ports.slice(0, 1 + random.below(3)),
    endpoints,
  })!;
}

const keyOf = ({ namespace, name }: { readonly namespace: string; readonly name: string }) => `${namespace}/${name}`;

test(`${HISTORIES} random histories from seed ${first}: each port has the endpoints that slices name for it`, (t) => {
  let planned = 0;
  for (let seed = first; seed < first + (given === undefined ? HISTORIES : 1); seed++) {
    const random = new SeededRandom(seed);
    const services = new Map<string, ApiService>();
    const slices = new Map<string, ApiEndpointSlice>();
    const joined = new ApiServices(new ServicePlanner(node));
    const followed = new Map<string, Frontend>();
    for (let change = 0; change < CHANGES; change++) {
      if (random.happens(0.4))
        changeOne(services, drawService(random), random, (...args) => joined.setService(...args));
      else changeOne(slices, drawSlice(random), random, (...args) => joined.setSlice(...args));
      // Several changes may be taken at once.
      if (random.happens(0.3)) continue;
      take(joined, followed);
      compare(seed, [...services.values()], [...slices.values()], followed);
    }
    take(joined, followed);
    compare(seed, [...services.values()], [...slices.values()], followed);
    planned += followed.size;
  }
  t.true(planned > 0);
});

function changeOne<Value extends { readonly namespace: string; readonly name: string }>(
  all: Map<string, Value>,
  value: Value,
  random: SeededRandom,
  set: (key: string, value: Value | undefined) => void,
): void {
  const key = keyOf(value);
  const isGone = all.has(key) && random.happens(0.3);
  if (isGone) all.delete(key);
  else all.set(key, value);
  set(key, isGone ? undefined : value);
}

function take(joined: ApiServices, followed: Map<string, Frontend>): void {
  const { changed, gone } = joined.takeChange();
  for (const key of gone) followed.delete(key);
  for (const frontend of changed) followed.set(frontendKey(frontend), frontend);
}

/** Of each address and port of a service, what packets from pods get. */
function compare(
  seed: number,
  services: readonly ApiService[],
  slices: readonly ApiEndpointSlice[],
  followed: ReadonlyMap<string, Frontend>,
): void {
  const expected = services.flatMap((service) =>
    service.clusterAddresses.flatMap((address) =>
      service.ports.map(({ name, protocol, port }) => {
        const backends = slices
          .filter(({ namespace, serviceName }) => namespace === service.namespace && serviceName === service.name)
          .flatMap((slice) =>
            slice.ports
              .filter((one) => one.name === name && one.protocol === protocol)
              .flatMap((one) => slice.endpoints.map((endpoint) => ({ ...endpoint, port: one.port }))),
          )
          .filter((endpoint) => endpoint.isReady && endpoint.address.includes(':') === address.includes(':'));
        return `${address} ${protocol} ${port}: ${wordsOf(backends)}`;
      }),
    ),
  );
  const actual = [...followed].map(([key, { inside }]) => {
    const backends = inside.kind === 'backends' ? inside.backends : [];
    return `${key}: ${wordsOf(backends.map(({ address, port }) => ({ address: formatIpAddress(address), port })))}`;
  });
  if (JSON.stringify(actual.sort()) !== JSON.stringify(expected.sort()))
    throw new Error(`SEED=${seed}: ${JSON.stringify({ services, slices, actual, expected }, undefined, 1)}`);
}

function wordsOf(backends: readonly { readonly address: string; readonly port: number }[]): string {
  return [...new Set(backends.map(({ address, port }) => `${address} ${port}`))].sort().join(', ');
}

test('a change of one slice concerns its service alone', (t) => {
  const set: string[] = [];
  const planner = new ServicePlanner(node);
  const joined = new ApiServices({
    setService: (key: string, service: never) => planner.setService(key, service),
    setBackends: (key: string, backends: never) => {
      set.push(key);
      planner.setBackends(key, backends);
    },
    take: () => planner.take(),
  } as unknown as ServicePlanner);
  const random = new SeededRandom(1);
  const slice = drawSlice(random);
  for (const name of ['s0', 's1', 's2']) {
    joined.setService(`ns0/${name}`, { ...drawService(random), namespace: 'ns0', name });
    joined.setSlice(`ns0/${name}-x`, { ...slice, namespace: 'ns0', name: `${name}-x`, serviceName: name });
  }
  joined.takeChange();
  set.length = 0;
  joined.setSlice('ns0/s1-x', { ...slice, namespace: 'ns0', name: 's1-x', serviceName: 's1', endpoints: [] });
  joined.takeChange();
  t.deepEqual(set, ['ns0/s1']);
});

test('endpoints behind many ports do not take memory for each of them, and those that may be used are kept', (t) => {
  const planner = new ServicePlanner(node);
  const joined = new ApiServices(planner);
  const ports = Array.from({ length: 100 }, (_, index) => ({ name: `p${index}`, port: 80 + index, protocol: 'TCP' }));
  const metadata = { namespace: 'ns', name: 's' };
  joined.setService('ns/s', readApiService({ metadata, spec: { clusterIP: '10.96.0.1', ports } }));
  for (const isReady of [false, true])
    joined.setSlice(
      `ns/${isReady}`,
      readEndpointSlice({
        metadata: { ...metadata, name: `${isReady}`, labels: { 'kubernetes.io/service-name': 's' } },
        addressType: 'IPv4',
        ports,
        endpoints: Array.from({ length: 1_000 }, (_, index) => ({
          addresses: [`10.24${isReady ? 5 : 4}.${index >> 8}.${index & 0xff}`],
          conditions: { ready: isReady },
        })),
      }),
    );
  joined.takeChange();
  const backends = [...planner.backends('ns/s').values()];
  t.deepEqual([backends.length, new Set(backends.map((all) => all.length))], [100, new Set([655])]);
  t.true(backends.every((all) => all.every(({ isReady }) => isReady)));
});
