/** `weft service rm`. */
import type { Command } from 'commander';
import { DEFAULT_NAMESPACE } from '../directory/pod-name.ts';
import { ExitCode } from '../terminal/exit-code.ts';
import type { OutputOptions } from './output.ts';

interface ServiceRmOptions extends OutputOptions {
  readonly namespace: string;
}

/** Adds `rm` to `service`. */
export function addServiceRm(service: Command): void {
  service
    .command('rm')
    .description('take services from the cluster; connections that there are go on')
    .argument('<name...>', 'names of services')
    .option('--namespace <namespace>', 'their namespace', DEFAULT_NAMESPACE)
    .option('--json', 'print JSON')
    .action(async (names: readonly string[], { namespace, ...options }: ServiceRmOptions, command: Command) => {
      const [{ controlClient }, { print }, { formatOutcomes }] = await Promise.all([
        import('./daemon-socket.ts'),
        import('./output.ts'),
        import('./given-view.ts'),
      ]);
      const wanted = names.map((name) => ({ kind: 'Service' as const, namespace, name }));
      const report = await controlClient(command).givePolicies({ delete: wanted });
      for (const { message } of report.notices) process.stderr.write(`weft: ${message}\n`);
      print(options, report, () => formatOutcomes(report.results));
      if (report.results.some(({ outcome }) => outcome === 'absent')) process.exitCode = ExitCode.failure;
    });
}
