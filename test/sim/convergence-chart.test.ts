import test from 'ava';
import { scenarios } from '../../src/sim/catalogue.ts';
import { convergenceChart } from '../../src/sim/convergence-chart.ts';
import { runScenario } from '../../src/sim/scenario.ts';

for (const name of ['crash', 'partition', 'join-storm', 'steady']) {
  test(`the chart of ${name} is a document with numbers that can be drawn`, (t) => {
    const scenario = scenarios.find((one) => one.name === name)!;
    const outcome = runScenario(scenario, { nodes: 6, seed: 1, nowMs: () => 0 });
    const chart = convergenceChart(outcome);
    t.regex(chart, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"[^]*<\/svg>\n$/);
    t.notRegex(chart, /NaN|Infinity|undefined/);
    t.is(chart.split('stroke-linejoin').length - 1, 2);
    for (const { label } of outcome.marks) t.true(chart.includes(`>${label}<`));
    t.is(convergenceChart(runScenario(scenario, { nodes: 6, seed: 1, nowMs: () => 0 })), chart);
  });
}
