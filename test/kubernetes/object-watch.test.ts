import test from 'ava';
import { array, assert, constantFrom, integer, oneof, property, record, constant } from 'fast-check';
import type { ApiPod } from '../../src/kubernetes/api-object.ts';
import { ObjectWatch, type ObjectChanges, type WatchState } from '../../src/kubernetes/object-watch.ts';
import { type WatchedResource, watchedResources } from '../../src/kubernetes/watched-resource.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { ApiDouble } from '../support/api-double.ts';
import { ManualClock } from '../support/manual-clock.ts';

/** Two objects on a page, and at most six. */
const resource: WatchedResource<ApiPod> = { ...watchedResources.pods, pageLength: 2, most: 6, mostCharacters: 10_000 };

/** Longest that anything may take once the API answers, in ms: a back-off, and half of it again. */
const SETTLE_MS = 60_000;

class Watcher {
  readonly clock = new ManualClock();
  readonly api = new ApiDouble(this.clock, new SeededRandom(1));
  readonly watch: ObjectWatch<ApiPod>;
  /** As who follows the changes has them. */
  readonly known = new Map<string, ApiPod>();
  readonly changes: ObjectChanges<ApiPod>[] = [];
  state: WatchState | undefined;

  constructor(seed = 1, change: Partial<WatchedResource<ApiPod>> = {}) {
    this.watch = new ObjectWatch({
      resource: { ...resource, ...change },
      nodeName: 'n1',
      calls: this.api,
      clock: this.clock,
      random: new SeededRandom(seed),
      onChanges: (changes) => {
        this.changes.push(changes);
        for (const key of changes.deleted) this.known.delete(key);
        for (const pod of changes.set) this.known.set(resource.keyOf(pod), pod);
      },
      onState: (state) => (this.state = state),
    });
  }

  get names(): string[] {
    return [...this.known.values()].map(({ name }) => name).toSorted();
  }
}

function watching(...names: string[]): Watcher {
  return begun(new Watcher(), names);
}

function begun(watcher: Watcher, names: readonly string[]): Watcher {
  for (const name of names) watcher.api.set(name);
  watcher.watch.start();
  watcher.clock.advance(1_000);
  return watcher;
}

test('a list of several pages is one change, and the watch goes on behind it', (t) => {
  const { api, changes, names, state } = watching('a', 'b', 'c');
  t.deepEqual(names, ['a', 'b', 'c']);
  t.is(changes.length, 1);
  t.deepEqual(changes[0]!.all?.toSorted(), ['default/a', 'default/b', 'default/c']);
  t.is(state?.phase, 'watching');
  t.true(api.asked[0]!.includes('fieldSelector=spec.nodeName%3Dn1'));
  t.true(api.asked.at(-1)!.includes('allowWatchBookmarks=true'));
  t.true(api.asked.at(-1)!.includes('resourceVersion=103'));
});

test('an update that changes nothing of what is taken is no change', (t) => {
  const { api, changes } = watching('a');
  api.set('a', { status: { conditions: [{ type: 'Ready' }] } });
  t.is(changes.length, 1);
  api.set('a', { status: { phase: 'Running' } });
  t.is(changes.length, 2);
});

test('a watch that the server ends goes on from the last version, without a list', (t) => {
  const { api, clock, known } = watching('a');
  clock.advance(10_000);
  api.bookmark();
  api.end();
  api.set('b');
  clock.advance(1_000);
  t.true(known.has('default/b'));
  t.is(api.lists, 1);
});

test('a watch of which nothing was heard for long is begun anew, and nobody is told of a trouble that there may not be', (t) => {
  const silence = { status: 0, message: 'nothing was heard', retryAfterMs: 0, isSilence: true } as const;
  const watcher = watching('a');
  const { api, clock, known } = watcher;
  clock.advance(150_000);
  api.end(silence);
  t.is(watcher.state?.problem, '');
  api.set('b');
  clock.advance(100);
  t.true(known.has('default/b'));
  t.is(api.lists, 1);
  clock.advance(150_000);
  api.isAway = true;
  api.end(silence);
  clock.advance(10);
  t.not(watcher.state?.problem ?? '', '');
});

test('a version that is gone leads to a new list at once, and what is missing in that was deleted', (t) => {
  const { api, clock, known } = watching('a', 'b');
  clock.advance(10_000);
  api.end();
  api.delete('a');
  api.compact();
  clock.advance(100);
  t.deepEqual([...known.keys()], ['default/b']);
  t.is(api.lists, 2);
});

test('an error within a watch that says 410 leads to a new list', (t) => {
  const { api, clock } = watching('a');
  api.say({ type: 'ERROR', object: { kind: 'Status', code: 410, message: 'too old resource version' } });
  clock.advance(100);
  t.is(api.lists, 2);
});

test('a server that says 410 to everything is not asked more and more', (t) => {
  const watcher = watching('a');
  watcher.clock.advance(10_000);
  for (let round = 0; round < 600; round++) {
    watcher.api.say({ type: 'ERROR', object: { code: 410 } });
    watcher.clock.advance(100);
  }
  t.true(watcher.api.lists < 15, `${watcher.api.lists} lists within a minute`);
});

test('a server that ends each watch at once is not asked more and more', (t) => {
  const { api, clock } = watching('a');
  for (let round = 0; round < 600; round++) {
    api.end();
    clock.advance(100);
  }
  t.true(api.watches < 15, `${api.watches} watches within a minute`);
});

test('while the API is away, what is known stays; and it is asked for about every half minute', (t) => {
  const watcher = watching('a', 'b');
  watcher.api.isAway = true;
  watcher.api.end({ status: 0, message: 'socket hang up', retryAfterMs: 0 });
  watcher.clock.advance(3_600_000);
  t.deepEqual(watcher.names, ['a', 'b']);
  t.is(watcher.state?.phase, 'waiting');
  t.is(watcher.state?.problem, 'connect ECONNREFUSED');
  t.true(watcher.api.asked.length > 70 && watcher.api.asked.length < 250, `${watcher.api.asked.length} questions`);
});

test('that a server forbids it is told apart from every other failure, until it answers', (t) => {
  const watcher = watching('a');
  const seen = [403, 500, 403].map((status) => {
    watcher.api.end({ status, message: `HTTP ${status}`, retryAfterMs: 0 });
    const { problem, isForbidden } = watcher.state!;
    watcher.clock.advance(10_000);
    return [problem, isForbidden, watcher.state!.isForbidden];
  });
  t.deepEqual(seen, [
    ['HTTP 403', true, false],
    ['HTTP 500', false, false],
    ['HTTP 403', true, false],
  ]);
  watcher.api.say({ type: 'ERROR', object: { kind: 'Status', code: 403, message: 'forbidden' } });
  t.true(watcher.state!.isForbidden);
  watcher.clock.advance(SETTLE_MS);
  t.false(watcher.state!.isForbidden);
});

test('nodes do not all come back at the same moment', (t) => {
  const firstQuestionsMs = [1, 2, 3, 4, 5].map((seed) => {
    const watcher = new Watcher(seed);
    watcher.api.isAway = true;
    watcher.watch.start();
    watcher.clock.advance(300_000);
    watcher.api.asked.length = 0;
    return watcher.clock.advanceUntil(() => watcher.api.asked.length > 0, 60_000);
  });
  t.is(new Set(firstQuestionsMs).size, 5);
});

test('a server may ask for more time, but not for ever', (t) => {
  const { api, clock } = watching('a');
  api.end({ status: 429, message: 'HTTP 429', retryAfterMs: 10_000 });
  api.asked.length = 0;
  clock.advance(9_999);
  t.is(api.asked.length, 0);
  clock.advance(2_000);
  t.is(api.asked.length, 1);
  api.end({ status: 429, message: 'HTTP 429', retryAfterMs: 1e12 });
  clock.advance(125_000);
  t.is(api.asked.length, 2);
});

test('what is no event, no list and no object ends nothing', (t) => {
  const { api, clock, known } = watching('a');
  api.say('nonsense');
  clock.advance(SETTLE_MS);
  api.say({ type: 'ADDED', object: { metadata: { name: 7 } } });
  api.say({ type: 'ADDED', object: { metadata: { name: 'x'.repeat(254), namespace: 'default', uid: '' } } });
  api.set('b');
  t.deepEqual([...known.keys()], ['default/a', 'default/b']);
});

test('objects that are not what they should be are counted', (t) => {
  const watcher = watching('a');
  watcher.api.say({ type: 'ADDED', object: { metadata: { name: 7 } } });
  t.is(watcher.state?.unreadable, 1);
});

test('more objects than there may be are not taken, and what is known stays', (t) => {
  const watcher = watching('a', 'b', 'c', 'd', 'e', 'f');
  watcher.api.set('g');
  watcher.clock.advance(SETTLE_MS);
  t.is(watcher.known.size, 6);
  t.regex(watcher.state!.problem, /^there are more than 6 objects, or 10000 characters of them/);
  watcher.api.delete('a');
  watcher.clock.advance(SETTLE_MS);
  t.deepEqual(watcher.names, ['b', 'c', 'd', 'e', 'f', 'g']);
});

test('objects that take more memory than they may are not taken, and what is known stays', (t) => {
  const watcher = watching('a', 'b');
  watcher.api.set('c', { status: { phase: 'x'.repeat(253) } });
  t.deepEqual(watcher.names, ['a', 'b', 'c']);
  const labels = Object.fromEntries(Array.from({ length: 200 }, (_, at) => [`key-${at}`, 'v'.repeat(60)]));
  watcher.api.set('d', { metadata: { name: 'd', namespace: 'default', uid: '', labels } });
  watcher.clock.advance(SETTLE_MS);
  t.deepEqual(watcher.names, ['a', 'b', 'c']);
  t.regex(watcher.state!.problem, /so many are not watched/);
  watcher.api.delete('d');
  watcher.clock.advance(SETTLE_MS);
  t.is(watcher.state?.problem, '');
});

test('memory of objects that are gone is there for others', (t) => {
  const watcher = watching('a');
  for (let round = 0; round < 100; round++) {
    watcher.api.set('b', { status: { phase: `${round}`.repeat(100) } });
    watcher.api.delete('b');
  }
  t.is(watcher.state?.problem, '');
  t.is(watcher.api.lists, 1);
});

test('a page that is longer than an answer may be is asked for in parts', (t) => {
  const watcher = new Watcher(1, { pageLength: 64 });
  watcher.api.longest = 2;
  begun(watcher, ['a', 'b', 'c', 'd', 'e']);
  t.deepEqual(watcher.names, ['a', 'b', 'c', 'd', 'e']);
  t.is(watcher.state?.problem, '');
});

test('an object that alone is longer than an answer may be is a problem, and asked for less and less often', (t) => {
  const watcher = new Watcher();
  watcher.api.longest = 0;
  begun(watcher, ['a']);
  watcher.clock.advance(600_000);
  t.is(watcher.state?.problem, 'the answer is too long');
  t.true(watcher.api.lists < 60, `${watcher.api.lists} lists within ten minutes`);
});

const optional = { paths: ['/v2/pods', '/v1/pods'] as const, isOptional: true };

test('what the server does not have is no trouble, and asked for again now and then', (t) => {
  const watcher = new Watcher(1, optional);
  watcher.api.absent = ['/v1', '/v2'];
  begun(watcher, ['a']);
  t.deepEqual(watcher.state, { phase: 'absent', problem: '', isForbidden: false, objects: 0, unreadable: 0, lists: 1 });
  t.deepEqual(watcher.changes, [{ set: [], deleted: [], all: [] }]);
  watcher.api.asked.length = 0;
  watcher.clock.advance(600_000);
  t.true(watcher.api.asked.length >= 38 && watcher.api.asked.length <= 60, `${watcher.api.asked.length} questions`);
  watcher.api.absent = [];
  watcher.clock.advance(31_000);
  t.deepEqual(watcher.names, ['a']);
});

test('of two versions the first that the server has is watched', (t) => {
  const newer = begun(new Watcher(1, optional), ['a']);
  t.true(newer.api.asked.every((path) => path.startsWith('/v2/pods?')));
  const older = new Watcher(1, optional);
  older.api.absent = ['/v2'];
  begun(older, ['a']);
  t.deepEqual(older.names, ['a']);
  t.true(older.api.asked.at(-1)!.startsWith('/v1/pods?watch=1'));
});

test('a version that the server stops to have makes way for another, and nothing is lost meanwhile', (t) => {
  const watcher = new Watcher(1, optional);
  watcher.api.absent = ['/v2'];
  begun(watcher, ['a']);
  watcher.clock.advance(10_000);
  watcher.api.absent = ['/v1'];
  watcher.api.end();
  watcher.clock.advance(1_000);
  t.true(watcher.api.asked.at(-1)!.startsWith('/v2/pods?watch=1'));
  t.deepEqual(watcher.names, ['a']);
  t.false(watcher.changes.some(({ deleted }) => deleted.length > 0));
});

test('what is not there any more has no objects', (t) => {
  const watcher = begun(new Watcher(1, optional), ['a']);
  watcher.clock.advance(10_000);
  watcher.api.absent = ['/v1', '/v2'];
  watcher.api.end();
  watcher.clock.advance(1_000);
  t.deepEqual(watcher.names, []);
  t.is(watcher.state?.phase, 'absent');
});

test('what has to be there and is not is a problem', (t) => {
  const watcher = watching('a');
  watcher.clock.advance(10_000);
  watcher.api.absent = ['/api'];
  watcher.api.end();
  watcher.clock.advance(1_000);
  t.deepEqual(watcher.names, ['a']);
  t.is(watcher.state?.problem, 'HTTP 404: not found');
});

test('nothing comes after the end', (t) => {
  const { api, clock, changes, watch } = watching('a');
  watch.stop();
  api.set('b');
  clock.advance(SETTLE_MS);
  t.is(changes.length, 1);
});

const name = constantFrom('a', 'b', 'c', 'd');
const step = oneof(
  record({ kind: constant('set' as const), name, phase: constantFrom('Pending', 'Running') }),
  record({ kind: constant('delete' as const), name }),
  record({
    kind: constantFrom('away' as const, 'back' as const, 'end' as const, 'compact' as const, 'bookmark' as const),
  }),
  record({ kind: constant('wait' as const), ms: integer({ min: 0, max: 40_000 }) }),
);

test('after any history, what is known is what is there, soon after the API answers again', (t) => {
  assert(
    property(array(step, { maxLength: 40 }), (steps) => {
      const watcher = new Watcher();
      const { api, clock } = watcher;
      watcher.watch.start();
      for (const one of steps) {
        if (one.kind === 'set') api.set(one.name, { status: { phase: one.phase } });
        else if (one.kind === 'delete') api.delete(one.name);
        else if (one.kind === 'away') {
          api.isAway = true;
          api.end({ status: 0, message: 'socket hang up', retryAfterMs: 0 });
        } else if (one.kind === 'back') api.isAway = false;
        else if (one.kind === 'end') api.end();
        else if (one.kind === 'compact') api.compact();
        else if (one.kind === 'bookmark') api.bookmark();
        else if (one.kind === 'wait') clock.advance(one.ms);
      }
      api.isAway = false;
      clock.advance(SETTLE_MS);
      t.deepEqual(watcher.names, api.names);
      t.is(watcher.state?.phase, 'watching');
      t.is(watcher.state?.problem, '');
    }),
  );
});
