/** Operators at several nodes who know nothing of each other: whatever they order, and whoever hears of it when. */
import test from 'ava';
import * as fc from 'fast-check';
import type { ClusterKey } from '../../src/authentication/cluster-key.ts';
import { overrulesOrder, type CarriedOrder, type KeyOrder } from '../../src/authentication/key-order.ts';
import { KeyRing, MAX_KEYS } from '../../src/authentication/key-ring.ts';
import { quickCipher } from '../../src/sim/quick-cipher.ts';
import { keyNumber } from '../../src/sim/node-keys.ts';

const NODES = 4;
const keys = Array.from({ length: 5 }, (_, serial) => keyNumber(quickCipher, serial));
const file: readonly ClusterKey[] = keys.slice(0, 2);

/** What a node said of its keys, and when: the highest number counts. */
interface Said {
  readonly number: number;
  readonly keyIds: readonly string[];
}

/** What a node knows, and its ring; as the membership, it keeps one order for each subject. */
class Node {
  readonly #place: number;
  readonly orders = new Map<string, CarriedOrder>();
  /** What each node announced last, as far as it is known here. */
  readonly said: Said[];
  ring = new KeyRing(quickCipher, { keys: file, orders: [], outdated: [] });

  constructor(place: number) {
    this.#place = place;
    this.said = Array.from({ length: NODES }, () => ({ number: 0, keyIds: this.ring.ids }));
    this.#keep();
  }

  give(order: KeyOrder): void {
    const version = Math.max(0, ...[...this.orders.values()].map((carried) => carried.version)) + 1;
    this.hear([{ ...this.ring.encode(order), version }]);
  }

  hear(orders: readonly CarriedOrder[]): void {
    const news = orders.filter((order) => {
      const known = this.orders.get(order.subject);
      return known === undefined || overrulesOrder(order, known);
    });
    if (news.length === 0) return;
    for (const each of news) this.orders.set(each.subject, each);
    this.ring.follow([...this.orders.values()]);
    const { number, keyIds } = this.said[this.#place]!;
    if (keyIds.join() !== this.ring.ids.join()) this.said[this.#place] = { number: number + 1, keyIds: this.ring.ids };
  }

  see(place: number, said: Said): void {
    if (said.number > this.said[place]!.number) this.said[place] = said;
  }

  /** Whether it can read what `from` writes. */
  canRead(from: Node): boolean {
    return this.ring.find(from.ring.primary.id) !== undefined;
  }

  /** Whether it can ask `other`: with some key that both hold, and is answered with the same. */
  canAsk(other: Node): boolean {
    return this.ring.all.some(({ id }) => other.ring.find(id) !== undefined);
  }

  restart(): void {
    this.ring = new KeyRing(quickCipher, { keys: file, ...this.ring.known() });
    this.#keep();
  }

  #keep(): void {
    this.ring.keepWhile((id) => this.said.some(({ keyIds }) => keyIds.includes(id)));
  }
}

const place = fc.nat(NODES - 1);
const key = fc.constantFrom(...keys);
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('add', 'remove' as const), at: place, key }) },
  // The others are dead, as far as this node knows.
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('use' as const), at: place, key, live: fc.uniqueArray(place) }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('meet' as const), from: place, to: place }) },
  // One piece of news overtakes the others.
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('order' as const), from: place, to: place, which: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('said' as const), from: place, to: place, which: place }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const), at: place }) },
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

/** Does what the daemon does not refuse without force. */
function order(at: Node, what: Extract<Step, { readonly key: ClusterKey }>, isCareful: boolean): void {
  const { ring, said } = at;
  const { kind, key: subject } = what;
  const isHeld = ring.holds(subject.id);
  const live = what.kind === 'use' ? what.live : [];
  const mayUse = !isCareful || live.every((each) => said[each]!.keyIds.includes(subject.id));
  const mayRemove = !isCareful || said.every(({ keyIds }) => keyIds[0] === ring.primary.id);
  if (kind === 'add' && !isHeld && ring.ids.length < MAX_KEYS) at.give({ kind, key: subject });
  if (kind === 'use' && isHeld && mayUse) at.give({ kind, id: subject.id });
  if (kind === 'remove' && isHeld && ring.primary.id !== subject.id && mayRemove) at.give({ kind, id: subject.id });
}

function take(nodes: readonly Node[], what: Step, isCareful: boolean): void {
  if (what.kind === 'restart') return nodes[what.at]!.restart();
  if (!('from' in what)) return order(nodes[what.at]!, what, isCareful);
  const [from, to] = [nodes[what.from]!, nodes[what.to]!];
  if (isCareful && !(what.kind === 'meet' ? to.canAsk(from) : to.canRead(from))) return;
  if (what.kind === 'said') return to.see(what.which, from.said[what.which]!);
  const orders = [...from.orders.values()];
  if (what.kind === 'meet') {
    from.said.forEach((said, which) => to.see(which, said));
    to.hear(orders);
  } else if (orders.length > 0) to.hear([orders[what.which % orders.length]!]);
}

/** Everybody hears from everybody with whom he has a key in common, until there is nothing new. */
function unite(nodes: readonly Node[], isCareful: boolean): void {
  for (let round = 0; round < 2 * NODES; round++) {
    for (const from of nodes.keys()) {
      for (const to of nodes.keys()) take(nodes, { kind: 'meet', from, to }, isCareful);
    }
  }
}

function agree(nodes: readonly Node[]): boolean {
  return new Set(nodes.map(({ ring }) => ring.ids.join())).size === 1;
}

test('whoever knows the same orders holds the same keys, whatever was ordered where', (t) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.infiniteStream(fc.nat()), (steps, shuffle) => {
      const nodes = Array.from({ length: NODES }, (_, at) => new Node(at));
      for (const what of steps) take(nodes, what, false);
      unite(nodes, false);
      // And whoever comes late, with nothing but the file, in whatever sequence it hears them.
      const late = new Node(0);
      const left = [...nodes[0]!.orders.values()];
      while (left.length > 0) late.hear(left.splice(shuffle.next().value! % left.length, 1));
      return agree([...nodes, late]);
    }),
    { numRuns: 500 },
  );
  t.pass();
});

test('operators who order only what is not refused lock nobody out, whatever they do at the same time', (t) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const nodes = Array.from({ length: NODES }, (_, at) => new Node(at));
      for (const what of steps) take(nodes, what, true);
      unite(nodes, true);
      return agree(nodes);
    }),
    { numRuns: Number(process.env['RUNS'] ?? 1_000), seed: Number(process.env['FCSEED'] ?? 1) },
  );
  t.pass();
});
