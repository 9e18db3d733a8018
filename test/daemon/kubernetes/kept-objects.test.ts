import test from 'ava';
import type { ApiFollower } from '../../../src/daemon/kubernetes/api-mirror.ts';
import { CONFIRM_INTERVAL_MS, KeptObjects, SAVE_DELAY_MS } from '../../../src/daemon/kubernetes/kept-objects.ts';
import { WeftError } from '../../../src/errors.ts';
import { readNode } from '../../../src/kubernetes/api-object.ts';
import type { StoredObjects } from '../../../src/kubernetes/stored-objects.ts';
import type { ResourceName } from '../../../src/kubernetes/watched-resource.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { silentLogger } from '../../support/silent-logger.ts';

/** An API that tells of nodes when it is told to, and a file. */
class World {
  readonly clock = new ManualClock();
  readonly stored: StoredObjects[] = [];
  readonly kept: KeptObjects;
  readonly complete = new Set<ResourceName>();
  recalled: StoredObjects | undefined;
  names: readonly string[] = [];
  /** How often all that is known was looked at. */
  looks = 0;
  asked: readonly ResourceName[] = [];
  tell: ApiFollower = () => undefined;

  constructor(load: () => unknown = () => undefined) {
    this.kept = new KeptObjects({
      api: {
        follow: (follow) => (this.tell = follow),
        recall: (stored) => (this.recalled = stored),
        isComplete: (resource) => this.complete.has(resource),
        everything: (resources) => {
          this.looks++;
          this.asked = resources;
          return { nodes: this.names.map((name) => readNode({ metadata: { name, uid: name } })!) };
        },
        reachability: () => ({ isReachable: true, sinceMs: 0, problem: '' }),
      },
      nodeName: 'n1',
      store: { load, keep: (document) => this.stored.push(document as StoredObjects) },
      clock: this.clock,
      wallClockMs: () => this.clock.nowMs(),
      logger: silentLogger,
    });
  }

  /** All nodes are told for the first time. */
  list(...names: readonly string[]): void {
    this.names = names;
    this.complete.add('nodes');
    this.tell('nodes', names);
    this.clock.advance(SAVE_DELAY_MS);
  }
}

test('objects are stored some seconds after they changed, and once for all changes', (t) => {
  const world = new World();
  world.clock.advance(SAVE_DELAY_MS);
  world.list('n1');
  world.names = ['n1', 'n2'];
  world.tell('nodes', ['n2']);
  world.clock.advance(SAVE_DELAY_MS - 1);
  world.tell('nodes', ['n2']);
  t.is(world.stored.length, 1);
  world.clock.advance(1);
  t.deepEqual(
    world.stored.map(({ nodes = [] }) => nodes.map(({ name }) => name)),
    [['n1'], ['n1', 'n2']],
  );
});

test('that something is watched in another way is no reason to look at all objects', (t) => {
  const world = new World();
  world.list('n1');
  world.clock.advance(SAVE_DELAY_MS);
  const { looks } = world;
  for (let minute = 0; minute < 5; minute++) {
    world.tell('clusternetworkpolicies', []);
    world.tell('nodes', []);
    world.clock.advance(60_000);
  }
  t.is(world.looks, looks);
});

test('services are not stored with the rest', (t) => {
  const world = new World();
  world.list('n1');
  const { looks } = world;
  world.complete.add('endpointslices');
  world.tell('endpointslices', ['shop/web']);
  world.clock.advance(SAVE_DELAY_MS);
  t.is(world.looks, looks);
  t.false(world.asked.some((name) => name === 'services' || name === 'endpointslices'));
});

test('that there are no objects is stored, too, once that is known', (t) => {
  const world = new World();
  world.clock.advance(SAVE_DELAY_MS);
  t.is(world.stored.length, 0);
  world.list();
  t.deepEqual(world.stored, [{ time: new Date(SAVE_DELAY_MS * 2).toISOString(), nodeName: 'n1', nodes: [] }]);
});

test('what does not change is confirmed now and then, until the end', (t) => {
  const world = new World();
  world.list('n1');
  world.clock.advance(CONFIRM_INTERVAL_MS + SAVE_DELAY_MS);
  t.is(world.stored.length, 2);
  world.names = ['n1', 'n2'];
  world.kept.close();
  t.is(world.stored.length, 3);
  world.names = ['n1', 'n2', 'n3'];
  world.tell('nodes', ['n3']);
  world.clock.advance(2 * CONFIRM_INTERVAL_MS);
  t.is(world.stored.length, 3);
});

test('what an earlier run stored counts, and a file that cannot be read is none', (t) => {
  const document = { time: 'then', nodeName: 'n1', nodes: [readNode({ metadata: { name: 'n1', uid: 'u' } })] };
  t.is(new World(() => document).recalled?.time, 'then');
  t.is(new World(() => ({ ...document, nodeName: 'n2' })).recalled, undefined);
  const corrupt = new World(() => {
    throw new WeftError('store-corrupt', 'it is cut off');
  });
  t.is(corrupt.kept.recalled, undefined);
});
