import test from 'ava';
import { formatMatrix } from '../../src/lab/matrix-table.ts';
import type { LabMatrix } from '../../src/lab/matrix.ts';
import { parseBestRoundTripMs } from '../../src/lab/matrix.ts';

function matrixOf(
  pods: readonly string[],
  rttMs: (from: string, to: string, family: 4 | 6) => number | null,
  down: readonly string[] = [],
): LabMatrix {
  const cells = pods.flatMap((from) =>
    pods
      .filter((to) => to !== from)
      .flatMap((to) =>
        ([4, 6] as const).map((family) => ({ from, to, family, address: '', rttMs: rttMs(from, to, family) })),
      ),
  );
  return { name: 'lab', pods, cells, lost: cells.filter((cell) => cell.rttMs === null).length, down };
}

test('a matrix is a table of round trips, IPv4 and IPv6', (t) => {
  const table = formatMatrix(matrixOf(['n1/p1', 'n2/p1'], (from) => (from === 'n1/p1' ? 0.213 : 12.34)));
  t.is(
    table,
    [
      'from \\ to  n1/p1      n2/p1',
      'n1/p1      -          0.21/0.21',
      'n2/p1      12.3/12.3  -',
      '4 of 4 answered; round trips in ms, IPv4/IPv6',
      '',
    ].join('\n'),
  );
});

test('what did not answer is lost, and counted', (t) => {
  const table = formatMatrix(matrixOf(['n1/p1', 'n2/p1'], (_from, _to, family) => (family === 6 ? null : 1000)));
  t.regex(table, /n1\/p1 {6}- {10}1000\/lost\n/);
  t.regex(table, /\n2 of 4 answered;/);
});

test('a node that is down is named, with the command that starts it', (t) => {
  const table = formatMatrix(matrixOf(['n1/p1', 'n2/p1'], () => null, ['n2']));
  t.regex(table, /\n0 of 4 answered; .*\nn2 is down: weft lab start --name lab n2\n$/);
});

test('six pods fit into 80 columns, and a seventh goes into a block below', (t) => {
  const pods = Array.from({ length: 7 }, (_, at) => `n${at + 1}/p1`);
  const table = formatMatrix(matrixOf(pods, () => 9.99));
  t.true(table.split('\n').every((line) => line.length <= 80));
  t.is(table.split('\n').filter((line) => line.startsWith('from')).length, 2);
});

test('a matrix of no pods is empty', (t) => {
  t.is(formatMatrix(matrixOf([], () => 0)), '0 of 0 answered; round trips in ms, IPv4/IPv6\n');
});

test('the round trip is the best one in the statistics of ping', (t) => {
  const output = `PING 10.244.2.2 (10.244.2.2) 56(84) bytes of data.

--- 10.244.2.2 ping statistics ---
2 packets transmitted, 2 received, 0% packet loss, time 104ms
rtt min/avg/max/mdev = 0.213/0.400/0.587/0.187 ms
`;
  t.is(parseBestRoundTripMs(output), 0.213);
});

test('statistics without an answer have no round trip', (t) => {
  t.is(parseBestRoundTripMs('2 packets transmitted, 0 received, 100% packet loss, time 101ms\n'), null);
});
