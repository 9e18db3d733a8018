/** `weft pods`: those of this node, as `weft pod list` shows them, or those of the cluster. */
import type { Command } from 'commander';
import type { Pod } from '../api/control-api.ts';
import type { DirectoryReport } from '../api/directory-api.ts';
import { splitLabel, type PodLabels } from '../directory/pod-labels.ts';
import { ConfigError } from '../errors.ts';
import { WATCH_HELP, type WatchOptions } from './watch.ts';

interface PodsOptions extends WatchOptions {
  readonly all?: true;
  readonly namespace?: string;
  readonly label?: readonly string[];
}

/** Adds the command. */
export function registerPods(program: Command): void {
  program
    .command('pods')
    .description('show pods: of this node, or of the whole cluster')
    .option('--all', 'those of all nodes, as this one knows them')
    .option('--namespace <namespace>', 'only those in it')
    .option('--label <key=value>', 'only those with this label; several times: with all of them', collected)
    .option('--watch', WATCH_HELP)
    .option('--json', 'print JSON')
    .action(async (options: PodsOptions, command: Command) => {
      const [{ readingClient }, { printOrWatch }, { formatPods }, { formatDirectory }] = await Promise.all([
        import('./daemon-socket.ts'),
        import('./watch.ts'),
        import('./pod-list.ts'),
        import('./directory-view.ts'),
      ]);
      const isWanted = filterOf(options);
      const client = readingClient(command);
      if (options.all !== true) {
        const ask = async (): Promise<Pod[]> => (await client.pods()).filter(isWanted);
        return await printOrWatch(options, ask, formatPods);
      }
      const askAll = async (): Promise<DirectoryReport> => {
        const { pods, missing } = await client.directory();
        return { pods: pods.filter(isWanted), missing };
      };
      await printOrWatch(options, askAll, formatDirectory);
    });
}

/** @throws ConfigError `--label` */
function filterOf({
  namespace,
  label = [],
}: PodsOptions): (pod: { readonly namespace: string; readonly labels: PodLabels }) => boolean {
  const wanted = label.map((text) => {
    const split = splitLabel(text);
    if (split === undefined) throw new ConfigError('--label', `${text} has no equals sign: app=web`);
    return split;
  });
  return (pod) =>
    (namespace === undefined || pod.namespace === namespace) &&
    wanted.every(([key, value]) => Object.hasOwn(pod.labels, key) && pod.labels[key] === value);
}

function collected(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}
