import { readFileSync } from 'node:fs';
import test from 'ava';
import { runOnCpus, shareOfCpus } from '../../src/linux/cpu-affinity.ts';

function allowedCpus(): string {
  return /^Cpus_allowed_list:\t(.*)$/m.exec(readFileSync('/proc/thread-self/status', 'utf8'))![1]!;
}

test('a thread runs on the CPUs that it was given, and with none of them where it likes', (t) => {
  const before = allowedCpus();
  runOnCpus([]);
  t.is(allowedCpus(), before);
  const first = Number.parseInt(before, 10);
  runOnCpus([first]);
  t.is(allowedCpus(), `${first}`);
});

test('CPUs that are not there are named', (t) => {
  t.throws(() => runOnCpus([1022, 1023]), { code: 'cpu-missing', message: /CPU 1022, 1023/ });
});

const shares = test.macro<[readonly number[], readonly (readonly number[])[]]>({
  exec: (t, cpus, expected) =>
    t.deepEqual(
      expected.map((_, worker) => shareOfCpus(cpus, worker, expected.length)),
      expected,
    ),
  title: (_name, cpus, expected) => `of CPUs [${cpus.join(', ')}], ${expected.length} workers get ${show(expected)}`,
});

function show(shares: readonly (readonly number[])[]): string {
  return shares.map((share) => `[${share.join(', ')}]`).join(' ');
}

test(shares, [], [[], []]);
test(shares, [3], [[3]]);
test(shares, [3, 5], [[3, 5]]);
test(shares, [3, 5], [[3], [5]]);
test(shares, [3, 5], [[3], [5], [3]]);
test(
  shares,
  [0, 1, 2, 3, 4],
  [
    [0, 2, 4],
    [1, 3],
  ],
);
