import test from 'ava';
import { countProbe, createProbeCountsMemory, probesSeen } from '../../src/dataplane/probe-counts.ts';

test('each peer has a count of its own', (t) => {
  const memory = createProbeCountsMemory(65_535);
  for (const peer of [1, 65_535, 1]) countProbe(memory, peer);
  t.deepEqual(
    [0, 1, 2, 65_535].map((peer) => probesSeen(memory, peer)),
    [0, 2, 0, 1],
  );
});

test('a count goes on beyond 32 bits, and is never 0 again, which says that nobody counts', (t) => {
  const memory = createProbeCountsMemory(1);
  memory[1] = -2;
  const counts = Array.from({ length: 3 }, () => {
    countProbe(memory, 1);
    return probesSeen(memory, 1) >>> 0;
  });
  t.deepEqual(counts, [0xffff_ffff, 1, 2]);
});
