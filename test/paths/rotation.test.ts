import test from 'ava';
import { ROTATION_PEERS, Rotation } from '../../src/paths/rotation.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';

function rotationOf(peers: number): Rotation {
  const rotation = new Rotation(new SeededRandom(1));
  for (let peer = 1; peer <= peers; peer++) rotation.add(peer);
  return rotation;
}

function current(rotation: Rotation, peers: number): number[] {
  return Array.from({ length: peers }, (_, index) => index + 1).filter((peer) => rotation.has(peer));
}

test('as many as there is room for have their turn all the time', (t) => {
  const rotation = rotationOf(ROTATION_PEERS);
  for (let turn = 0; turn < 5; turn++) {
    t.is(current(rotation, ROTATION_PEERS).length, ROTATION_PEERS);
    rotation.turn();
  }
});

test('of more each has its turn, once in a round', (t) => {
  const peers = 5 * ROTATION_PEERS;
  const rotation = rotationOf(peers);
  const turns = new Map<number, number>();
  for (let turn = 0; turn < 15; turn++) {
    for (const peer of current(rotation, peers)) turns.set(peer, (turns.get(peer) ?? 0) + 1);
    rotation.turn();
  }
  t.deepEqual([...new Set(turns.values())], [3]);
  t.is(turns.size, peers);
});

test('one that goes makes room for the next, and one that waits never comes', (t) => {
  const rotation = rotationOf(ROTATION_PEERS + 2);
  const waiting = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].filter((peer) => !rotation.has(peer));
  rotation.delete(waiting[0]!);
  rotation.delete(1);
  t.true(rotation.has(waiting[1]!));
  t.is(current(rotation, 10).length, ROTATION_PEERS);
  rotation.turn();
  t.false(rotation.has(waiting[0]!));
  t.false(rotation.has(1));
});

test('nobody has a turn when nobody is there', (t) => {
  const rotation = rotationOf(1);
  rotation.delete(1);
  rotation.turn();
  t.false(rotation.has(1));
});
