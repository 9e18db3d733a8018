/** Backends of services that select pods, in a table, and kept up to date against a twin. `SEED=…` replays one history. */
import test from 'ava';
import type { NamedPort, PolicyPod } from '../../src/policy/cluster-facts.ts';
import { type BackendSelection, SelectedBackends, type SelectedPort } from '../../src/services/selected-backends.ts';
import type { BackendsByPort } from '../../src/services/service-planner.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { formatIpAddress, parseIpAddress } from '../../src/wire/address.ts';
import { twinBackends } from '../support/selection-twin.ts';

const at = (text: string) => parseIpAddress(text)!;

const http: NamedPort = { name: 'http', protocol: 'TCP', port: 8080 };

const pod: PolicyPod = {
  key: 'aa/1',
  namespace: 'shop',
  name: 'web-1',
  labels: { app: 'web', tier: 'front' },
  addresses: [at('10.244.1.2')],
  nodeName: 'node1',
  hostNetwork: false,
  ports: [http],
  hasMorePorts: false,
};

const port: SelectedPort = { name: '', protocol: 'TCP', targetPort: 80 };

const web: BackendSelection = { namespace: 'shop', selector: { app: 'web' }, ports: [port] };

/** ` 10.244.1.2 80 node1` of each, with the name of the service's port before it. */
function words(backends: BackendsByPort | undefined): readonly string[] {
  return [...(backends ?? [])].flatMap(([name, all]) =>
    all.map(({ address, port: number, nodeName }) => `${name} ${formatIpAddress(address)} ${number} ${nodeName}`),
  );
}

const selected = test.macro({
  exec: (t, service: Partial<BackendSelection>, pods: readonly Partial<PolicyPod>[], ...expected: string[]) => {
    const one = new SelectedBackends();
    one.setService('shop/web', { ...web, ...service });
    const other = new SelectedBackends();
    for (const change of pods) {
      one.setPod({ ...pod, ...change });
      other.setPod({ ...pod, ...change });
    }
    other.setService('shop/web', { ...web, ...service });
    t.deepEqual(words(one.take().get('shop/web')), expected);
    t.deepEqual(words(other.take().get('shop/web')), expected, 'the pods before the service');
  },
  title: (name = '') => `a service and ${name}`,
});

const both = { selector: { tier: 'front', app: 'web' } };
const second = { key: 'bb/1', addresses: [at('10.244.2.2')], nodeName: 'node2' };
const byName = { ports: [{ ...port, targetPort: 'http' }] };

test('a pod with its label', selected, {}, [{}], ' 10.244.1.2 80 node1');
test('no pods', selected, {}, []);
test('pods, in order of their addresses', selected, {}, [second, {}], ' 10.244.1.2 80 node1', ' 10.244.2.2 80 node2');
test('a pod of another namespace', selected, {}, [{ namespace: 'default' }]);
test('a pod with another value', selected, {}, [{ labels: { app: 'api' } }]);
test('a pod without labels', selected, {}, [{ labels: {} }]);
test('a pod whose labels are not known', selected, {}, [{ labels: undefined }]);
test('a pod with the network of its node', selected, {}, [{ hostNetwork: true }]);
test('a pod without addresses', selected, {}, [{ addresses: [] }]);
test('a pod with all of its labels', selected, both, [{}], ' 10.244.1.2 80 node1');
test('a pod with one of its labels', selected, both, [{ labels: { app: 'web' } }]);
test('a pod with the other one', selected, both, [{ labels: { tier: 'front' } }]);
test('a label of which the object has something by birth', selected, { selector: { constructor: 'web' } }, [{}]);
test('no selector', selected, { selector: undefined }, [{}]);
test('a selector that asks for nothing', selected, { selector: {} }, [{}]);
test('a label that looks like another', selected, { selector: { 'app=web': 'x' } }, [{ labels: { app: 'web=x' } }]);
test('a namespace that looks like its own, with the label', selected, { selector: { 'a b': 'web' } }, [
  { namespace: 'shop a', labels: { b: 'web', 'a b': 'web' } },
]);
test(
  'a pod of two families',
  selected,
  {},
  [{ addresses: [at('fd00::2'), at('10.244.1.2')] }],
  ' 10.244.1.2 80 node1',
  ' fd00::2 80 node1',
);
test(
  'one address at two nodes, as it may be for a while',
  selected,
  {},
  [{ ...second, addresses: pod.addresses }, {}],
  ' 10.244.1.2 80 node1',
);
test('no ports, as headless ones may have', selected, { ports: [] }, [{}], ' 10.244.1.2 0 node1');
test('a port by its name', selected, byName, [{}], ' 10.244.1.2 8080 node1');
test('a port of this name with another protocol', selected, byName, [{ ports: [{ ...http, protocol: 'UDP' }] }]);
test('a pod without a port of this name', selected, byName, [{ ports: [], hasMorePorts: true }]);
test(
  'pods that call different ports the same',
  selected,
  byName,
  [{ ports: [{ ...http, protocol: 'UDP' }, http] }, { ...second, ports: [{ ...http, port: 3000 }] }],
  ' 10.244.1.2 8080 node1',
  ' 10.244.2.2 3000 node2',
);
test(
  'a pod that has one of its ports',
  selected,
  { ports: [{ ...port, name: 'a' }, ...byName.ports] },
  [{ ports: [] }],
  'a 10.244.1.2 80 node1',
);

test('all pods count as ready, and are meant for everybody', (t) => {
  const backends = new SelectedBackends();
  backends.setPod(pod);
  backends.setService('shop/web', web);
  t.deepEqual(backends.take().get('shop/web')?.get('')?.[0], {
    address: at('10.244.1.2'),
    port: 80,
    isReady: true,
    isServing: true,
    isTerminating: false,
    nodeName: 'node1',
    forNodes: [],
    forZones: [],
  });
});

test('a service is told once, and again when its backends are others', (t) => {
  const backends = new SelectedBackends();
  const told = (): Readonly<Record<string, readonly string[]>> =>
    Object.fromEntries([...backends.take()].map(([key, all]) => [key, words(all)]));
  backends.setService('shop/web', web);
  backends.setService('shop/api', { ...web, selector: { app: 'api' } });
  t.deepEqual(told(), {}, 'without backends there is nothing to tell');
  backends.setPod(pod);
  t.deepEqual(told(), { 'shop/web': [' 10.244.1.2 80 node1'] });
  t.deepEqual(told(), {});
  backends.setPod({ ...pod, name: 'web-2', labels: { app: 'web' }, ports: [] });
  backends.setService('shop/web', { ...web, selector: { app: 'web' } });
  t.deepEqual(told(), {}, 'what is different does not count');
  backends.setPod({ ...pod, nodeName: 'node2' });
  t.deepEqual(told(), { 'shop/web': [' 10.244.1.2 80 node2'] });
  backends.setService('shop/web', { ...web, ports: [{ ...port, targetPort: 81 }] });
  t.deepEqual(told(), { 'shop/web': [' 10.244.1.2 81 node2'] });
  backends.setPod({ ...pod, labels: { app: 'api' } });
  t.deepEqual(told(), { 'shop/web': [], 'shop/api': [' 10.244.1.2 80 node1'] });
  backends.setService('shop/api', undefined);
  t.deepEqual(told(), { 'shop/api': [] });
  backends.removePod(pod.key);
  backends.removePod('of nobody');
  t.deepEqual(told(), {});
});

/** How often what is looked at for each of many has been read. */
class Reads {
  count = 0;

  of<Value extends object>(value: Value, name: keyof Value): Value {
    const read = (): unknown => {
      this.count++;
      return value[name];
    };
    return Object.defineProperty({ ...value }, name, { get: read, enumerable: true });
  }
}

test('a change of a pod looks at no service but those that select it, and a change of a service at no pod but those', (t) => {
  const [ofServices, ofPods] = [new Reads(), new Reads()];
  const backends = new SelectedBackends();
  for (let number = 0; number < 500; number++) {
    const labels = { app: `a${number}`, part: 'of-shop' };
    backends.setPod(ofPods.of({ ...pod, key: `aa/${number}`, labels }, 'addresses'));
    const key = `shop/s${number}`;
    backends.setService(key, ofServices.of({ ...web, selector: { part: 'of-shop', app: `a${number}` } }, 'namespace'));
  }
  t.is(backends.take().size, 500);
  ofServices.count = 0;
  ofPods.count = 0;
  backends.setPod({ ...pod, key: 'aa/500', labels: { app: 'a7', part: 'of-shop' }, addresses: [at('10.244.9.9')] });
  t.deepEqual([...backends.take().keys()], ['shop/s7']);
  t.true(ofServices.count < 10, `${ofServices.count} looks at services`);
  backends.setService('shop/s8', { ...web, selector: { part: 'of-shop', app: 'a8' }, ports: [] });
  t.deepEqual([...backends.take().keys()], ['shop/s8']);
  t.true(ofPods.count < 10, `${ofPods.count} looks at pods`);
});

test('services that a pod has one label of are not looked for backends again', (t) => {
  const ofServices = new Reads();
  const backends = new SelectedBackends();
  for (let number = 0; number < 100; number++)
    backends.setService(`shop/s${number}`, ofServices.of({ ...web, selector: { app: 'web', tier: 'back' } }, 'ports'));
  backends.take();
  ofServices.count = 0;
  backends.setPod(pod);
  backends.take();
  t.is(ofServices.count, 0);
});

const HISTORIES = 1_000;
const CHANGES = 30;

const given = process.env['SEED'];
const first = given === undefined ? Math.trunc(Math.random() * 0x7f_ff_ff_ff) : Number(given);

class RandomSelections {
  readonly #random: SeededRandom;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  /** @param number of its key and its addresses, which are those of no other one */
  pod(number: number): PolicyPod {
    const names = ['http', 'admin'].filter(() => this.#random.happens(0.6));
    const addresses = [at(`10.244.1.${number}`), at(`fd00::${number}`)].filter(() => this.#random.happens(0.8));
    return {
      key: `aa/${number}`,
      namespace: this.#one(['shop', 'default']),
      name: `p${number}`,
      labels: this.#random.happens(0.1) ? undefined : this.#labels(0.8),
      addresses,
      nodeName: this.#one(['node1', 'node2']),
      hostNetwork: this.#random.happens(0.1),
      ports: names.map((name) => ({ name, protocol: this.#protocol(), port: 8000 + this.#random.below(3) })),
      hasMorePorts: false,
    };
  }

  service(): BackendSelection {
    return {
      namespace: this.#one(['shop', 'default']),
      selector: this.#random.happens(0.1) ? undefined : this.#labels(0.4),
      ports: ['a', 'b'].slice(0, 1 + this.#random.below(2)).map((name) => ({
        name,
        protocol: this.#protocol(),
        targetPort: this.#one([80, 'http', 'admin']),
      })),
    };
  }

  #labels(chance: number): Readonly<Record<string, string>> {
    const keys = ['app', 'tier', 'part'].filter(() => this.#random.happens(chance));
    return Object.fromEntries(keys.map((key) => [key, this.#random.happens(0.7) ? 'x' : 'y']));
  }

  #protocol(): 'TCP' | 'UDP' {
    return this.#one(['TCP', 'UDP']);
  }

  #one<Value>(all: readonly Value[]): Value {
    return all[this.#random.below(all.length)]!;
  }
}

test(`after any change of ${HISTORIES} random histories from seed ${first}, backends are the twin's, and told if they changed`, (t) => {
  let [told, untold] = [0, 0];
  for (let seed = first; seed < first + (given === undefined ? HISTORIES : 1); seed++) {
    const random = new SeededRandom(seed);
    const make = new RandomSelections(random);
    const backends = new SelectedBackends();
    const pods = new Map<string, PolicyPod>();
    const services = new Map<string, BackendSelection>();
    const followed = new Map<string, string>();
    for (let change = 0; change < CHANGES; change++) {
      if (random.happens(0.6)) {
        const next = make.pod(1 + random.below(6));
        if (random.happens(0.7)) {
          pods.set(next.key, next);
          backends.setPod(next);
        } else {
          pods.delete(next.key);
          backends.removePod(next.key);
        }
      } else {
        const key = `shop/s${random.below(4)}`;
        const next = random.happens(0.7) ? make.service() : undefined;
        if (next === undefined) services.delete(key);
        else services.set(key, next);
        backends.setService(key, next);
      }
      if (random.happens(0.3)) continue;
      const taken = backends.take();
      for (const key of ['shop/s0', 'shop/s1', 'shop/s2', 'shop/s3']) {
        const service = services.get(key);
        const expected = service === undefined ? '' : twinBackends(service, pods.values()).join('; ');
        const isOther = expected !== (followed.get(key) ?? '');
        const now = taken.get(key);
        if (now !== undefined) followed.set(key, [...words(now)].sort().join('; '));
        if (isOther !== (now !== undefined) || (followed.get(key) ?? '') !== expected)
          throw new Error(`SEED=${seed}, change ${change}: ${key} has ${followed.get(key)}, and not ${expected}`);
        if (isOther) told++;
        else untold++;
      }
    }
  }
  t.log(`${told} were told, ${untold} were as before`);
  t.true(given !== undefined || (told > HISTORIES && untold > HISTORIES));
});
