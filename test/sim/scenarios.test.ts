import test from 'ava';
import { scenarios } from '../../src/sim/catalogue.ts';
import { SimulatedCluster } from '../../src/sim/cluster.ts';
import { quickCipher } from '../../src/sim/quick-cipher.ts';
import { runScenario, type Scenario } from '../../src/sim/scenario.ts';
import { Stranger } from '../../src/sim/stranger.ts';
import { lossyWeather } from '../../src/sim/weather.ts';

const nowMs = (): number => 0;

/** Everything that the nodes of a scenario saw, and how it ended. */
function historyOf(scenario: Scenario, seed: number): { readonly lines: string; readonly result: string } {
  const lines: string[] = [];
  const { result } = runScenario(scenario, {
    nodes: 10,
    seed,
    lossProbability: 0.1,
    durationMs: Math.min(60_000, scenario.durationMs),
    nowMs,
    onHistory: (line) => lines.push(line),
  });
  return { lines: lines.join('\n'), result: JSON.stringify(result) };
}

for (const scenario of scenarios) {
  test(`${scenario.name} with 12 nodes violates nothing, and nobody healthy dies`, (t) => {
    const { result } = runScenario(scenario, { nodes: 12, seed: 1, nowMs });
    t.deepEqual(result.violations, []);
    t.is(result.falseDeaths, 0);
    t.true(result.bytesPerNodePerSecond > 0);
  });

  test(`the same seed gives the same history of ${scenario.name}, byte for byte`, (t) => {
    t.deepEqual(historyOf(scenario, 7), historyOf(scenario, 7));
  });
}

test('a result has these fields, in this order', (t) => {
  const { result } = runScenario(
    scenarios.find(({ name }) => name === 'crash')!,
    { nodes: 5, seed: 3, nowMs },
  );
  t.deepEqual(Object.keys(result), [
    'scenario',
    'nodes',
    'seed',
    'violations',
    'convergenceMs',
    'bytesPerNodePerSecond',
    'falseDeaths',
    'wallSeconds',
  ]);
  t.deepEqual(Object.keys(result.convergenceMs), ['p50', 'p99', 'max']);
});

test('another seed gives another history', (t) => {
  const crash = scenarios.find(({ name }) => name === 'crash')!;
  t.not(historyOf(crash, 1).lines, historyOf(crash, 2).lines);
});

test('without keys a stranger is learned of and answered, and the watch says so', (t) => {
  const cluster = new SimulatedCluster({ nodes: 5, seed: 1 });
  cluster.startSettled();
  cluster.clock.advance(1_000);
  new Stranger(cluster, 6, 1).come();
  cluster.clock.advance(5_000);
  const kinds = new Set(cluster.watch.violations.map(({ kind }) => kind));
  t.true(
    kinds.has('stranger-learned') && kinds.has('answered-a-stranger') && kinds.has('told-a-stranger'),
    [...kinds].join(),
  );
});

for (const cipher of [undefined, quickCipher]) {
  test(`with keys a stranger ${cipher ? 'with a key of its own' : 'in plain'} is neither learned of nor answered`, (t) => {
    const cluster = new SimulatedCluster({ nodes: 5, seed: 1, cipher: quickCipher });
    cluster.startSettled();
    cluster.clock.advance(1_000);
    const stranger = new Stranger(cluster, 6, 1, cipher);
    stranger.come();
    cluster.clock.advance(60_000);
    stranger.go();
    t.deepEqual(cluster.watch.violations, []);
    t.true(cluster.agreement.isReached);
  });
}

test('nodes that never agree are a violation that names one of them', (t) => {
  const impossible: Scenario = {
    name: 'impossible',
    meaning: 'a node is expected to be gone, and is not',
    durationMs: 10_000,
    run: ({ cluster }) => cluster.agreement.expect(2, undefined),
  };
  const { result } = runScenario(impossible, { nodes: 4, seed: 1, nowMs });
  t.deepEqual(
    result.violations.map(({ kind }) => kind),
    ['not-converged', 'sides-differ'],
  );
  t.regex(result.violations[0]!.message, /n\d sees n2 alive@1, which is gone/);
});

test('a healthy node that is called dead is counted, and one that was cut off is not', (t) => {
  const hopeless: Scenario = {
    name: 'hopeless',
    meaning: 'the network loses nearly everything',
    durationMs: 180_000,
    forbidsDeaths: true,
    run: ({ cluster }) => {
      cluster.clock.advance(70_000);
      cluster.network.weather = lossyWeather(0.97);
    },
  };
  const hasty = runScenario(hopeless, { nodes: 6, seed: 1, nowMs });
  t.true(hasty.result.falseDeaths > 0);
  t.true(hasty.result.violations.some(({ kind }) => kind === 'false-death'));
  const partition = scenarios.find(({ name }) => name === 'partition')!;
  t.is(runScenario(partition, { nodes: 6, seed: 1, nowMs }).result.falseDeaths, 0);
});
