/** `scripts/kind`: a cluster of kind on this machine with weft as its pod network. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ConfigError } from '../../src/errors.ts';
import { ExitCode } from '../../src/terminal/exit-code.ts';
import { partArguments, runHere, runMain, say, testsWanted } from '../cluster/command-line.ts';
import { chooseTests } from '../cluster/end-to-end-choice.ts';
import { runEndToEndTests } from '../cluster/end-to-end.ts';
import { showProgress } from '../cluster/progress.ts';
import { KindCluster, takeDown } from './kind-cluster.ts';
import { engineAnswers } from './machine-engine.ts';
import { PROVIDERS, type KindSpec } from './places.ts';

const USAGE = `usage: sudo ./scripts/kind [--yes] COMMAND [OPTIONS]

  up                  make a cluster with kind, install weft, wait until all is ready, check its network
    --nodes N         number of nodes (2)
    --provider NAME   docker or podman (docker)
    --own-engine      start a Docker engine for the cluster alone, and make all images here: no registry is
                      asked. So it is where Docker does not answer, too. The first time it takes 10 to 20 minutes
    --services        weft has the services of the cluster, and no kube-proxy; those of type LoadBalancer get
                      addresses of the engine's network, which this machine reaches
    --node-image IMG  image for the nodes, with the machine's engine; otherwise that of kind
  load                build weft's image again, give it to the nodes, and have the daemons replaced
  check               check the network of the cluster
  e2e [TESTS]         run Kubernetes' own tests, which needs Go: ten of conformance, if nothing else is given;
                      others as for scripts/kubernetes
  status              show nodes, and weft's pods
  exec COMMAND        run a command with the cluster and its engine at hand, such as: exec kubectl get pods -A
  down                remove the cluster, also what is left of one after a crash

  --name NAME         name of the cluster, before the command (weft)
  --yes               install missing system packages without asking
`;

const DEFAULT_NAME = 'weft';
const DEFAULT_NODES = '2';
const MAX_NODES = 9;

async function main(argv: readonly string[]): Promise<number> {
  const [own, rest] = partArguments(argv, ['exec', 'e2e']);
  const { values, positionals } = read(own);
  if (values.help === true) return say(USAGE);
  const { name = DEFAULT_NAME } = values;
  const [command = '', ...more] = positionals;
  if (more.length > 0) throw new ConfigError('', `${more.join(' ')} is not understood; see --help`);
  switch (command) {
    case 'up':
      return await up(await specOf(name, values));
    case 'load': {
      const progress = showProgress();
      await (await KindCluster.open(name)).load(progress.step);
      progress.end();
      return ExitCode.ok;
    }
    case 'check':
      return await (await KindCluster.open(name)).check();
    case 'e2e':
      return await endToEnd(name, rest);
    case 'status':
      return say(await statusOf(await KindCluster.open(name)));
    case 'exec': {
      if (rest.length === 0) throw new ConfigError('', 'exec needs a command: exec kubectl get pods -A');
      // `weft` is that of the checkout, unless another one is installed.
      process.env['PATH'] += `:${join(import.meta.dirname, '../../scripts')}`;
      return await runHere((await KindCluster.open(name)).inside(rest));
    }
    case 'down':
      return say((await takeDown(name)) ? `cluster ${name} is gone\n` : `there was no cluster ${name}\n`);
    default:
      process.stderr.write(USAGE);
      return ExitCode.usage;
  }
}

async function specOf(name: string, values: ReturnType<typeof read>['values']): Promise<KindSpec> {
  const { nodes = DEFAULT_NODES, provider: given = PROVIDERS[0] } = values;
  const nodeImage = values['node-image'];
  if (!/^\d$/.test(nodes) || Number(nodes) < 1) {
    throw new ConfigError('--nodes', `${nodes} is not a number from 1 to ${MAX_NODES}`);
  }
  const provider = PROVIDERS.find((one) => one === given);
  if (provider === undefined)
    throw new ConfigError('--provider', `there is no ${given}; there are ${PROVIDERS.join(', ')}`);
  const isDocker = provider === 'docker';
  const wantsOwn = values['own-engine'] === true;
  if (wantsOwn && !isDocker) throw new ConfigError('--own-engine', 'is Docker, and not podman');
  if (wantsOwn && nodeImage !== undefined)
    throw new ConfigError('--node-image', 'is for the engine of the machine: --own-engine makes one');
  if (values.services === true && !isDocker)
    throw new ConfigError('--services', 'was made for Docker, and not for podman');
  const hasOwnEngine = wantsOwn || (isDocker && nodeImage === undefined && !(await engineAnswers(provider)));
  return {
    name,
    nodes: Number(nodes),
    provider,
    hasOwnEngine,
    ...(nodeImage !== undefined && { nodeImage }),
    ...(values.services === true && { hasServices: true }),
  };
}

async function up(spec: KindSpec): Promise<number> {
  const interruption = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interruption.abort());
  const progress = showProgress();
  const cluster = await KindCluster.up(spec, progress.step, interruption.signal);
  progress.end();
  const code = await cluster.check();
  const of = spec.name === DEFAULT_NAME ? '' : ` --name ${spec.name}`;
  say(`
cluster ${spec.name} is up: ${spec.nodes} nodes on weft, in ${spec.hasOwnEngine ? 'an engine of its own' : spec.provider}
${spec.hasOwnEngine ? '' : `\n  export KUBECONFIG=${cluster.kubeconfig}`}
  sudo ./scripts/kind${of} exec kubectl get pods -A
  sudo ./scripts/kind${of} exec weft kubernetes check
  sudo ./scripts/kind${of} down
`);
  return code;
}

async function endToEnd(name: string, words: readonly string[]): Promise<number> {
  const tests = chooseTests(testsWanted(words, 'ten'));
  return await runEndToEndTests(await KindCluster.open(name), tests, showProgress().step);
}

async function statusOf(cluster: KindCluster): Promise<string> {
  const { name, provider, hasOwnEngine } = cluster.spec;
  const nodes = await cluster.try('kubectl', 'get', 'nodes', '-o', 'wide');
  if (nodes.exitCode !== 0) return `the API server of ${name} does not answer: ${nodes.stderr}`;
  const pods = await cluster.exec('kubectl', '--namespace', 'weft', 'get', 'pods', '-o', 'wide');
  const engine = hasOwnEngine ? 'an engine of its own' : provider;
  return `${nodes.stdout}\n${pods}\n${name} is in ${engine}\nKUBECONFIG=${cluster.kubeconfig}\n`;
}

function read(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  const options = {
    help: flag,
    name: text,
    nodes: text,
    provider: text,
    'own-engine': flag,
    'node-image': text,
    services: flag,
  } as const;
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    throw new ConfigError('', (error as Error).message);
  }
}

await runMain(main);
