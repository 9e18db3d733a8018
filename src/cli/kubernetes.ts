/** `weft kubernetes`: what a cluster is given to run weft, and whether its network works. */
import { Option, type Command } from 'commander';
import type { GenericSchema } from 'valibot';
import { WeftError } from '../errors.ts';
import { addKubernetesCheck } from './kubernetes-check.ts';
import type { PullPolicy } from './kubernetes-manifest.ts';

/** Repeated here, so that other commands do not load what this one needs. */
const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never'] as const;

interface ImageOptions {
  readonly image?: string;
  readonly pullPolicy?: PullPolicy;
  readonly kind?: true;
}

interface ManifestOptions extends ImageOptions {
  readonly clusterPrefix?: readonly string[];
  readonly services?: true;
  readonly apiServer?: string;
  readonly loadBalancerPool?: readonly string[];
  readonly keyFile?: string;
  readonly existingSecret?: true;
}

const KEY_HELP = `
The Secret has a new key of the cluster, unless one of the last two options is given.
For an update of weft, give --existing-secret: a key that is there is never replaced.`;

/** Adds `kubernetes` with its verbs. */
export function registerKubernetes(program: Command): void {
  const kubernetes = program.command('kubernetes').description('weft as the pod network of a Kubernetes cluster');
  withImage(kubernetes.command('manifest'))
    .description('print what kubectl apply -f - installs')
    .option('--cluster-prefix <prefix...>', "prefixes of the whole cluster's pods, as kube-controller-manager has them")
    .option('--services', 'weft has the services of the cluster, in place of kube-proxy; needs --api-server')
    .option('--api-server <host:port>', 'where nodes reach the API server without services')
    .option(
      '--load-balancer-pool <pool...>',
      'addresses for services of type LoadBalancer, PREFIX or FIRST-LAST, of a prefix that nodes have interfaces in',
    )
    .option(
      '--key-file <file>',
      'keys of the cluster, as weft key generate makes one, for nodes that are part of it already',
    )
    .option('--existing-secret', 'no Secret: the cluster has one')
    .addHelpText('after', KEY_HELP)
    .action(printManifest);
  withImage(kubernetes.command('reset-manifest'))
    .description('print what takes weft off all nodes, when its DaemonSet is deleted')
    .action(printReset);
  addKubernetesCheck(kubernetes);
}

function withImage(command: Command): Command {
  return command
    .option('--image <image>', 'image of weft; otherwise weft and its version, or that of --kind')
    .addOption(new Option('--pull-policy <policy>', 'when nodes ask a registry for it').choices(PULL_POLICIES))
    .option('--kind', 'for kind: its pod prefixes, and the image localhost/weft:kind, which kind load has brought');
}

async function printManifest(options: ManifestOptions): Promise<void> {
  const { manifests } = await import('./kubernetes-manifest.ts');
  const { clusterPrefix, services, apiServer, loadBalancerPool, keyFile, existingSecret } = options;
  if (keyFile !== undefined && existingSecret === true)
    throw new WeftError('usage', '--key-file and --existing-secret: give one of them');
  if ((services === true) !== (apiServer !== undefined))
    throw new WeftError('usage', '--services and --api-server: give both, or none of them');
  if (loadBalancerPool !== undefined && services !== true)
    throw new WeftError(
      'usage',
      '--load-balancer-pool: weft gives addresses only where it has services: add --services',
    );
  const keys = existingSecret === true ? undefined : await keysOf(keyFile);
  process.stdout.write(
    manifests(options.kind === true ? 'overlays/kind' : 'base', {
      ...(await imageOf(options)),
      ...(clusterPrefix !== undefined && { clusterPrefixes: await checkPrefixes(clusterPrefix) }),
      ...(apiServer !== undefined && { servicesBy: await checkServer(apiServer) }),
      ...(loadBalancerPool !== undefined && { pools: await checkPools(loadBalancerPool) }),
      ...(keys !== undefined && { keys }),
    }),
  );
}

async function printReset(options: ImageOptions): Promise<void> {
  const { KIND, manifests } = await import('./kubernetes-manifest.ts');
  process.stdout.write(manifests('reset', { ...(options.kind === true && KIND), ...(await imageOf(options)) }));
}

/** What is said of the image, and what is not left to `--kind`. @throws WeftError `usage` */
async function imageOf({
  image,
  pullPolicy,
  kind,
}: ImageOptions): Promise<{ image?: string; pullPolicy?: PullPolicy }> {
  const [{ checkImage }, { readVersion }] = await Promise.all([
    import('./kubernetes-manifest.ts'),
    import('../daemon/process/version.ts'),
  ]);
  const chosen = image ?? (kind === true ? undefined : `weft:${readVersion().version}`);
  return {
    ...(chosen !== undefined && { image: checkImage(chosen) }),
    ...(pullPolicy !== undefined && { pullPolicy }),
  };
}

async function checkPrefixes(prefixes: readonly string[]): Promise<readonly string[]> {
  const { parsePrefix } = await import('../wire/prefix.ts');
  for (const prefix of prefixes) {
    if (parsePrefix(prefix) !== undefined) continue;
    throw new WeftError('usage', `--cluster-prefix: ${prefix} is not a prefix, such as 10.244.0.0/16`);
  }
  return prefixes;
}

async function checkPools(pools: readonly string[]): Promise<readonly string[]> {
  const { addressPool } = await import('../daemon/config/config-value.ts');
  const texts = pools.flatMap((text) => text.split(','));
  for (const text of texts) await checkValue('--load-balancer-pool', addressPool(), text);
  return texts;
}

async function checkServer(apiServer: string): Promise<string> {
  const { hostAndPort } = await import('../daemon/config/config-value.ts');
  await checkValue('--api-server', hostAndPort(), apiServer);
  return apiServer;
}

/** As the configuration has it. @throws WeftError `usage` */
async function checkValue(option: string, schema: GenericSchema, text: string): Promise<void> {
  const { safeParse } = await import('valibot');
  const result = safeParse(schema, text);
  if (!result.success) throw new WeftError('usage', `${option}: ${result.issues[0].message}`);
}

/** Content for the Secret. @throws ConfigError, WeftError `usage` for a file without keys */
async function keysOf(file: string | undefined): Promise<string> {
  const { generateKey, readKeyFile } = await import('../daemon/gossip/key-file.ts');
  if (file === undefined) return `${generateKey()}\n`;
  readKeyFile(file);
  const { readFileSync } = await import('node:fs');
  return readFileSync(file, 'utf8');
}
