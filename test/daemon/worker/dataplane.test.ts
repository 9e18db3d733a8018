import test from 'ava';
import { suitableWorkers } from '../../../src/daemon/worker/dataplane.ts';

const gets = test.macro<[number, number]>({
  exec: (t, cpus, workers) => t.is(suitableWorkers(cpus), workers),
  title: (_name, cpus, workers) => `a machine with ${cpus} CPUs gets ${workers} workers if nobody says`,
});

test(gets, 1, 1);
test(gets, 2, 1);
test(gets, 4, 2);
test(gets, 7, 3);
test(gets, 8, 4);
test(gets, 128, 4);
