import test from 'ava';
import type { ApiFollower } from '../../../src/daemon/kubernetes/api-mirror.ts';
import { KeptServices, SERVICES_DELAY_MS, SERVICES_INTERVAL_MS } from '../../../src/daemon/kubernetes/kept-services.ts';
import { type ApiService, readApiService } from '../../../src/kubernetes/api-service.ts';
import type { StoredObjects } from '../../../src/kubernetes/stored-objects.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { silentLogger } from '../../support/silent-logger.ts';

/** An API that tells of services when it is told to, and a file. */
class World {
  readonly clock = new ManualClock();
  readonly services = new Map<string, ApiService>();
  readonly stored: StoredObjects[] = [];
  readonly kept: KeptServices;
  isComplete = true;
  recalled: StoredObjects | undefined;
  tell: ApiFollower = () => undefined;

  constructor(load: () => unknown = () => undefined) {
    const objects = { services: this.services, endpointslices: new Map() };
    this.kept = new KeptServices({
      api: {
        follow: (follow) => (this.tell = follow),
        recall: (stored) => (this.recalled = stored),
        isComplete: () => this.isComplete,
        isKnown: (name) => name === 'services',
        objectsOf: (name) => (objects as never as Record<string, ReadonlyMap<string, never>>)[name]!,
      },
      nodeName: 'n1',
      file: {
        load,
        keep: async (texts) => {
          this.stored.push(JSON.parse([...texts()].join('')) as StoredObjects);
          await Promise.resolve();
        },
      },
      clock: this.clock,
      wallClockMs: () => 0,
      logger: silentLogger,
    });
  }

  change(name: string): void {
    const service = readApiService({ metadata: { namespace: 'shop', name }, spec: {} })!;
    this.services.set(`shop/${name}`, service);
    this.tell('services', [`shop/${name}`]);
  }

  get names(): readonly (readonly string[])[] {
    return this.stored.map(({ services = [] }) => services.map(({ name }) => name));
  }
}

test('services are stored some seconds after the first change, and not again before half a minute is over', (t) => {
  const world = new World();
  world.change('a');
  world.clock.advance(SERVICES_DELAY_MS);
  t.deepEqual(world.names, [['a']]);
  for (const name of ['b', 'c']) {
    world.change(name);
    world.clock.advance(SERVICES_DELAY_MS);
  }
  t.is(world.stored.length, 1);
  world.clock.advance(SERVICES_INTERVAL_MS - 2 * SERVICES_DELAY_MS);
  t.deepEqual(world.names, [['a'], ['a', 'b', 'c']]);
});

test('other objects, and no change, are no reason to store them', (t) => {
  const world = new World();
  world.tell('nodes', ['n1']);
  world.tell('endpointslices', []);
  world.clock.advance(SERVICES_INTERVAL_MS);
  t.is(world.stored.length, 0);
});

test('what an earlier run stored is not replaced before the API has told all of something', (t) => {
  const world = new World();
  world.isComplete = false;
  world.change('a');
  world.clock.advance(SERVICES_DELAY_MS);
  t.is(world.stored.length, 0);
});

test('at the end, what is not stored yet is', async (t) => {
  const world = new World();
  world.change('a');
  await world.kept.close();
  t.deepEqual(world.names, [['a']]);
  await world.kept.close();
  t.is(world.stored.length, 1);
});

test('what is stored is known to the next run, if it is of the same node', async (t) => {
  const world = new World();
  world.change('a');
  await world.kept.close();
  const [stored] = world.stored;
  t.deepEqual(
    new World(() => stored).recalled?.services?.map(({ name }) => name),
    ['a'],
  );
  t.is(new World(() => ({ ...stored, nodeName: 'n2' })).recalled, undefined);
});
