/** Command line of the simulator. */
import { parseArgs } from 'node:util';
import { ConfigError } from '../errors.ts';
import { scenarios } from './catalogue.ts';
import { MAX_PLACES } from './place.ts';

/** What to run, and where to put what comes out. */
export interface Options {
  /** A scenario, `all`, `random-faults` or `figures`. */
  readonly command: string;
  readonly nodes: number;
  /** First seed, and how many. */
  readonly seed: number;
  readonly seeds: number;
  /** Real time for which more seeds are run, of random faults. */
  readonly withinMs?: number;
  readonly lossProbability?: number;
  readonly durationMs?: number;
  readonly json: boolean;
  readonly svg?: string;
  readonly history?: string;
  readonly workers?: number;
  /** Numbers of the faults that are left, of a random history. */
  readonly keep?: readonly number[];
  readonly realCipher: boolean;
}

const DEFAULT_NODES = 100;

/** What figures are promised for, and over how many seeds. */
const FIGURES_NODES = 1_000;
const FIGURES_SEEDS = 100;

/** Seeds of random faults, unless said otherwise. */
const DEFAULT_RANDOM_SEEDS = 2_000;

/** What is no scenario, with its meaning. */
const otherCommands = {
  all: 'every scenario in turn',
  'random-faults': 'clusters of 3 to 9 nodes, each seed with faults of its own',
  figures: 'what is promised of 1 000 nodes, measured over 100 seeds',
} as const;

const durationUnits: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, min: 60_000, h: 3_600_000 };

/** Text of `--help`. */
export function usage(): string {
  const lines = [
    ...scenarios.map(({ name, meaning }) => [name, meaning] as const),
    ...Object.entries(otherCommands),
  ].map(([name, meaning]) => `  ${name.padEnd(18)}${meaning}`);
  return `usage: npm run sim -- SCENARIO [OPTIONS]

  --nodes N       nodes (${DEFAULT_NODES})
  --seed S        the same seed gives the same history, byte for byte (1)
  --seeds N       N seeds from S on, on all processors (1; random-faults: ${DEFAULT_RANDOM_SEEDS})
  --within T      random-faults: more seeds than N, as many as fit in this real time, 10 000 at most: 3m
  --loss P        datagrams and segments that are lost: 10%, 0.1 (the scenario's own, mostly none)
  --duration T    virtual time from the beginning of the scenario: 90s, 10m, 1h (the scenario's own)
  --real-cipher   AES-256-GCM itself where nodes use keys, instead of a quick double of the same sizes
  --json          print the result as JSON
  --svg FILE      write convergence over time as a chart (one seed)
  --history FILE  write all that every node saw (one seed)
  --workers N     threads (one per processor)
  --keep A,B,...  random-faults: only these faults of the seed's

${lines.join('\n')}
`;
}

/** Reads the command line. @throws ConfigError */
export function parseOptions(argv: readonly string[]): Options | 'help' {
  const { values, positionals } = parse(argv);
  if (values.help === true) return 'help';
  const [command, ...more] = positionals;
  const known = [...scenarios.map(({ name }) => name), ...Object.keys(otherCommands)];
  if (command === undefined) throw new ConfigError('', `say which scenario: ${known.join(', ')}`);
  if (!known.includes(command))
    throw new ConfigError('', `there is no scenario ${command}; there are ${known.join(', ')}`);
  if (more.length > 0) throw new ConfigError('', `one scenario at a time, not also ${more.join(' ')}`);

  const defaults = defaultsOf(command);
  const seeds = integer('--seeds', values.seeds ?? String(defaults.seeds), 1);
  for (const name of ['svg', 'history'] as const) {
    const isOne = seeds === 1 && scenarios.some((scenario) => scenario.name === command);
    if (values[name] !== undefined && !isOne) throw new ConfigError(`--${name}`, 'takes one scenario and one seed');
  }
  if (values.within !== undefined && command !== 'random-faults')
    throw new ConfigError('--within', 'is for random-faults only');
  const chosen = scenarios.filter(({ name }) => command === 'all' || name === command);
  const fewest = Math.max(2, ...chosen.map(({ minNodes }) => minNodes ?? 2));
  return {
    command,
    nodes: integer('--nodes', values.nodes ?? String(defaults.nodes), fewest, MAX_PLACES),
    seed: integer('--seed', values.seed ?? '1', 0, 0xff_ff_ff_ff),
    seeds,
    ...(values.within !== undefined && { withinMs: duration('--within', values.within) }),
    ...(values.loss !== undefined && { lossProbability: probability('--loss', values.loss) }),
    ...(values.duration !== undefined && { durationMs: duration('--duration', values.duration) }),
    json: values.json === true,
    ...(values.svg !== undefined && { svg: values.svg }),
    ...(values.history !== undefined && { history: values.history }),
    ...(values.workers !== undefined && { workers: integer('--workers', values.workers, 1, 256) }),
    ...(values.keep !== undefined && { keep: numbers('--keep', values.keep) }),
    realCipher: values['real-cipher'] === true,
  };
}

function defaultsOf(command: string): { readonly nodes: number; readonly seeds: number } {
  if (command === 'figures') return { nodes: FIGURES_NODES, seeds: FIGURES_SEEDS };
  return { nodes: DEFAULT_NODES, seeds: command === 'random-faults' ? DEFAULT_RANDOM_SEEDS : 1 };
}

function parse(argv: readonly string[]) {
  try {
    const text = { type: 'string' } as const;
    const flag = { type: 'boolean' } as const;
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        nodes: text,
        seed: text,
        seeds: text,
        within: text,
        loss: text,
        duration: text,
        svg: text,
        history: text,
        workers: text,
        keep: text,
        json: flag,
        'real-cipher': flag,
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new ConfigError('', error instanceof Error ? error.message : String(error));
  }
}

function integer(flag: string, text: string, least: number, most = Number.MAX_SAFE_INTEGER): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most)) {
    const range = most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `${least} to ${most}`;
    throw new ConfigError(flag, `${text} is not a whole number, ${range}`);
  }
  return value;
}

function probability(flag: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)(%?)$/.exec(text);
  const value = match === null ? Number.NaN : Number(match[1]) / (match[2] === '%' ? 100 : 1);
  if (!(value >= 0 && value < 1)) throw new ConfigError(flag, `${text} is not a probability below 1: 10%, 0.1`);
  return value;
}

function duration(flag: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|min|h)$/.exec(text);
  if (match === null) throw new ConfigError(flag, `${text} is not a length of time: 90s, 10m, 1h`);
  return Number(match[1]) * durationUnits[match[2]!]!;
}

function numbers(flag: string, text: string): number[] {
  return text === '' ? [] : text.split(',').map((one) => integer(flag, one.trim(), 1));
}
