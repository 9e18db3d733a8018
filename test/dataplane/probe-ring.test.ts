import { Worker } from 'node:worker_threads';
import test from 'ava';
import { PROBE_RECORD_WORDS, ProbeRing, createProbeRingMemory } from '../../src/dataplane/probe-ring.ts';

const record = new Int32Array(PROBE_RECORD_WORDS);

test('records come out as they went in, in order, and never more than there is room for', (t) => {
  const ring = new ProbeRing(createProbeRingMemory(4));
  let [put, taken] = [0, 0];
  for (let round = 0; round < 100; round++) {
    for (let count = round % 6; count > 0; count--) {
      const hasRoom = put - taken < 4;
      t.is(ring.put(put, put * 3, put + 1, 7, -put), hasRoom);
      if (hasRoom) put++;
    }
    for (let count = (round * 7) % 5; count > 0; count--) {
      t.is(ring.take(record), taken < put);
      if (taken === put) continue;
      t.deepEqual([...record], [taken, taken * 3, taken + 1, 7, 0 - taken]);
      taken++;
    }
  }
  t.true(put > 50);
});

test('counts go on beyond 32 bits', (t) => {
  const memory = createProbeRingMemory(4);
  // Both counts, just below the wrap.
  memory[0] = -2;
  memory[ProbeRing.PUT_WORD] = -2;
  const ring = new ProbeRing(memory);
  for (let count = 0; count < 4; count++) t.true(ring.put(count, 0, 0, 0));
  t.false(ring.put(9, 0, 0, 0));
  for (let count = 0; count < 4; count++) {
    t.true(ring.take(record));
    t.is(record[0], count);
  }
  t.false(ring.take(record));
});

test('a capacity that is no power of two is refused', (t) => {
  t.throws(() => new ProbeRing(createProbeRingMemory(3)), { instanceOf: RangeError });
});

test('another thread gets every record once, in order, and whoever waits is woken', async (t) => {
  const memory = createProbeRingMemory(8);
  const source = `
    import { workerData } from 'node:worker_threads';
    import { ProbeRing } from ${JSON.stringify(new URL('../../src/dataplane/probe-ring.ts', import.meta.url).href)};
    const ring = new ProbeRing(workerData);
    for (let count = 0; count < 20000; ) if (ring.put(count, count * 3, count * 5, count * 7)) count++;
  `;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), { workerData: memory });
  t.teardown(async () => worker.terminate());
  const ring = new ProbeRing(memory);
  for (let expected = 0; expected < 20_000;) {
    const seen = Atomics.load(memory, ProbeRing.PUT_WORD);
    while (ring.take(record)) {
      if (record[3] !== expected * 7 || record[1] !== expected * 3)
        t.fail(`record ${expected} is ${[...record].join()}`);
      expected++;
    }
    const wait = expected < 20_000 ? Atomics.waitAsync(memory, ProbeRing.PUT_WORD, seen) : undefined;
    if (wait?.async === true) await wait.value;
  }
  t.false(ring.take(record));
});
