import test from 'ava';
import { figures, rivals, workloads } from '../../bench/catalogue.ts';
import { reportChart } from '../../bench/report-chart.ts';
import { reportJson } from '../../bench/report-json.ts';
import { reportText } from '../../bench/report-table.ts';
import { threeDigits, type Report } from '../../bench/report.ts';
import { Results } from '../../bench/results.ts';

/** Every row and every rival, with values as long as they get. */
function report(): Report {
  const results = new Results('kernel-vxlan');
  const measures = workloads.flatMap(({ measures }) => measures);
  for (const { id } of measures) {
    rivals.forEach(({ name }, index) => {
      for (const round of [0, 1, 2]) results.add(round, name, id, (index + 1) * (round + 1) * 11_111);
    });
  }
  results.add(0, 'weft', 'idle-cpu', 0.25);
  return {
    startedAt: '2026-01-02T03:04:05.000Z',
    seconds: 1000,
    rounds: 3,
    machine: { processor: 'P', processors: 2, memoryGigabytes: 4, kernel: '6.1.0', distribution: 'D', node: '24.0.0' },
    noise: { loadBefore: 0, loopMedianMs: 1, loopMinMs: 1, loopMaxMs: 1, slowdown: 0, othersShare: 0, stolenShare: 0 },
    columns: rivals.map(({ name, title }) => ({ name, title, version: '0.0.20220316', year: 2022, encrypts: true })),
    measures,
    figures: figures.flatMap(({ measures }) => measures),
    results,
    remarks: ['something <failed>\nfor a reason'],
  };
}

test('no line of the report is longer than 100 columns', (t) => {
  t.deepEqual(
    reportText(report())
      .split('\n')
      .filter((line) => line.length > 100),
    [],
  );
});

test('the report has a row for every measure, and judges what was measured', (t) => {
  const text = reportText(report());
  for (const { title } of report().measures) t.true(text.includes(title), title);
  t.regex(text, /CPU of an idle daemon +% +0\.250 +1\.00 +0\.300 +aim reached/);
});

test('the JSON has every value', (t) => {
  const document = JSON.parse(JSON.stringify(reportJson(report()))) as {
    measures: { id: string; results: Record<string, { values: number[] }> }[];
  };
  const row = document.measures.find(({ id }) => id === 'tcp-stream');
  t.deepEqual(row?.results['weft']?.values, [22_222, 44_444, 66_666]);
});

test('the chart is well-formed as far as brackets go, and shows every rival', (t) => {
  const chart = reportChart(report());
  t.true(chart.startsWith('<svg '));
  t.true(chart.trimEnd().endsWith('</svg>'));
  for (const { title } of rivals) t.true(chart.includes(title));
  t.notRegex(chart, /NaN|Infinity|undefined/);
});

const digits = test.macro({
  exec: (t, value: number, text: string) => t.is(threeDigits(value), text),
  title: (_, value: number, text: string) => `${value} is shown as ${text}`,
});

test(digits, 0.06789, '0.068');
test(digits, 0.6789, '0.679');
test(digits, 6.789, '6.79');
test(digits, 67.89, '67.9');
test(digits, 678_912, '678912');
test(digits, Number.NaN, '-');
