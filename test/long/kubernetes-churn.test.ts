/**
 * A Kubernetes cluster on weft's manifests that does not come to rest: updates, nodes that die, are drained, deleted and renamed, and everything
 * killed at random. Each test leaves the cluster as the next one needs it. `SEED=...` repeats a run of the last but one, as far as a cluster can.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { parseAllDocuments } from 'yaml';
import type { Peer, Pod, Status } from '../../src/api/control-api.ts';
import { manifests, type ManifestSource } from '../../src/cli/kubernetes-manifest.ts';
import { namespacePath } from '../../src/lab/lab-directory.ts';
import { processesInNamespaces, signalProcess, type ProcessIdentity } from '../../src/lab/process-identity.ts';
import { bareAddress } from '../../src/lab/topology.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { untilAtRest } from '../cluster/agreement.ts';
import { Cluster } from '../cluster/cluster.ts';
import { addKubelet } from '../cluster/credentials.ts';
import { POD_RANGES } from '../cluster/node-configuration.ts';
import type { ClusterNode } from '../cluster/node.ts';
import { weft } from '../cluster/pod-network.ts';
import { sleepingDeployment, sleepingPod } from '../cluster/sleeping-pods.ts';
import { WEFT_IMAGE } from '../cluster/weft-image.ts';
import { Program, runProgram } from '../support/program.ts';
import { runsSlowTests, slowTest } from '../support/slow-test.ts';
import { uniqueLabName } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

/** Compiling Kubernetes, if that was not done before, and a test that waits for all that it kills. */
const COMPILE_DEADLINE_MS = 30 * 60_000;
const TEST_DEADLINE_MS = 20 * 60_000;

/** Until the kubelet has started what it waits longer and longer for, up to five minutes, on a busy machine. */
const DEADLINE_MS = 10 * 60_000;

/** How long everything is killed at random. */
const CHURN_MS = 5 * 60_000;

/** Longest and shortest breaks between two kills, and of what was killed. */
const BREAK_MS = [2_000, 12_000] as const;
const DOWN_MS = [500, 10_000] as const;

/** Most that an update may cost the pings between two nodes, which takes 2 s on a machine that has the time. */
const MOST_SILENCE_MS = 60_000;
const PING_INTERVAL_MS = 50;

const seed = Number(process.env['SEED'] ?? Date.now() % 100_000);
const repository = join(import.meta.dirname, '..', '..');

/** Names of Node objects after one of them was renamed. */
const names = { n2: 'n2-renamed' };

let cluster: Cluster;

test.before(async (t) => {
  if (!runsSlowTests) return;
  t.timeout(COMPILE_DEADLINE_MS);
  cluster = await Cluster.up({ name: uniqueLabName(), nodes: 2, podNetwork: 'weft' });
});

test.beforeEach((t) => t.timeout(TEST_DEADLINE_MS));

test.after.always(async () => {
  await cluster?.down();
});

async function untilReady(...pods: readonly string[]): Promise<void> {
  const names = pods.map((name) => `pod/${name}`);
  await cluster.api.kubectl('wait', '--for=condition=Ready', `--timeout=${DEADLINE_MS / 1_000}s`, ...names);
}

async function untilNodesReady(): Promise<void> {
  await until('all nodes are ready', async () => await cluster.isReady(), DEADLINE_MS);
  await cluster.api.kubectl('-n', 'weft', 'rollout', 'status', 'daemonset/weft', `--timeout=${DEADLINE_MS / 1_000}s`);
}

/** Waits until weft and Kubernetes agree. @param renamed Node objects that have not the names of their nodes */
async function untilAgreed(renamed: Readonly<Record<string, string>> = {}): Promise<void> {
  await untilAtRest(cluster, { names: renamed, deadlineMs: DEADLINE_MS });
}

/** How many of the node's ends of pods' cables there are. */
async function countDevices(node: ClusterNode): Promise<number> {
  const links = await node.exec('ip', '-o', 'link', 'show', 'type', 'veth');
  return links.split('\n').filter((line) => /^\d+: wf/.test(line)).length;
}

async function statusOf(node: string): Promise<Status> {
  return JSON.parse(await cluster.weft(node, 'status', '--json')) as Status;
}

/** Waits until the daemon of a node answers. */
async function answer(node: string): Promise<Status> {
  let status: Status | undefined;
  await until(
    `weft of ${node} answers`,
    async () => {
      const { exitCode, stdout } = await cluster.node(node).try(...weft, 'status', '--json');
      if (exitCode === 0) status = JSON.parse(stdout) as Status;
      return status !== undefined;
    },
    DEADLINE_MS,
  );
  return status!;
}

/** A command in the network of a pod, as arguments of a process: the programs are those of the machine. */
async function inNetworkOf(name: string, node: ClusterNode, ...argv: readonly string[]): Promise<string[]> {
  const pods = JSON.parse(await cluster.weft(node.name, 'pod', 'list', '--json')) as Pod[];
  const found = pods.find((one) => one.name === name);
  if (found === undefined) throw new Error(`weft of ${node.name} has no pod ${name}`);
  return node.inNetwork(found.netns, argv);
}

async function addressOf(name: string): Promise<string> {
  return (await cluster.api.kubectl('get', 'pod', name, '-o', 'jsonpath={.status.podIP}')).trim();
}

/** Whether a pod reaches another one, over the whole way. */
async function untilReached(from: string, node: ClusterNode, to: string): Promise<void> {
  const ping = await inNetworkOf(from, node, 'ping', '-n', '-q', '-c', '1', '-W', '2', await addressOf(to));
  await until(`${from} reaches ${to}`, async () => (await runProgram(ping)).exitCode === 0, DEADLINE_MS);
}

function start(argv: readonly string[]): Program {
  const [program = '', ...args] = argv;
  return new Program(spawn(program, args, { stdio: 'pipe' }), argv.join(' '));
}

/** The daemons of a node, one or, in an update, two: processes of the machine, which sees into containers. */
function daemonsOf(node: ClusterNode): ProcessIdentity[] {
  return processesInNamespaces([namespacePath(node.plan.netns)]).filter(({ pid }) =>
    /^\/opt\/weft\/bin\/node .*\/main\.js daemon /.test(commandLineOf(pid)),
  );
}

/** With a space behind each argument; empty: it has ended. */
function commandLineOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

/** Of a manifest, in the order of their kinds: no two of ours are of one kind. */
function objects(manifest: string): object[] {
  return parseAllDocuments(manifest)
    .map((document) => document.toJS() as { kind: string })
    .toSorted((a, b) => a.kind.localeCompare(b.kind));
}

slowTest('kustomize makes of the files what weft prints', async (t) => {
  for (const source of [
    'base',
    'overlays/kind',
    'overlays/lab',
    'overlays/alongside',
    'reset',
  ] satisfies ManifestSource[]) {
    const made = await cluster.api.kubectl('kustomize', join(repository, 'deploy/kubernetes', source));
    t.deepEqual(objects(made), objects(manifests(source)), source);
  }
});

slowTest('an update keeps a connection, and costs few pings', async (t) => {
  const [n1, n2] = [cluster.node('n1'), cluster.node('n2')];
  await cluster.api.apply([sleepingPod('a', 'n1'), sleepingPod('b', 'n2')]);
  await untilReady('a', 'b');
  await untilReached('b', n2, 'a');
  const address = await addressOf('a');
  const server = start(await inNetworkOf('a', n1, 'socat', 'TCP-LISTEN:7100,reuseaddr', 'EXEC:cat'));
  await sleep(1_000);
  const client = start(await inNetworkOf('b', n2, 'socat', 'STDIO', `TCP:${address}:7100`));
  const says = async (line: string): Promise<void> => {
    client.child.stdin.write(`${line}\n`);
    await until(`the line "${line}" comes back`, () => client.stdout.endsWith(`${line}\n`), DEADLINE_MS);
  };
  await says('before');
  const pids = [...daemonsOf(n1), ...daemonsOf(n2)].map(({ pid }) => pid);
  t.is(pids.length, 2);
  const interval = `${PING_INTERVAL_MS / 1_000}`;
  const ping = start(await inNetworkOf('b', n2, 'ping', '-n', '-O', '-D', '-i', interval, address));
  await cluster.api.kubectl('-n', 'weft', 'rollout', 'restart', 'daemonset/weft');
  await says('meanwhile');
  await untilNodesReady();
  await says('after');
  t.deepEqual(client.stdout.trim().split('\n'), ['before', 'meanwhile', 'after']);
  const { stdout } = await ping.end('SIGINT');
  const gapsMs = silencesMs(stdout);
  t.log(`pings between the nodes were silent for ${gapsMs.join(', ')} ms`);
  const silenceMs = gapsMs.reduce((sum, ms) => sum + ms, 0);
  t.true(silenceMs < MOST_SILENCE_MS, `${silenceMs} ms`);
  const now = [...daemonsOf(n1), ...daemonsOf(n2)].map(({ pid }) => pid);
  t.is(now.length, 2);
  t.false(now.some((pid) => pids.includes(pid)));
  await Promise.all([client.end(), server.end()]);
  await untilAgreed();
});

/** From one answer of `ping -D` to the next, where that was more than a few intervals, in ms. */
function silencesMs(output: string): number[] {
  const times = [...output.matchAll(/^\[(\d+\.\d+)\] \d+ bytes from/gm)].map(([, at]) => Number(at) * 1_000);
  const gaps = times.slice(1).map((at, index) => Math.round(at - times[index]!));
  return gaps.filter((ms) => ms > 4 * PING_INTERVAL_MS);
}

slowTest('weft is started again on all nodes while the API is away', async (t) => {
  const [n1, n2] = [cluster.node('n1'), cluster.node('n2')];
  await cluster.api.endApi();
  for (const node of [n1, n2]) {
    const [daemon] = daemonsOf(node);
    signalProcess(daemon!, 'SIGTERM');
    await until(
      `another daemon runs on ${node.name}`,
      () => daemonsOf(node).some(({ pid }) => pid !== daemon!.pid),
      DEADLINE_MS,
    );
    const { kubernetes, nodePrefixes } = await answer(node.name);
    t.false(kubernetes!.reachable, node.name);
    t.is(nodePrefixes.length, 2);
  }
  const pods = JSON.parse(await cluster.weft('n1', 'pod', 'list', '--json')) as Pod[];
  const to = pods.find(({ name }) => name === 'a')!.addresses[0]!.split('/')[0]!;
  const ping = await inNetworkOf('b', n2, 'ping', '-n', '-q', '-c', '1', '-W', '2', to);
  await until('b reaches a', async () => (await runProgram(ping)).exitCode === 0, DEADLINE_MS);
  await cluster.api.startApi();
  for (const { name } of [n1, n2])
    await until(`${name} watches the API`, async () => (await statusOf(name)).kubernetes!.reachable, DEADLINE_MS);
  await untilNodesReady();
  await untilAgreed();
});

slowTest('a node that is drained has no pods, and takes some again', async (t) => {
  await cluster.api.apply([sleepingDeployment('moving', 4)]);
  await cluster.api.kubectl('rollout', 'status', 'deployment/moving', `--timeout=${DEADLINE_MS / 1_000}s`);
  const options = ['--ignore-daemonsets', '--delete-emptydir-data', '--force', `--timeout=${DEADLINE_MS / 1_000}s`];
  await cluster.api.kubectl('drain', 'n2', ...options);
  await until('no device of a pod is left', async () => (await countDevices(cluster.node('n2'))) === 0, DEADLINE_MS);
  await untilAgreed();
  t.deepEqual(JSON.parse(await cluster.weft('n2', 'pod', 'list', '--json')), []);
  await cluster.api.kubectl('uncordon', 'n2');
  await cluster.api.apply([sleepingPod('b', 'n2')]);
  await untilReady('b');
  await untilReached('b', cluster.node('n2'), 'a');
});

slowTest('a node that dies has its pods again when it is back', async (t) => {
  const n2 = cluster.node('n2');
  await n2.kill();
  await until('n1 takes it for dead', async () => (await statusOf('n1')).gossip.members.dead === 1, DEADLINE_MS);
  await bringBack(n2);
  await untilNodesReady();
  await until('its daemon is alive for n1', async () => (await statusOf('n1')).gossip.members.alive === 2, DEADLINE_MS);
  await untilReady('b');
  await untilReached('b', n2, 'a');
  await untilAgreed();
  t.deepEqual(
    (await peersOf('n1')).map(({ name, state }) => `${name} ${state}`),
    ['n2 alive'],
  );
});

/** Starts a node that was killed. It registers as `name`. */
async function bringBack(node: ClusterNode, name = node.name): Promise<void> {
  await node.start([]);
  node.startKubelet({}, name);
  node.startProxy(name);
}

slowTest('a node that is deleted is forgotten, and comes back as a new one', async (t) => {
  const n2 = cluster.node('n2');
  await n2.kill();
  await cluster.api.kubectl('delete', 'node', 'n2');
  await until('n1 has forgotten it', async () => (await peersOf('n1')).length === 0, DEADLINE_MS);
  await cluster.api.kubectl('delete', 'pods', '--force', '--field-selector', 'spec.nodeName=n2');
  await bringBack(n2);
  await untilNodesReady();
  await cluster.api.apply([sleepingPod('b', 'n2')]);
  await untilReady('b');
  await untilReached('b', n2, 'a');
  await untilAgreed();
  t.deepEqual(
    (await peersOf('n1')).map(({ name }) => name),
    ['n2'],
  );
});

async function peersOf(node: string): Promise<Peer[]> {
  return JSON.parse(await cluster.weft(node, 'peers', '--json')) as Peer[];
}

slowTest('a node that gets another name is the same node to the others', async (t) => {
  const n2 = cluster.node('n2');
  const { identity } = await statusOf('n2');
  await n2.kill();
  await cluster.api.endApi();
  addKubelet(cluster.api.credentials, cluster.api.url, names.n2);
  await cluster.api.startApi();
  await cluster.api.kubectl('delete', 'node', 'n2');
  await cluster.api.kubectl('delete', 'pods', '--force', '--field-selector', 'spec.nodeName=n2');
  await bringBack(n2, names.n2);
  await untilNodesReady();
  await until(
    'n1 knows it by its new name alone',
    async () => (await peersOf('n1')).map(({ name }) => name).join() === names.n2,
    DEADLINE_MS,
  );
  t.is((await statusOf('n2')).identity, identity);
  await cluster.api.apply([sleepingPod('b', names.n2)]);
  await untilReady('b');
  await untilReached('b', n2, 'a');
  await untilAgreed(names);
});

slowTest('kubectl shows that less passes between nodes than should', async (t) => {
  const onSwitch = ['nsenter', `--net=${namespacePath(cluster.plan.switchNetns)}`, '--', 'nft'];
  const chain = 'chain clip { type filter hook forward priority 1; udp dport 4789 meta length > 1300 drop; }';
  (await runProgram([...onSwitch, `add table bridge clip; table bridge clip { ${chain}; }`])).succeeded();
  await untilEvent('PathMTUSmall', 'n1');
  (await runProgram([...onSwitch, 'delete table bridge clip'])).succeeded();
  t.regex(await cluster.api.kubectl('describe', 'node', 'n1'), /PathMTUSmall.*packets to n2-renamed/);
});

slowTest('kubectl shows that two nodes have the same prefix', async (t) => {
  const { netns, gatewayAddresses } = cluster.plan.world;
  const directory = mkdtempSync(join(tmpdir(), 'weft-stranger-'));
  const inWorld = (...argv: readonly string[]): string[] => ['nsenter', `--net=${namespacePath(netns)}`, '--', ...argv];
  const secret = await cluster.api.kubectl(
    '-n',
    'weft',
    'get',
    'secret',
    'weft-gossip-key',
    '-o',
    'jsonpath={.data.*}',
  );
  writeFileSync(join(directory, 'key'), Buffer.from(secret, 'base64'), { mode: 0o600 });
  const { nodePrefixes } = await statusOf('n1');
  const configuration = {
    nodeName: 'stranger',
    clusterPrefixes: POD_RANGES,
    nodePrefixes,
    underlay: { address: bareAddress(gatewayAddresses[0]!) },
    gossip: { seeds: [cluster.node('n1').addresses[0]], keyFile: join(directory, 'key') },
    stateDir: join(directory, 'state'),
    control: { socket: join(directory, 'weft.sock') },
    metrics: { address: 'off' },
  };
  const file = join(directory, 'weft.yaml');
  // JSON is YAML, too.
  writeFileSync(file, JSON.stringify(configuration));
  const stranger = start(inWorld(...weft, 'daemon', '--config', file));
  try {
    await untilEvent('PrefixConflict', 'n1');
    t.regex(await cluster.api.kubectl('describe', 'node', 'n1'), /PrefixConflict.*stranger/);
  } finally {
    await stranger.end();
    const places = ['--state-dir', join(directory, 'state'), '--control-socket', join(directory, 'weft.sock')];
    (await runProgram(inWorld(...weft, 'reset', '--yes', ...places))).succeeded();
    rmSync(directory, { recursive: true });
  }
  await until('n1 has forgotten it', async () => {
    await cluster.node('n1').try(...weft, 'peer', 'forget', 'stranger');
    return (await peersOf('n1')).map(({ name }) => name).join() === names.n2;
  });
  await untilReached('b', cluster.node('n2'), 'a');
});

interface EventList {
  readonly items: readonly { readonly reason: string; readonly involvedObject: { readonly name: string } }[];
}

/** Waits for an event of weft on a Node. */
async function untilEvent(reason: string, node: string): Promise<void> {
  const holds = async (): Promise<boolean> => {
    const { items } = await cluster.api.get<EventList>('events', '-A');
    return items.some((one) => one.reason === reason && one.involvedObject.name === node);
  };
  await until(`there is an event ${reason} of ${node}`, holds, DEADLINE_MS);
}

/** Something that is killed, and what brings it back. */
interface Victim {
  readonly title: string;
  readonly kill: () => Promise<void> | void;
  readonly revive: () => Promise<void> | void;
}

function victims(): Victim[] {
  const { api, nodes } = cluster;
  return [
    { title: 'API server', kill: async () => await api.endApi(), revive: async () => await api.startApi() },
    ...nodes.flatMap((node): Victim[] => {
      const nameOfNode = node.name === 'n2' ? names.n2 : node.name;
      return [
        {
          title: `kubelet of ${node.name}`,
          kill: async () => await node.background.end('SIGKILL', 'kubelet'),
          revive: () => node.startKubelet({}, nameOfNode),
        },
        {
          title: `containerd of ${node.name}`,
          kill: async () => await node.background.end('SIGKILL', 'containerd'),
          revive: async () => await node.startContainerd(),
        },
        {
          title: `weft of ${node.name}`,
          kill: () => daemonsOf(node).forEach((daemon) => signalProcess(daemon, 'SIGKILL')),
          // The kubelet starts it again.
          revive: () => {},
        },
      ];
    }),
  ];
}

slowTest(`nothing is left of pods that come and go while everything is killed (SEED=${seed})`, async (t) => {
  const random = new SeededRandom(seed);
  const between = (least: number, most: number): number => least + (random.uint32() % (most - least + 1));
  const { api } = cluster;
  await api.apply([sleepingDeployment('moving', 0)]);
  const endsAtMs = performance.now() + CHURN_MS;
  const killed: string[] = [];
  const churn = async (): Promise<void> => {
    for (let count = 0; performance.now() < endsAtMs; count++) {
      // What the API does not hear now, it is told the next time.
      await api.try('scale', 'deployment', 'moving', `--replicas=${between(0, 8)}`, '--request-timeout=5s');
      await sleep(between(...BREAK_MS));
    }
  };
  const kill = async (): Promise<void> => {
    const all = victims();
    while (performance.now() < endsAtMs) {
      const { title, kill: strike, revive } = all[random.uint32() % all.length]!;
      killed.push(title);
      await strike();
      await sleep(between(...DOWN_MS));
      await revive();
      await sleep(between(...BREAK_MS));
    }
  };
  await Promise.all([churn(), kill()]);
  t.log(
    `killed: ${[...Map.groupBy(killed, (title) => title)].map(([title, times]) => `${title} ${times.length}`).join(', ')}`,
  );
  await untilNodesReady();
  await api.kubectl('scale', 'deployment', 'moving', '--replicas=6');
  await api.kubectl('rollout', 'status', 'deployment/moving', `--timeout=${DEADLINE_MS / 1_000}s`);
  await untilReady('a', 'b');
  await untilReached('b', cluster.node('n2'), 'a');
  await untilAgreed(names);
  await api.kubectl('delete', 'deployment', 'moving');
  await api.kubectl('delete', 'pod', '--all', `--timeout=${DEADLINE_MS / 1_000}s`);
  await untilAgreed(names);
  t.pass();
});

slowTest('removed as the documentation says, weft leaves nothing on a node', async (t) => {
  const { api, nodes } = cluster;
  const seconds = `--timeout=${DEADLINE_MS / 1_000}s`;
  await api.kubectl('-n', 'weft', 'delete', 'daemonset', 'weft', seconds);
  await until('no daemon runs', () => nodes.every((node) => daemonsOf(node).length === 0), DEADLINE_MS);
  await api.apply(manifests('reset', { image: WEFT_IMAGE, pullPolicy: 'Never' }));
  await api.kubectl('-n', 'weft', 'rollout', 'status', 'daemonset/weft-reset', seconds);
  await api.kubectl('delete', 'namespace', 'weft', seconds);
  await api.kubectl('delete', 'clusterrole,clusterrolebinding', 'weft');
  for (const node of nodes) {
    const links = await node.exec('ip', '-o', 'link');
    t.notRegex(links, /^\d+: (weft|wf)/m);
    t.is(await node.exec('ip', 'route', 'show', 'table', 'all', 'proto', '87'), '');
    t.is(await node.exec('ip', '-6', 'route', 'show', 'table', 'all', 'proto', '87'), '');
    t.notRegex(await node.exec('nft', 'list', 'tables'), /weft/);
    const files = ['/opt/cni/bin/weft-cni', '/etc/cni/net.d/10-weft.conflist', '/run/weft'];
    for (const file of files) t.not((await node.try('test', '-e', file)).exitCode, 0, file);
    // It is mounted here, and so stays.
    t.is(await node.exec('ls', '-A', '/var/lib/weft'), '');
  }
});
