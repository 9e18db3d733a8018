/** `weft audit`. */
import type { Command } from 'commander';
import type { AuditReport } from '../api/control-api.ts';
import { ExitCode } from '../terminal/exit-code.ts';
import type { OutputOptions } from './output.ts';
import { formatTable, wrap } from '../terminal/table.ts';
import { warning, type Terminal } from '../terminal/terminal.ts';

interface AuditOptions extends OutputOptions {
  readonly last?: true;
}

const columns = [
  { title: 'TABLE' },
  { title: 'PROBLEM' },
  { title: 'DIFFERENCE', wraps: true },
  { title: 'NOW' },
] as const;

/** Adds the command. */
export function registerAudit(program: Command): void {
  program
    .command('audit')
    .description("compare gossip, routes, workers' table and kernel; repair what is weft's; fails if something remains")
    .option('--last', 'show what the last one found, which was at most a minute ago')
    .option('--json', 'print JSON')
    .action(async (options: AuditOptions, command: Command) => {
      const [{ controlClient, readingClient }, { print }, { standardOutput }] = await Promise.all([
        import('./daemon-socket.ts'),
        import('./output.ts'),
        import('../terminal/terminal.ts'),
      ]);
      const wantsLast = options.last === true;
      const report = wantsLast ? await readingClient(command).lastAudit() : await controlClient(command).audit();
      print(options, report, () => formatAudit(report, standardOutput()));
      if (report.remaining > 0) process.exitCode = ExitCode.failure;
    });
}

/** A row for each difference, and below them how many there are. */
export function formatAudit({ compared, differences, remaining }: AuditReport, terminal: Terminal): string {
  const inKubernetes = compared.kubernetes === 0 ? '' : `, ${compared.kubernetes} pods of Kubernetes`;
  const scope = `${compared.routes} routes, ${compared.workers} entries of the workers, ${compared.kernel} of the kernel${inKubernetes}`;
  if (differences.length === 0) return `nothing differs: ${scope}\n`;
  const rows = differences.map(({ table, problem, message, repaired }) => [
    table,
    problem,
    message,
    repaired ? 'repaired' : 'remains',
  ]);
  const summary = `${differences.length - remaining} repaired, ${remaining} remaining; compared ${scope}`;
  const lines = wrap(summary, terminal.widthColumns ?? Infinity).map((line) =>
    remaining > 0 ? warning(line, terminal) : line,
  );
  return formatTable(columns, rows, terminal) + lines.map((line) => `${line}\n`).join('');
}
