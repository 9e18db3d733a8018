/** `weft fault`: its verbs. */
import { type Command, Option } from 'commander';
import type { Fault, FaultRequest } from '../api/fault-api.ts';
import { faultEffects } from '../api/fault-words.ts';
import { WeftError } from '../errors.ts';
import { checkHasEffect, parseDelay, parseShare, parseWhole } from './fault-options.ts';
import type { OutputOptions } from './output.ts';
import { formatTable } from '../terminal/table.ts';
import type { Terminal } from '../terminal/terminal.ts';

interface AddOptions extends OutputOptions {
  readonly peer?: string;
  readonly direction: 'in' | 'out';
  readonly loss?: number;
  readonly delay?: number;
  readonly jitter?: number;
  readonly reorder?: number;
  readonly duplicate?: number;
  readonly corrupt?: number;
  readonly clip?: number;
  readonly seed?: number;
}

interface RemoveOptions extends OutputOptions {
  readonly all?: true;
}

const columns = [
  { title: 'ID', align: 'right' },
  { title: 'PEER', wraps: true },
  { title: 'DIRECTION' },
  { title: 'EFFECT', wraps: true },
  { title: 'SEED', align: 'right' },
  { title: 'SEEN', align: 'right' },
  { title: 'BEFELL', wraps: true },
] as const;

const NOTES = `
Datagrams between this node and the peer are meant: what pods send, what is
relayed, and path probes, but not gossip. Refused unless the configuration says
faults: on. The same seed has the same befall the same datagrams, counted from
the first one on. What is lost is counted under a reason of its own: weft drops.`;

/** Adds `fault` with all its verbs. */
export function registerFault(program: Command): void {
  const fault = program
    .command('fault')
    .description('faults injected into the traffic of this node, for labs and tests');
  registerAdd(fault);
  fault
    .command('list')
    .alias('ls')
    .description('show the faults, and what they did so far')
    .option('--json', 'print JSON')
    .action(async (options: OutputOptions, command: Command) => {
      const [{ readingClient }, { print }, { standardOutput }] = await Promise.all([
        import('./daemon-socket.ts'),
        import('./output.ts'),
        import('../terminal/terminal.ts'),
      ]);
      const faults = await readingClient(command).faults();
      print(options, faults, () => formatFaults(faults, standardOutput()));
    });
  fault
    .command('rm')
    .description('end a fault; what it holds back goes on when it is due')
    .argument('[id]', 'see weft fault list', parseWhole)
    .option('--all', 'end all of them')
    .option('--json', 'print JSON')
    .action(async (id: number | undefined, options: RemoveOptions, command: Command) => {
      if ((id === undefined) !== (options.all === true))
        throw new WeftError('usage', 'give the id of a fault, or --all');
      const [{ controlClient }, { print }] = await Promise.all([import('./daemon-socket.ts'), import('./output.ts')]);
      const client = controlClient(command);
      const ended = id === undefined ? await client.clearFaults() : [await client.removeFault(id)];
      print(options, ended, () =>
        ended.map((one) => `fault ${one.id} has ended: it saw ${one.counted.seen}\n`).join(''),
      );
    });
}

/** A row for each fault. */
export function formatFaults(faults: readonly Fault[], terminal: Terminal): string {
  if (faults.length === 0) return 'no faults are injected\n';
  const rows = faults.map((fault) => [
    String(fault.id),
    fault.peer === '' ? 'any' : fault.inUse ? fault.peer : `${fault.peer} (away)`,
    fault.direction,
    faultEffects(fault),
    String(fault.seed),
    String(fault.counted.seen),
    befell(fault),
  ]);
  return formatTable(columns, rows, terminal);
}

function registerAdd(fault: Command): void {
  fault
    .command('add')
    .description('inject a fault')
    .option('--peer <name>', 'only what goes to, or comes from, this node; without it, any')
    .addOption(
      new Option('--direction <direction>', 'what this node sends, or what it receives')
        .choices(['out', 'in'])
        .default('out'),
    )
    .option('--loss <share>', 'how much is lost: 5%', parseShare)
    .option('--delay <time>', 'for how long each is held back: 20ms', parseDelay)
    .option('--jitter <time>', 'by how much that varies: 5ms', parseDelay)
    .option(
      '--reorder <share>',
      'how much is overtaken by what comes after it, or, with --delay, overtakes',
      parseShare,
    )
    .option('--duplicate <share>', 'how much is there twice', parseShare)
    .option('--corrupt <share>', 'how much has one bit flipped, behind the outer checksum', parseShare)
    .option('--clip <bytes>', 'outer packets that are longer are lost, as on a path of this MTU', parseWhole)
    .option('--seed <number>', 'which datagrams it befalls; without it, one is drawn', parseWhole)
    .option('--json', 'print JSON')
    .addHelpText('after', NOTES)
    .action(async (options: AddOptions, command: Command) => {
      checkHasEffect(options);
      const [{ controlClient }, { print }] = await Promise.all([import('./daemon-socket.ts'), import('./output.ts')]);
      const added = await controlClient(command).addFault(requestOf(options));
      print(
        options,
        added,
        () => `fault ${added.id} is injected: ${faultEffects(added).join(', ')}, seed ${added.seed}\n`,
      );
    });
}

function requestOf(options: AddOptions): FaultRequest {
  const { peer, direction, loss, delay, jitter, reorder, duplicate, corrupt, clip, seed } = options;
  return {
    direction,
    ...(peer !== undefined && { peer }),
    ...(loss !== undefined && { lossRatio: loss }),
    ...(delay !== undefined && { delayMs: delay }),
    ...(jitter !== undefined && { jitterMs: jitter }),
    ...(reorder !== undefined && { reorderRatio: reorder }),
    ...(duplicate !== undefined && { duplicateRatio: duplicate }),
    ...(corrupt !== undefined && { corruptRatio: corrupt }),
    ...(clip !== undefined && { clipBytes: clip }),
    ...(seed !== undefined && { seed }),
  };
}

/** What befell datagrams, and how many, without what did not. */
function befell({ counted }: Fault): string[] {
  return Object.entries(counted).flatMap(([name, count]) => {
    return count === 0 || name === 'seen' || name === 'probes' ? [] : `${name} ${count}`;
  });
}
