/** `weft pod rm`. */
import type { Command } from 'commander';
import { DEFAULT_NAMESPACE, podTitle } from '../directory/pod-name.ts';
import type { OutputOptions } from './output.ts';

interface PodRmOptions extends OutputOptions {
  readonly namespace?: string;
}

/** Adds the command. */
export function registerPodRm(pod: Command): void {
  pod
    .command('rm')
    .description('take a pod out of the overlay; again does no harm')
    .argument('<name>', 'name of the pod')
    .option('--namespace <namespace>', `namespace of its name; otherwise ${DEFAULT_NAMESPACE}`)
    .option('--json', 'print JSON')
    .action(async (name: string, options: PodRmOptions, command: Command) => {
      const [{ controlClient }, { print }] = await Promise.all([import('./daemon-socket.ts'), import('./output.ts')]);
      const { namespace = DEFAULT_NAMESPACE } = options;
      const title = podTitle(namespace, name);
      const removed = await controlClient(command).removePod(name, namespace);
      print(options, { removed }, () => (removed ? `pod ${title} is removed\n` : `there was no pod ${title}\n`));
    });
}
