import test from 'ava';
import type { ClusterKey } from '../../src/authentication/cluster-key.ts';
import { encodeKeyOrder, type CarriedOrder, type KeyOrder } from '../../src/authentication/key-order.ts';
import { KeyRing, MAX_KEYS } from '../../src/authentication/key-ring.ts';
import { nodeCipher } from '../../src/linux/node-cipher.ts';
import { keyOf } from '../support/cluster-keys.ts';

function ring(...keys: readonly ClusterKey[]): KeyRing {
  return new KeyRing(nodeCipher, { keys, orders: [], outdated: [] });
}

function carried(version: number, order: KeyOrder, prover: ClusterKey): CarriedOrder {
  return { ...encodeKeyOrder(nodeCipher, order, prover), version };
}

const [k1, k2, k3] = [keyOf(1), keyOf(2), keyOf(3)];
const addK2 = carried(1, { kind: 'add', key: k2 }, k1);
const useK2 = carried(2, { kind: 'use', id: k2.id }, k1);
const removeK1 = carried(3, { kind: 'remove', id: k1.id }, k2);

test('ids differ, and say nothing of the key', (t) => {
  t.regex(k1.id, /^[0-9a-f]{16}$/);
  t.not(k1.id, k2.id);
  t.false(Buffer.from(k1.bytes).toString('hex').includes(k1.id));
});

test('a key is added, used and the old one removed', (t) => {
  const keys = ring(k1);
  t.true(keys.follow([addK2]));
  t.deepEqual(keys.ids, [k1.id, k2.id]);
  t.true(keys.follow([addK2, useK2]));
  t.deepEqual(keys.ids, [k2.id, k1.id]);
  t.true(keys.follow([addK2, useK2, removeK1]));
  t.deepEqual(keys.ids, [k2.id]);
  t.false(keys.follow([addK2, useK2, removeK1]));
});

const orders = [addK2, useK2, removeK1];
for (const sequence of [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
]) {
  test(`orders that come as ${sequence.map((at) => at + 1).join(', ')} lead to the same ring`, (t) => {
    const keys = ring(k1);
    for (let count = 1; count <= 3; count++) keys.follow(sequence.slice(0, count).map((at) => orders[at]!));
    t.deepEqual(keys.ids, [k2.id]);
  });
}

test('an order that nobody proved who holds a key has no effect', (t) => {
  const keys = ring(k1);
  t.false(keys.follow([carried(1, { kind: 'add', key: k2 }, k3)]));
  const forged = carried(1, { kind: 'add', key: k2 }, k1);
  t.false(keys.follow([{ ...forged, content: forged.content.with(9, forged.content[9]! ^ 1) }]));
  t.false(keys.follow([{ ...forged, subject: `key/${k3.id}` }]));
  t.deepEqual(keys.ids, [k1.id]);
});

for (const [name, order] of Object.entries({
  'an empty content': { subject: 'key-primary', version: 1, content: new Uint8Array(0) },
  'a subject that is no id': { ...addK2, subject: 'key/x' },
  'another subject': { ...addK2, subject: 'forget/00' },
  'half a key': { ...addK2, content: addK2.content.slice(0, 40) },
})) {
  test(`an order with ${name} has no effect`, (t) => t.false(ring(k1).follow([order])));
}

test('an older order never undoes a newer one', (t) => {
  const keys = ring(k1);
  keys.follow([addK2, useK2, removeK1]);
  t.false(keys.follow([carried(1, { kind: 'use', id: k1.id }, k2), carried(2, { kind: 'add', key: k1 }, k2)]));
  t.deepEqual(keys.ids, [k2.id]);
});

test('of two orders of one version the greater content counts, as in the membership', (t) => {
  const uses = [k2, k3].map(({ id }) => ({ id, order: carried(5, { kind: 'use', id }, k1) }));
  uses.sort((a, b) => Buffer.compare(a.order.content, b.order.content));
  for (const sequence of [uses, uses.toReversed()]) {
    const keys = ring(k1, k2, k3);
    for (const { order } of sequence) keys.follow([order]);
    t.is(keys.primary.id, uses[1]!.id);
  }
});

test('a key that was removed can be added again', (t) => {
  const keys = ring(k1);
  keys.follow([addK2, useK2, removeK1]);
  t.true(keys.follow([carried(4, { kind: 'add', key: k1 }, k2)]));
  t.deepEqual(keys.ids, [k2.id, k1.id]);
});

test('the last key is never removed', (t) => {
  const keys = ring(k1);
  t.false(keys.follow([carried(1, { kind: 'remove', id: k1.id }, k1)]));
  t.deepEqual(keys.ids, [k1.id]);
});

test('of two keys that are both removed, the one that is to be used stays', (t) => {
  const keys = ring(k1, k2);
  const removals = [k1, k2].map(({ id }) => carried(3, { kind: 'remove', id }, k1));
  t.true(keys.follow([useK2, ...removals]));
  t.deepEqual(keys.ids, [k2.id]);
});

const removeK2 = carried(2, { kind: 'remove', id: k2.id }, k1);
for (const sequence of [
  [addK2, useK2, removeK2],
  [addK2, removeK2, useK2],
  [removeK2, useK2, addK2],
]) {
  test(`a key that is removed while others are to use it is gone (${sequence.map(({ subject }) => subject).join()})`, (t) => {
    const keys = ring(k1);
    for (const order of sequence) keys.follow([order]);
    t.deepEqual(keys.ids, [k1.id]);
    t.true(keys.follow([carried(3, { kind: 'add', key: k2 }, k1)]));
    t.deepEqual(keys.ids, [k2.id, k1.id]);
  });
}

test('an order counts though the key that proves it was never held here', (t) => {
  const keys = ring(k1);
  const useK3 = carried(5, { kind: 'use', id: k3.id }, k2);
  const removeOfK2 = carried(6, { kind: 'remove', id: k2.id }, k3);
  keys.follow([addK2, useK3, removeOfK2, carried(4, { kind: 'add', key: k3 }, k2)]);
  t.deepEqual(keys.ids, [k3.id, k1.id]);
});

test('an order to add a key again breaks no proof', (t) => {
  const early = ring(k1);
  early.follow([addK2, useK2]);
  // Proven by the key of the file as well, though another is the primary.
  const addK3 = { ...early.encode({ kind: 'add', key: k3 }), version: 3 };
  early.follow([addK3, carried(4, { kind: 'use', id: k3.id }, k1)]);
  const addK2Again = { ...early.encode({ kind: 'add', key: k2 }), version: 5 };
  const late = ring(k1);
  late.follow([addK3, addK2Again]);
  t.deepEqual(late.ids, [k1.id, k3.id, k2.id]);
});

test('who has the key of today cannot read that of yesterday from the orders', (t) => {
  const { content } = addK2;
  t.false(Buffer.from(content).includes(Buffer.from(k2.bytes)));
  const late = ring(k3);
  t.false(late.follow([addK2, carried(2, { kind: 'add', key: k3 }, k2)]));
  t.deepEqual(late.ids, [k3.id]);
});

test('a full ring takes no key, and takes it once there is room', (t) => {
  const keys = ring(...Array.from({ length: MAX_KEYS }, (_, index) => keyOf(index + 1)));
  const ninth = carried(1, { kind: 'add', key: keyOf(9) }, k1);
  t.false(keys.follow([ninth]));
  t.true(keys.follow([ninth, carried(2, { kind: 'remove', id: keyOf(5).id }, k1)]));
  t.truthy(keys.find(keyOf(9).id));
});

test('a ring that was kept over a restart is the same, and follows on', (t) => {
  const keys = ring(k1);
  keys.follow([addK2, useK2]);
  const restarted = new KeyRing(nodeCipher, { keys: [k1], ...keys.known() });
  t.deepEqual(restarted.ids, [k2.id, k1.id]);
  t.false(restarted.follow([addK2, useK2]));
  t.true(restarted.follow([addK2, useK2, removeK1]));
});

test('a key file replaces the ring, and what was ordered before has no effect any more', (t) => {
  const keys = ring(k1);
  const known = [addK2, useK2, carried(3, { kind: 'remove', id: k3.id }, k2)];
  keys.follow(known);
  t.deepEqual(keys.replace([k1, k2, k3], known), []);
  t.false(keys.follow(known));
  t.deepEqual(keys.ids, [k1.id, k2.id, k3.id]);
  t.true(keys.follow([...known, carried(4, { kind: 'use', id: k3.id }, k1)]));
});

test('after a leak, the file names no leaked key, and orders that were proven by one are told apart', (t) => {
  const keys = ring(k1);
  const stolen = carried(4_294_967_294, { kind: 'use', id: k1.id }, k1);
  const known = [carried(9, { kind: 'add', key: keyOf(66) }, k1), stolen];
  keys.follow(known);
  t.deepEqual(keys.replace([k2], known), [`key/${keyOf(66).id}`, 'key-primary']);
  t.false(keys.follow(known));
  t.deepEqual(keys.ids, [k2.id]);
});

test('a ring has at least one key, at most eight, and none twice', (t) => {
  for (const keys of [[], [k1, k1], Array.from({ length: 9 }, (_, index) => keyOf(index + 1))]) {
    t.throws(() => ring(...keys), { instanceOf: RangeError });
  }
});
