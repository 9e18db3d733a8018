/** `scripts/kubernetes`: a Kubernetes cluster on this machine, to try things in and to test with. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ConfigError } from '../../src/errors.ts';
import { ExitCode } from '../../src/terminal/exit-code.ts';
import { Cluster } from './cluster.ts';
import { partArguments, runHere, runMain, say, testsWanted } from './command-line.ts';
import { corednsProgram, endToEndTests, KUBERNETES_VERSION, kubernetesPrograms, pauseProgram } from './programs.ts';
import { chooseTests } from './end-to-end-choice.ts';
import { endToEndDocument } from './end-to-end-document.ts';
import { endToEndImages } from './end-to-end-images.ts';
import { lastTestReport, runEndToEndTests } from './end-to-end.ts';
import { clusterDirectory, loadCluster } from './places.ts';
import { policyDocument, type PolicyResults } from './policy-document.ts';
import { lastCyclonus, lastPolicyApiTests, runCyclonus, runPolicyApiTests } from './policy-suites.ts';
import { showProgress } from './progress.ts';
import { takeDown } from './removal.ts';
import { clusterStatus } from './status.ts';

const USAGE = `usage: sudo ./scripts/kubernetes [--yes] COMMAND [OPTIONS]

  up                   bring a cluster up; the first time this compiles Kubernetes, for 5 to 10 minutes
    --nodes N          number of nodes (2)
    --pod-network NET  weft, by its manifests; checkout, for daemons that run from here without an image;
                       ptp, for plain veth pairs and routes; or none (weft)
  build                compile what up needs, and no more
    --tests            and what e2e needs
  status               show nodes and programs
  kubectl ARGS         ask the cluster
  exec NODE COMMAND    run a command in a node, such as: exec n1 weft status
  e2e [TESTS]          run Kubernetes' own tests: conformance of networks, if nothing else is given;
                       ten, for a few of them; network, for all of [sig-network] that can run; or an expression
                       that names match
  cyclonus [TAG...]    run cyclonus, which tries network policies; all of it, or cases with one of these tags: conflict
  policy-api           run the conformance tests of network-policy-api
  document [policies]  print docs/kubernetes-tests.md, from what the last e2e network left; or docs/policy-tests.md,
                       from what the last cyclonus and policy-api left
  down                 take the cluster down, also what is left of one after a crash

  --name NAME          name of the cluster, before the command (weft)
  --yes                install missing system packages without asking
`;

const DEFAULT_NAME = 'weft';
const DEFAULT_NODES = '2';

const POD_NETWORKS = ['weft', 'checkout', 'ptp', 'none'] as const;

async function main(argv: readonly string[]): Promise<number> {
  const [own, rest] = partArguments(argv, ['kubectl', 'exec', 'e2e', 'cyclonus', 'document']);
  const { values, positionals } = read(own);
  if (values.help === true) return say(USAGE);
  const { name = DEFAULT_NAME } = values;
  const [command = '', ...more] = positionals;
  if (more.length > 0) throw new ConfigError('', `${more.join(' ')} is not understood; see --help`);
  switch (command) {
    case 'up':
      return await up(name, values.nodes, values['pod-network']);
    case 'build':
      return await build(values.tests === true);
    case 'down': {
      const { namespaces, processes, files } = await takeDown(name);
      if (namespaces + processes === 0 && !files) return say(`there was no cluster ${name}\n`);
      return say(`cluster ${name} is gone: ${namespaces} namespaces, ${processes} processes\n`);
    }
    case 'status':
      return say(await clusterStatus(await Cluster.open(name)));
    case 'kubectl': {
      const { api } = await Cluster.open(name);
      return await runHere(api.kubectlCommand(...rest));
    }
    case 'e2e':
      return await endToEnd(name, rest);
    case 'cyclonus':
      return await cyclonus(name, rest);
    case 'policy-api':
      return await policyApi(name);
    case 'document':
      return document(name, rest);
    case 'exec': {
      const [node = '', ...words] = rest;
      if (words.length === 0) throw new ConfigError('', 'exec needs a node and a command: exec n1 weft status');
      // As in a lab, `weft` is that of the checkout, unless another one is installed.
      process.env['PATH'] += `:${join(import.meta.dirname, '../../scripts')}`;
      return await runHere((await Cluster.open(name)).node(node).inside(words));
    }
    default:
      process.stderr.write(USAGE);
      return ExitCode.usage;
  }
}

async function build(withTests: boolean): Promise<number> {
  const progress = showProgress();
  const directory = await kubernetesPrograms(progress.step);
  await pauseProgram(progress.step);
  await corednsProgram(progress.step);
  if (withTests) {
    await endToEndTests(progress.step);
    await endToEndImages(progress.step);
  }
  progress.end();
  return say(`Kubernetes ${KUBERNETES_VERSION} is in ${directory}\n`);
}

async function endToEnd(name: string, words: readonly string[]): Promise<number> {
  const tests = chooseTests(testsWanted(words, 'conformance'));
  return await runEndToEndTests((await Cluster.open(name)).tested, tests, showProgress().step);
}

async function cyclonus(name: string, tags: readonly string[]): Promise<number> {
  const { tested, directory } = await Cluster.open(name);
  const code = await runCyclonus(tested, tags, showProgress().step);
  return code === 0 ? tell(lastCyclonus(directory)) : code;
}

async function policyApi(name: string): Promise<number> {
  const { policyTested, directory } = await Cluster.open(name);
  await runPolicyApiTests(policyTested, showProgress().step);
  return tell(lastPolicyApiTests(directory));
}

/** Prints what failed, and how much there was. */
function tell({ tests }: PolicyResults): number {
  const failed = tests.filter(({ outcome }) => outcome === 'failed');
  for (const { name } of failed) say(`failed: ${name}\n`);
  say(`${tests.length - failed.length} of ${tests.length} passed\n`);
  return failed.length === 0 ? ExitCode.ok : ExitCode.failure;
}

function document(name: string, [what, ...more]: readonly string[]): number {
  if (more.length > 0 || (what !== undefined && what !== 'policies'))
    throw new ConfigError('', 'document takes nothing, or policies');
  const directory = clusterDirectory(name);
  const { nodes } = loadCluster(name);
  if (what === 'policies') {
    const [cyclonusTests, api] = [lastCyclonus(directory), lastPolicyApiTests(directory)];
    return say(policyDocument({ cyclonus: cyclonusTests, api, version: KUBERNETES_VERSION, nodes }));
  }
  const { cases, date } = lastTestReport(directory);
  return say(endToEndDocument(cases, { version: KUBERNETES_VERSION, nodes, date }));
}

async function up(name: string, nodes = DEFAULT_NODES, network: string = POD_NETWORKS[0]): Promise<number> {
  const podNetwork = POD_NETWORKS.find((one) => one === network);
  if (podNetwork === undefined) {
    throw new ConfigError('--pod-network', `there is no ${network}; there are ${POD_NETWORKS.join(', ')}`);
  }
  const interruption = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interruption.abort());
  const progress = showProgress();
  const cluster = await Cluster.up({ name, nodes: Number(nodes), podNetwork }, progress.step, interruption.signal);
  progress.end();
  const of = name === DEFAULT_NAME ? '' : ` --name ${name}`;
  return say(`cluster ${name} is up: ${cluster.nodes.length} nodes on ${podNetwork}

  export KUBECONFIG=${cluster.kubeconfig}
      for any client on this machine, as root
  sudo ./scripts/kubernetes${of} kubectl get pods -A
  sudo ./scripts/kubernetes${of} exec n1 weft status
  sudo ./scripts/kubernetes${of} down
`);
}

function read(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  const options = { help: flag, tests: flag, name: text, nodes: text, 'pod-network': text } as const;
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    throw new ConfigError('', (error as Error).message);
  }
}

await runMain(main);
