/**
 * `npm run bench:kubernetes`: how long it takes until pods that are made at once are all Ready, in a cluster on weft, beside the same cluster on
 * ptp with host-local. Both are up all the time, and take turns.
 */
import { parseArgs } from 'node:util';
import { formatTable } from '../src/terminal/table.ts';
import { Cluster } from '../test/cluster/cluster.ts';
import { sleepingDeployment } from '../test/cluster/sleeping-pods.ts';
import { exitWith, interruption, listenForSignals } from './interruption.ts';
import { showProgress } from './progress.ts';
import { median } from './statistics.ts';

const NODES = 2;
/** As many as a kubelet takes, less those of the cluster itself. */
const MOST_PODS = NODES * 100;
/** What all pods may take to come, or to go, before that counts as failed. */
const DEADLINE = '600s';

const usage = `usage: sudo npm run bench:kubernetes -- [OPTIONS]

  --pods N     how many are made at once (100)
  --rounds N   how often (3)
`;

/** A cluster, and what was measured in it, in ms, by round. */
interface Candidate {
  readonly title: string;
  readonly podNetwork: 'weft' | 'ptp';
  readonly cluster: Cluster;
  readonly readyMs: number[];
  readonly goneMs: number[];
}

const titles = { weft: 'weft', ptp: 'ptp and host-local' } as const;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { pods: { type: 'string' }, rounds: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
  });
  const [pods, rounds] = [Number(values.pods ?? 100), Number(values.rounds ?? 3)];
  if (values.help === true || !(pods > 0 && pods <= MOST_PODS) || !(rounds > 0)) {
    process.stdout.write(usage);
    return values.help === true ? 0 : 2;
  }
  listenForSignals();
  await using cleanUp = new AsyncDisposableStack();
  const candidates: Candidate[] = [];
  for (const podNetwork of ['weft', 'ptp'] as const) {
    const name = `bench-${podNetwork}`;
    showProgress(`bringing up a cluster on ${titles[podNetwork]}`);
    const cluster = await Cluster.up({ name, nodes: NODES, podNetwork }, showProgress, interruption);
    cleanUp.defer(async () => await cluster.down());
    candidates.push({ title: titles[podNetwork], podNetwork, cluster, readyMs: [], goneMs: [] });
  }
  for (let round = 0; round < rounds; round++) {
    const first = round % candidates.length;
    for (const candidate of [...candidates.slice(first), ...candidates.slice(0, first)]) {
      showProgress(`round ${round + 1} of ${rounds}: ${pods} pods on ${candidate.title}`);
      await measure(candidate, pods);
      interruption.throwIfAborted();
    }
  }
  process.stdout.write(report(candidates, pods));
  return 0;
}

/** Makes the pods, all by one Deployment, and takes them away again. */
async function measure({ cluster, readyMs, goneMs }: Candidate, pods: number): Promise<void> {
  const { api } = cluster;
  await api.apply([sleepingDeployment('many', 0)]);
  readyMs.push(
    await timeMs(async () => {
      await api.kubectl('scale', 'deployment', 'many', `--replicas=${pods}`);
      const ready = `--for=jsonpath={.status.readyReplicas}=${pods}`;
      await api.kubectl('wait', ready, 'deployment/many', `--timeout=${DEADLINE}`);
    }),
  );
  goneMs.push(
    await timeMs(async () => {
      await api.kubectl('scale', 'deployment', 'many', '--replicas=0');
      await api.kubectl('wait', '--for=delete', 'pod', '-l', 'app=many', `--timeout=${DEADLINE}`);
    }),
  );
}

function report(candidates: readonly Candidate[], pods: number): string {
  const columns = ['WHAT', `${pods} READY, S`, 'OF EACH ROUND', `${pods} GONE, S`, 'OF EACH ROUND'];
  const rows = candidates.map(({ title, readyMs, goneMs }) => [title, ...cells(readyMs), ...cells(goneMs)]);
  return formatTable(
    columns.map((title) => ({ title })),
    rows,
    { widthColumns: undefined, colour: false },
  );
}

function cells(timesMs: readonly number[]): string[] {
  return [seconds(median(timesMs)), timesMs.map(seconds).join(' ')];
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(1);
}

async function timeMs(work: () => Promise<void>): Promise<number> {
  const beginMs = performance.now();
  await work();
  return performance.now() - beginMs;
}

await exitWith(main);
