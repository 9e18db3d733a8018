import test from 'ava';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { VirtualClock } from '../../src/sim/virtual-clock.ts';

test('events of one moment run in the order in which they were asked for', (t) => {
  const clock = new VirtualClock();
  const ran: number[] = [];
  for (let number = 0; number < 100; number++) clock.after(5, () => ran.push(number));
  clock.advance(5);
  t.deepEqual(
    ran,
    Array.from({ length: 100 }, (_, number) => number),
  );
});

test('an event of the past runs now', (t) => {
  const clock = new VirtualClock();
  clock.advance(10);
  let atMs = -1;
  clock.after(-5, () => {
    atMs = clock.nowMs();
  });
  clock.advance(0);
  t.is(atMs, 10);
});

test('waiting for what never happens ends when time is up', (t) => {
  const clock = new VirtualClock();
  clock.after(5, () => {});
  t.is(
    clock.advanceUntil(() => false, 30),
    undefined,
  );
  t.is(clock.nowMs(), 30);
});

test('waiting ends with the event that brings it about', (t) => {
  const clock = new VirtualClock();
  let isThere = false;
  clock.after(7, () => {
    isThere = true;
  });
  clock.after(8, () => t.fail());
  t.is(
    clock.advanceUntil(() => isThere, 30),
    7,
  );
});

for (const seed of [1, 2, 3]) {
  test(`events run in the order of a sorted list, whatever they ask for meanwhile (SEED=${seed})`, (t) => {
    const random = new SeededRandom(seed);
    const clock = new VirtualClock();
    const ran: (readonly [atMs: number, serial: number])[] = [];
    let serial = 0;
    const ask = (): void => {
      const [atMs, number] = [clock.nowMs() + random.below(20), serial++];
      clock.after(atMs - clock.nowMs(), () => {
        t.is(clock.nowMs(), atMs);
        ran.push([atMs, number]);
        if (random.happens(0.5) && serial < 5_000) ask();
      });
    };
    for (let count = 0; count < 3_000; count++) ask();
    clock.advance(1_000_000);
    t.is(clock.pending, 0);
    t.is(ran.length, serial);
    t.deepEqual(
      ran,
      [...ran].sort(([a, first], [b, second]) => a - b || first - second),
    );
  });
}
