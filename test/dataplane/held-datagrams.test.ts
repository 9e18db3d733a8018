import test from 'ava';
import { NO_SLOT } from '../../src/dataplane/faults.ts';
import { HELD_SLOT_BYTES, HeldDatagrams } from '../../src/dataplane/held-datagrams.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';

const held = (slots: number) => new HeldDatagrams({ at: 64, lengthBytes: HeldDatagrams.memoryBytes(slots) });

function drain(datagrams: HeldDatagrams, nowUs: number): number[] {
  const slots: number[] = [];
  for (let slot = datagrams.takeDue(nowUs); slot !== NO_SLOT; slot = datagrams.takeDue(nowUs)) slots.push(slot);
  return slots;
}

test('what is due comes out in the order of its time, and what is due at once in that of its coming', (t) => {
  const datagrams = held(4);
  const [a, b, c, d] = [0, 1, 2, 3].map(() => datagrams.reserve());
  datagrams.hold(a!, 300);
  datagrams.hold(b!, 100);
  datagrams.hold(c!, 300);
  datagrams.hold(d!, 200);
  t.is(datagrams.nextDueUs(), 100);
  t.deepEqual(drain(datagrams, 99), []);
  t.deepEqual(drain(datagrams, 250), [b, d]);
  t.is(datagrams.nextDueUs(), 300);
  t.deepEqual(drain(datagrams, 300), [a, c]);
  t.is(datagrams.nextDueUs(), -1);
});

test('there are no more than there are slots, and a slot is free again when it was freed', (t) => {
  const datagrams = held(2);
  t.true(datagrams.isEmpty);
  const slots = [datagrams.reserve(), datagrams.reserve()] as const;
  t.is(datagrams.reserve(), NO_SLOT);
  t.is(Math.abs(datagrams.at(slots[0]) - datagrams.at(slots[1])), HELD_SLOT_BYTES);
  datagrams.hold(slots[0], 0);
  t.is(datagrams.takeDue(0), slots[0]);
  t.is(datagrams.reserve(), NO_SLOT);
  datagrams.free(slots[0]);
  t.is(datagrams.reserve(), slots[0]);
});

test('one that waits to be overtaken is due when it was, and later by itself', (t) => {
  const datagrams = held(3);
  const first = datagrams.reserve();
  const second = datagrams.reserve();
  datagrams.holdUntilOvertaken(first, 5, 1_000);
  t.true(datagrams.isWaiting(5));
  t.deepEqual(drain(datagrams, 2_000), []);
  datagrams.overtake(5, 2_000);
  t.false(datagrams.isWaiting(5));
  t.deepEqual(drain(datagrams, 2_000), [first]);
  datagrams.holdUntilOvertaken(second, 5, 3_000);
  t.is(datagrams.nextDueUs(), 53_000);
  t.deepEqual(drain(datagrams, 52_999), []);
  t.deepEqual(drain(datagrams, 53_000), [second]);
});

test('of two that wait by one rule, the first is due at once', (t) => {
  const datagrams = held(2);
  const first = datagrams.reserve();
  const second = datagrams.reserve();
  datagrams.holdUntilOvertaken(first, 0, 1_000);
  datagrams.holdUntilOvertaken(second, 0, 1_100);
  t.deepEqual(drain(datagrams, 1_100), [first]);
});

for (let seed = 1; seed <= 4; seed++) {
  test(`random times come out as from a sorted list, seed ${seed}`, (t) => {
    const random = new SeededRandom(seed);
    const datagrams = held(40);
    let twin: { slot: number; dueUs: number; order: number }[] = [];
    let order = 0;
    for (let nowUs = 0; nowUs < 20_000; nowUs += random.below(20)) {
      const slot = random.below(3) > 0 ? datagrams.reserve() : NO_SLOT;
      if (slot !== NO_SLOT) {
        const dueUs = nowUs + random.below(400);
        datagrams.hold(slot, dueUs);
        twin.push({ slot, dueUs, order: order++ });
      }
      const due = twin
        .filter((one) => one.dueUs <= nowUs)
        .sort((a, b) => a.dueUs - b.dueUs || a.order - b.order)
        .map((one) => one.slot);
      twin = twin.filter((one) => one.dueUs > nowUs);
      const taken = drain(datagrams, nowUs);
      if (taken.join() !== due.join()) t.fail(`at ${nowUs}: ${taken.join()}, and not ${due.join()}`);
      for (const one of taken) datagrams.free(one);
    }
    t.true(order > 500);
  });
}
