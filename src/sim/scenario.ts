/** What befalls a cluster, and what is measured then. */
import type { Cipher } from '../env/cipher.ts';
import type { Parameters } from '../membership/parameters.ts';
import { SimulatedCluster } from './cluster.ts';
import type { AgreementPoint } from './agreement.ts';
import { quickCipher } from './quick-cipher.ts';
import { percentiles, type Result } from './result.ts';
import { fairWeather, lossyWeather } from './weather.ts';

/** What a scenario does with. */
export interface Stage {
  readonly cluster: SimulatedCluster;
  /** How long it goes on from its beginning, in ms of virtual time. */
  readonly durationMs: number;
  /** When time is up. */
  readonly endMs: number;
  /** Notes what happens now, for the chart. */
  readonly mark: (label: string) => void;
  /** From now on convergence is measured; the last call counts. */
  readonly measure: () => void;
}

export interface Scenario {
  readonly name: string;
  /** For people, one line. */
  readonly meaning: string;
  readonly durationMs: number;
  readonly lossProbability?: number;
  /** Fewest nodes with which it means something. */
  readonly minNodes?: number;
  /** Nobody runs when it begins; otherwise all do, and agree. */
  readonly beginsEmpty?: true;
  /** No cut, move or start explains a death: each that is declared is a violation. */
  readonly forbidsDeaths?: true;
  /** Pods that each node begins with; otherwise a few. */
  readonly podsPerNode?: number;
  /** What is measured is how long each change of pods took until the last node held it. */
  readonly measuresPods?: true;
  /** What is measured is how long each change of the rulebook took until the last node held it. */
  readonly measuresRulebook?: true;
  /** Gossip is authenticated. Elsewhere it is not, to save time; what that would add to it is counted all the same. */
  readonly isAuthenticated?: true;
  /** Lets everything happen that is to happen, and returns when time is up. */
  readonly run: (stage: Stage) => void;
}

export interface ScenarioOptions {
  readonly nodes: number;
  readonly seed: number;
  readonly lossProbability?: number;
  readonly durationMs?: number;
  readonly parameters?: Partial<Parameters>;
  readonly onHistory?: (line: string) => void;
  /** Instead of the quick double, where gossip is authenticated. */
  readonly cipher?: Cipher | undefined;
  /** Milliseconds of real time, to tell how long it took. */
  readonly nowMs: () => number;
}

/** Something that happened. */
export interface Mark {
  readonly atMs: number;
  readonly label: string;
}

/** A result, and what charts and curious people want beyond it. */
export interface Outcome {
  readonly result: Result;
  readonly lossProbability: number;
  readonly startMs: number;
  readonly endMs: number;
  readonly points: readonly AgreementPoint[];
  readonly marks: readonly Mark[];
  readonly historyHash: string;
  readonly eventsRun: number;
  /** Of each node, in order. */
  readonly convergenceTimesMs: readonly number[];
  /** Which healthy node was declared dead first by whom. */
  readonly falseDeaths: readonly string[];
}

/** How long nodes run before a scenario begins: timers that start together are out of step then, caches full. */
const WARM_UP_MS = 5_000;

/** Runs one scenario with one seed. */
export function runScenario(scenario: Scenario, options: ScenarioOptions): Outcome {
  const startedMs = options.nowMs();
  const durationMs = options.durationMs ?? scenario.durationMs;
  const lossProbability = options.lossProbability ?? scenario.lossProbability ?? 0;
  const cluster = new SimulatedCluster({
    ...options,
    podsPerNode: scenario.podsPerNode,
    cipher: scenario.isAuthenticated === true ? (options.cipher ?? quickCipher) : undefined,
    weather: lossProbability > 0 ? lossyWeather(lossProbability) : fairWeather,
  });
  if (scenario.beginsEmpty !== true) {
    cluster.startSettled();
    cluster.clock.advance(WARM_UP_MS);
  }

  const { clock, network, agreement, watch } = cluster;
  const beginMs = clock.nowMs();
  const bytesBefore = network.bytesSent();
  const marks: Mark[] = [];
  let measuredFromMs = beginMs;
  agreement.restartCurve();
  scenario.run({
    cluster,
    durationMs,
    endMs: beginMs + durationMs,
    mark: (label) => marks.push({ atMs: clock.nowMs(), label }),
    measure: () => {
      measuredFromMs = clock.nowMs();
    },
  });
  clock.advance(Math.max(0, beginMs + durationMs - clock.nowMs()));
  const endMs = clock.nowMs();
  const bytes = network.bytesSent() - bytesBefore;

  const times = agreement.timesMs(measuredFromMs);
  for (const [viewer, timeMs] of times) {
    if (timeMs !== undefined) continue;
    watch.report(
      'not-converged',
      `${agreement.inError.length} nodes still see something wrong: ${agreement.describeError(viewer)}`,
    );
    break;
  }
  const timesMs = [...times.values()].map((timeMs) => timeMs ?? endMs - measuredFromMs);
  if (scenario.forbidsDeaths === true && watch.falseDeaths.size > 0) {
    watch.report(
      'false-death',
      `${watch.falseDeaths.size} healthy nodes were declared dead, first ${[...watch.falseDeaths.values()][0]}`,
    );
  }
  if (scenario.measuresPods === true && !cluster.pods.isReached) {
    watch.report('not-converged', `not all pods are known: ${cluster.pods.describeError()}`);
  }
  if (scenario.measuresRulebook === true && !cluster.rulebooks.isReached) {
    watch.report('not-converged', 'not all nodes hold the same rulebook');
  }
  const measuredMs =
    scenario.measuresPods === true
      ? [...cluster.pods.spreadMs]
      : scenario.measuresRulebook === true
        ? [...cluster.rulebooks.spreadMs]
        : timesMs;
  const points = [...agreement.points];
  cluster.settle();

  return {
    result: {
      scenario: scenario.name,
      nodes: options.nodes,
      seed: options.seed,
      violations: watch.violations,
      convergenceMs: percentiles(measuredMs),
      bytesPerNodePerSecond: Math.round(bytes / options.nodes / ((endMs - beginMs) / 1_000)),
      falseDeaths: watch.falseDeaths.size,
      wallSeconds: Math.round(options.nowMs() - startedMs) / 1_000,
    },
    lossProbability,
    startMs: beginMs,
    endMs,
    points,
    marks,
    historyHash: cluster.historyHash,
    eventsRun: clock.eventsRun,
    convergenceTimesMs: timesMs,
    falseDeaths: [...watch.falseDeaths.values()],
  };
}
