/** `weft docker`: containers of Docker, or of an engine that speaks like it, as pods. */
import type { Command } from 'commander';
import type { OutputOptions } from './output.ts';

interface EngineOptions extends OutputOptions {
  readonly engine?: string;
}

interface AttachOptions extends EngineOptions {
  readonly name?: string;
  readonly namespace?: string;
  readonly ip?: readonly string[];
}

interface WatchOptions extends EngineOptions {
  readonly needNode?: true;
}

const ENGINE = ['--engine <socket>', "the engine's socket (DOCKER_HOST); otherwise /var/run/docker.sock"] as const;

/** Adds `docker` with all its verbs. */
export function registerDocker(program: Command): void {
  const docker = program.command('docker').description('make containers of this machine pods');
  registerAttach(docker);
  registerDetach(docker);
  registerWatch(docker);
}

function registerAttach(docker: Command): void {
  docker
    .command('attach')
    .description(
      'give a running container, made with network_mode none, an interface in the overlay; again does no harm',
    )
    .argument('<container>', 'its name or id')
    .option('--name <name>', "name of the pod; otherwise its label weft.pod, or the container's name")
    .option('--namespace <namespace>', 'namespace of that name; otherwise its label weft.namespace, or default')
    .option('--ip <address...>', 'addresses; otherwise its label weft.ip, those that it had, or the next free ones')
    .option(...ENGINE)
    .option('--json', 'print JSON')
    .action(async (reference: string, options: AttachOptions, command: Command) => {
      const { name, namespace, ip } = options;
      const [{ attachContainer, titleOf }, engine, { controlClient }, { print }] = await Promise.all([
        import('../docker/attachment.ts'),
        engineOf(options),
        import('./daemon-socket.ts'),
        import('./output.ts'),
      ]);
      const choice = {
        ...(name !== undefined && { name }),
        ...(namespace !== undefined && { namespace }),
        ...(ip !== undefined && { addresses: ip }),
      };
      const container = await engine.container(reference);
      const { pod } = await attachContainer(engine, controlClient(command), container, choice);
      const notices = pod.notices.map(({ code, message }) => `notice ${code}: ${message}\n`).join('');
      print(options, pod, () => `${reference} is pod ${titleOf(pod)}: ${pod.addresses.join(', ')}\n${notices}`);
    });
}

function registerDetach(docker: Command): void {
  docker
    .command('detach')
    .description('take a container out of the overlay, whether it still exists or not; again does no harm')
    .argument('<container>', 'its name or id')
    .option('--json', 'print JSON')
    .action(async (reference: string, options: OutputOptions, command: Command) => {
      const [{ detachContainer, titleOf }, { controlClient }, { print }] = await Promise.all([
        import('../docker/attachment.ts'),
        import('./daemon-socket.ts'),
        import('./output.ts'),
      ]);
      const pods = await detachContainer(controlClient(command), reference);
      const lines = pods.map((pod) => `${reference} is detached: pod ${titleOf(pod)} is removed\n`);
      print(options, { removed: pods.map(titleOf) }, () => lines.join('') || `${reference} was no pod\n`);
    });
}

function registerWatch(docker: Command): void {
  docker
    .command('watch')
    .description(
      'attach containers with the label weft.pod when they start, and detach them when they end, until Ctrl-C',
    )
    .option('--need-node', 'leave those alone that have no label weft.node: where several nodes share an engine')
    .option(...ENGINE)
    .action(async (options: WatchOptions, command: Command) => {
      const [{ ContainerWatch }, engine, { controlClient }] = await Promise.all([
        import('../docker/container-watch.ts'),
        engineOf(options),
        import('./daemon-socket.ts'),
      ]);
      const interruption = new AbortController();
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interruption.abort());
      const watch = new ContainerWatch({
        engine,
        keeper: controlClient(command),
        needsNode: options.needNode ?? false,
        say: (line) => process.stdout.write(`${line}\n`),
      });
      await watch.run(interruption.signal);
    });
}

async function engineOf({ engine }: EngineOptions) {
  const [{ EngineClient }, { engineSocket }] = await Promise.all([
    import('../docker/engine-client.ts'),
    import('../docker/engine-socket.ts'),
  ]);
  return new EngineClient(engineSocket(engine, process.env['DOCKER_HOST']));
}
