/** `weft ipam check`. */
import type { Command } from 'commander';
import type { LeaseCheck } from '../api/ipam-api.ts';
import { ExitCode } from '../terminal/exit-code.ts';
import type { OutputOptions } from './output.ts';
import { formatTable, wrap } from '../terminal/table.ts';
import { warning, type Terminal } from '../terminal/terminal.ts';

interface CheckOptions extends OutputOptions {
  readonly repair?: true;
}

const columns = [
  { title: 'PROBLEM' },
  { title: 'SUBJECT', wraps: true },
  { title: 'WHAT', wraps: true },
  { title: 'NOW' },
] as const;

/** Adds the command. */
export function registerIpamCheck(ipam: Command): void {
  ipam
    .command('check')
    .description(
      'compare stored leases, pods and kernel: devices, routes, rules, namespaces; fails if something remains',
    )
    .option('--repair', "put right what is weft's, and free what pods have that are gone")
    .option('--json', 'print JSON')
    .action(async (options: CheckOptions, command: Command) => {
      const [{ controlClient }, { print }, { standardOutput }] = await Promise.all([
        import('./daemon-socket.ts'),
        import('./output.ts'),
        import('../terminal/terminal.ts'),
      ]);
      const check = await controlClient(command).checkLeases(options.repair === true);
      print(options, check, () => formatLeaseCheck(check, standardOutput()));
      if (check.remaining > 0) process.exitCode = ExitCode.failure;
    });
}

/** A row for each finding, and below them how many there are. */
export function formatLeaseCheck({ compared, findings, remaining }: LeaseCheck, terminal: Terminal): string {
  const scope =
    `compared ${compared.leases} leases, ${compared.devices} devices, ${compared.routes} routes and ` +
    `${compared.namespaces} namespaces`;
  const count = findings.length === 0 ? 'all agree' : `${findings.length - remaining} repaired, ${remaining} remaining`;
  const rows = findings.map(({ problem, subject, message, repaired }) => [
    problem,
    subject,
    message,
    repaired ? 'repaired' : 'remains',
  ]);
  const lines = wrap(`${count}; ${scope}`, terminal.widthColumns ?? Infinity).map((line) =>
    remaining > 0 ? warning(line, terminal) : line,
  );
  const table = rows.length === 0 ? '' : formatTable(columns, rows, terminal);
  return table + lines.map((line) => `${line}\n`).join('');
}
