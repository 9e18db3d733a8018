/** `weft services`, and the same as `weft service list`. */
import type { Command } from 'commander';
import { NotFoundError } from '../errors.ts';
import type { OutputOptions } from './output.ts';

interface ServiceListOptions extends OutputOptions {
  readonly namespace?: readonly string[];
}

/** Adds it under a name. */
export function addServiceList(parent: Command, name: string): void {
  parent
    .command(name)
    .description('show services: addresses, ports and backends, as this node has them')
    .argument('[service]', 'one of them, NAMESPACE/NAME or NAME, with all its backends')
    .option('--namespace <name...>', 'only services of these namespaces')
    .option('--json', 'print JSON')
    .action(async (wanted: string | undefined, { namespace, ...options }: ServiceListOptions, command: Command) => {
      const [{ readingClient }, { print }, { standardOutput }, { formatService, formatServices }] = await Promise.all([
        import('./daemon-socket.ts'),
        import('./output.ts'),
        import('../terminal/terminal.ts'),
        import('./service-view.ts'),
      ]);
      const report = await readingClient(command).services();
      const within = report.services.filter((one) => namespace?.includes(one.namespace) ?? true);
      if (wanted === undefined)
        return print(options, { ...report, services: within }, () =>
          formatServices({ ...report, services: within }, standardOutput()),
        );
      const found = within.filter((one) => [one.name, `${one.namespace}/${one.name}`].includes(wanted));
      if (found.length === 0) throw new NotFoundError('service-unknown', `there is no service ${wanted}`);
      print(options, { ...report, services: found }, () =>
        found.map((one) => formatService(one, report, standardOutput())).join('\n'),
      );
    });
}
