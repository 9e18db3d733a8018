/** `weft lab node`: what a container of the compose lab runs. */
import { InvalidArgumentError, type Command } from 'commander';
import type { ContainerPod } from '../lab/container-node.ts';

interface NodeOptions {
  readonly pod: readonly ContainerPod[];
  readonly greet: readonly string[];
}

/** Adds the command. */
export function registerNode(lab: Command): void {
  lab
    .command('node')
    .description('be a node in a container: a daemon, and pods that are processes; docker-compose.yml runs it')
    .option(
      '--pod <name[=address,...]>',
      'a pod that answers HTTP with a greeting; may be repeated',
      (text: string, pods: readonly ContainerPod[]) => [...pods, podOf(text)],
      [],
    )
    .option(
      '--greet <host>',
      'whom each pod asks for a greeting; may be repeated',
      (host: string, hosts: readonly string[]) => [...hosts, host],
      [],
    )
    .action(async ({ pod, greet }: NodeOptions) => {
      const [{ runContainerNode }, { loadConfig }] = await Promise.all([
        import('../lab/container-node.ts'),
        import('../daemon/config/config.ts'),
      ]);
      const { control, gossip } = loadConfig({ flags: {}, env: process.env });
      const interruption = new AbortController();
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interruption.abort());
      process.exitCode = await runContainerNode(
        {
          socket: control.socket,
          keyFile: gossip.keyFile,
          pods: pod,
          greeted: greet,
          say: (line) => process.stdout.write(`${line}\n`),
        },
        interruption.signal,
      );
    });
}

function podOf(text: string): ContainerPod {
  const [name = '', addresses = ''] = text.split('=');
  if (name === '') throw new InvalidArgumentError('It is not NAME or NAME=ADDRESS,ADDRESS.');
  return { name, addresses: addresses.split(',').filter((address) => address !== '') };
}
