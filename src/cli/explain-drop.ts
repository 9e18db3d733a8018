/** `weft explain drop`: what a drop reason means. Asks no daemon. */
import type { Command } from 'commander';
import { nearestName } from '../api/nearest-name.ts';
import { type DropReasonEntry, dropReasons } from '../dataplane/drop-reason.ts';
import { type KernelDropReason, kernelDropReasons } from '../dataplane/kernel-drop-reasons.ts';
import { NotFoundError } from '../errors.ts';
import type { OutputOptions } from './output.ts';
import { formatTable, wrap } from '../terminal/table.ts';
import { bold, type Terminal } from '../terminal/terminal.ts';

const columns = [{ title: 'REASON' }, { title: 'DIRECTION' }, { title: 'MEANING', wraps: true }] as const;

/** In front of what a reason's explanation says below its meaning. */
const LABELS = { cause: 'likely cause  ', remedy: 'what to do    ' } as const;

/** Those of weft, and those of the kernel. */
export type AnyDropReason = DropReasonEntry | KernelDropReason;

export const allReasons: readonly AnyDropReason[] = [...dropReasons, ...kernelDropReasons];

/** Adds `drop` to `explain`. */
export function addExplainDrop(explain: Command): void {
  explain
    .command('drop')
    .description('say what a drop reason means, what usually lies behind it, and what to do; asks no daemon')
    .argument('[reason]', 'its name; without one, all of them')
    .option('--json', 'print JSON')
    .action(async (name: string | undefined, _options: OutputOptions, command: Command) => {
      // `--json` is an option of `explain` as well, and taken for its own.
      const options = command.optsWithGlobals<OutputOptions>();
      const [{ print }, { standardOutput }] = await Promise.all([
        import('./output.ts'),
        import('../terminal/terminal.ts'),
      ]);
      if (name === undefined) {
        print(options, allReasons, () => formatDropReasons(allReasons, standardOutput()));
        return;
      }
      const reason = dropReasonNamed(name);
      print(options, reason, () => formatDropReason(reason, standardOutput()));
    });
}

/** The reason of this name. @throws NotFoundError `drop-reason-unknown`, with what was probably meant */
export function dropReasonNamed(name: string): AnyDropReason {
  const found = allReasons.find((reason) => reason.name === name);
  if (found !== undefined) return found;
  const similar = similarNames(name);
  const hint = similar.length === 0 ? 'weft explain drop lists them all' : `did you mean ${similar.join(' or ')}?`;
  throw new NotFoundError('drop-reason-unknown', `there is no drop reason ${name}: ${hint}`, { name, similar });
}

/** A row for each reason. */
export function formatDropReasons(reasons: readonly AnyDropReason[], terminal: Terminal): string {
  const rows = reasons.map(({ name, direction, meaning }) => [name, direction, meaning]);
  return formatTable(columns, rows, terminal);
}

const ways = {
  egress: 'from a pod to a peer',
  ingress: 'from a peer',
  kernel: 'by a rule of weft, and counted beside the accounts of packets',
} as const;

/** One reason, all of it. */
export function formatDropReason({ name, direction, meaning, cause, remedy }: AnyDropReason, terminal: Terminal) {
  const way = ways[direction];
  const paragraph = (label: string, text: string): string[] => {
    const lines = wrap(text, (terminal.widthColumns ?? Infinity) - label.length);
    return lines.map((line, index) => (index === 0 ? label : ' '.repeat(label.length)) + line);
  };
  const lines = [
    bold(`${name} (${direction}: ${way})`, terminal),
    ...paragraph('', meaning),
    ...paragraph(LABELS.cause, cause),
    ...paragraph(LABELS.remedy, remedy),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

/** One that is spelled almost so, or all that have this in them. */
function similarNames(name: string): string[] {
  const names = allReasons.map((reason) => reason.name);
  const nearest = nearestName(name, names);
  return nearest === undefined ? names.filter((one) => name.length > 2 && one.includes(name.toLowerCase())) : [nearest];
}
