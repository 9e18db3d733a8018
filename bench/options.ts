/** Command line of the benchmark. */
import { parseArgs } from 'node:util';
import { ConfigError } from '../src/errors.ts';
import { figures, quick, rivals, workloads } from './catalogue.ts';

/** What to run, and where to put what comes out. */
export interface Options {
  readonly rounds: number;
  readonly rivals: readonly string[];
  readonly workloads: readonly string[];
  readonly figures: readonly string[];
  readonly json?: string;
  readonly svg?: string;
  readonly output?: string;
}

/** Fewer give no median worth the name. */
const DEFAULT_ROUNDS = 5;

/** Text of `--help`. */
export function usage(): string {
  return `usage: sudo ./scripts/bench [--yes] [OPTIONS]

  --yes          install missing system packages without asking
  --quick        kernel vxlan and weft; one TCP stream, 64-byte UDP, round trip; ${quick.rounds} rounds
  --rounds N     rounds (${DEFAULT_ROUNDS}; each rival does each work once in each round)
  --only NAMES   rivals, work and figures to run, with commas between: kernel-vxlan,weft,tcp-stream
  --output FILE  write the table to FILE, too
  --json FILE    write every value to FILE
  --svg FILE     write a chart to FILE

rivals:  ${names(rivals).join(', ')}
work:    ${names(workloads).join(', ')}
figures: ${names(figures).join(', ')}
`;
}

/** Reads the command line. @throws ConfigError */
export function parseOptions(argv: readonly string[]): Options | 'help' {
  const { values } = parse(argv);
  if (values.help === true) return 'help';
  const rounds = Number(values.rounds ?? (values.quick === true ? quick.rounds : DEFAULT_ROUNDS));
  if (!Number.isInteger(rounds) || rounds < 1) throw new ConfigError('--rounds', `${values.rounds} is not 1 or more`);
  const only = values.only?.split(',').map((name) => name.trim()) ?? [];
  const everything = [...names(rivals), ...names(workloads), ...names(figures)];
  const unknown = only.find((name) => !everything.includes(name));
  if (unknown !== undefined)
    throw new ConfigError('--only', `there is no ${unknown}; there are ${everything.join(', ')}`);
  const isQuick = values.quick === true;
  const chosenRivals = isQuick ? [...quick.rivals] : names(rivals);
  const chosenWork = isQuick ? [...quick.workloads] : names(workloads);
  const chosenFigures = isQuick ? [] : names(figures);
  const namesWork = only.some((name) => !names(rivals).includes(name));
  return {
    rounds,
    // Naming rivals alone leaves all the work, and the other way round.
    rivals: narrowed(
      only.some((name) => names(rivals).includes(name)),
      chosenRivals,
      names(rivals),
      only,
    ),
    workloads: narrowed(namesWork, chosenWork, names(workloads), only),
    figures: narrowed(namesWork, chosenFigures, names(figures), only),
    ...(values.json === undefined ? {} : { json: values.json }),
    ...(values.svg === undefined ? {} : { svg: values.svg }),
    ...(values.output === undefined ? {} : { output: values.output }),
  };
}

function parse(argv: readonly string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  const options = { help: flag, quick: flag, rounds: text, only: text, json: text, svg: text, output: text } as const;
  try {
    return parseArgs({ args: [...argv], options });
  } catch (error) {
    throw new ConfigError('', (error as Error).message);
  }
}

function narrowed(isNamed: boolean, chosen: readonly string[], all: readonly string[], only: readonly string[]) {
  return isNamed ? all.filter((name) => only.includes(name)) : chosen;
}

function names(things: readonly { readonly name: string }[]): string[] {
  return things.map(({ name }) => name);
}
