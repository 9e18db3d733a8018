/** `weft policy delete`. */
import type { Command } from 'commander';
import type { GivenName } from '../api/rulebook-api.ts';
import { DEFAULT_NAMESPACE } from '../directory/pod-name.ts';
import { ExitCode } from '../terminal/exit-code.ts';
import type { OutputOptions } from './output.ts';

interface DeleteOptions extends OutputOptions {
  readonly filename?: readonly string[];
  readonly namespace?: true;
  readonly service?: true;
}

const HELP = `
NAMESPACE/NAME is a NetworkPolicy, NAME alone a ClusterNetworkPolicy, and with
--namespace a Namespace: its labels are forgotten, and its policies stay. With
--service both are a Service, NAME alone one of namespace default. Fails if
something is not there; the rest is deleted all the same. With Kubernetes, use
kubectl delete.`;

/** Adds `delete` to `policy`. */
export function addPolicyDelete(policy: Command): void {
  policy
    .command('delete')
    .description('take policies, services and namespaces from a cluster without Kubernetes')
    .argument('[name...]', 'NAMESPACE/NAME, or NAME')
    .option('-f, --filename <path...>', 'those in manifests, in directories of them, or - for the standard input')
    .option('--namespace', 'the names are those of Namespaces')
    .option('--service', 'the names are those of Services')
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action(async (names: readonly string[], { filename, ...options }: DeleteOptions, command: Command) => {
      if (names.length > 0 === (filename !== undefined)) command.error('error: either names or --filename is needed');
      if (options.namespace === true && options.service === true)
        command.error('error: names are those of Namespaces, or those of Services');
      const [{ controlClient }, { print }, { readGivenFiles }, { formatOutcomes, hintOfAbsent }] = await Promise.all([
        import('./daemon-socket.ts'),
        import('./output.ts'),
        import('./given-files.ts'),
        import('./given-view.ts'),
      ]);
      const given =
        filename === undefined
          ? names.map((name) => nameOf(name, options))
          : readGivenFiles(filename, (line) => process.stderr.write(`${line}\n`));
      const wanted = given.map(({ kind, namespace, name }) => ({ kind, namespace, name }));
      const report = await controlClient(command).givePolicies({ delete: wanted });
      for (const { message } of report.notices) process.stderr.write(`weft: ${message}\n`);
      print(options, report, () => formatOutcomes(report.results));
      if (filename === undefined) process.stderr.write(hintOfAbsent(report.results));
      if (report.results.some(({ outcome }) => outcome === 'absent')) process.exitCode = ExitCode.failure;
    });
}

function nameOf(text: string, options: Pick<DeleteOptions, 'namespace' | 'service'>): GivenName {
  if (options.namespace === true) return { kind: 'Namespace', namespace: '', name: text };
  const slash = text.indexOf('/');
  const [namespace, name] = [text.slice(0, Math.max(0, slash)), text.slice(slash + 1)];
  if (options.service === true)
    return { kind: 'Service', namespace: slash === -1 ? DEFAULT_NAMESPACE : namespace, name };
  return { kind: slash === -1 ? 'ClusterNetworkPolicy' : 'NetworkPolicy', namespace, name };
}
