import { setImmediate as turn } from 'node:timers/promises';
import test from 'ava';
import { ClusterPods } from '../../../src/daemon/places/cluster-pods.ts';
import type { Echo, PingedWay } from '../../../src/api/ping-api.ts';
import { ClusterMatrix, parseMatrixRequest } from '../../../src/daemon/probes/matrix.ts';
import { answersOf, Measurement } from '../../../src/daemon/probes/measurement.ts';
import { formatIpAddress } from '../../../src/wire/address.ts';
import { prefix } from '../../support/announcements.ts';
import { FakeCluster, nobodyTells } from '../../support/fake-remote-nodes.ts';
import { fixedPod } from '../../support/fixed-handlers.ts';

const answered: Echo = { roundTripMs: 0.5, problem: '' };
const clusterPrefixes = [prefix('10.244.0.0/16')];
const lost: Echo = { roundTripMs: null, problem: '' };

/** A measurement in which all is answered but what `loses` names. */
function measurementOf(
  nodeName: string,
  loses: (what: string, round: number) => boolean,
  relay?: string,
  aliveForMs: (node: string) => number | undefined = () => 60_000,
) {
  const rounds = new Map<string, number>();
  const probe = (what: string): Echo => {
    const round = (rounds.get(what) ?? 0) + 1;
    rounds.set(what, round);
    return loses(what, round) ? lost : answered;
  };
  const tunnel = async (node: string): Promise<PingedWay[]> =>
    await Promise.resolve([
      { way: 'data-port' as const, to: node, ...probe(node) },
      ...(relay === undefined ? [] : [{ way: 'relay' as const, to: relay, ...answered }]),
    ]);
  const echoes = { echo: async (address: never) => await Promise.resolve(probe(formatIpAddress(address))) };
  return new Measurement({
    nodeName,
    ways: { tunnel } as never,
    echoes: echoes as never,
    clusterPrefixes,
    aliveForMs,
  });
}

function clusterOf(names: readonly string[], loses: (from: string, what: string, round: number) => boolean) {
  const cluster = new FakeCluster();
  const matrices = names.map((name, index) => {
    const remote = cluster.node(name);
    const pods = new ClusterPods(
      remote,
      name,
      () => [
        { ...fixedPod, name: 'web', addresses: [`10.244.${index}.2`] },
        { ...fixedPod, name: 'old', addresses: [`10.244.${index}.3`], state: 'gone' },
      ],
      nobodyTells,
    );
    const measurement = measurementOf(name, (what, round) => loses(name, what, round));
    return new ClusterMatrix({ remote, pods, measurement, clusterPrefixes });
  });
  return { cluster, matrix: matrices[0]! };
}

test('every node is asked for every other one and for all pods that run', async (t) => {
  const { matrix } = clusterOf(['n1', 'n2', 'n3'], () => false);
  const { nodes, pods, rows, silent, asked, lossy, count } = await matrix.measure({ count: 2 });
  t.deepEqual(nodes, ['n1', 'n2', 'n3']);
  t.deepEqual(pods, ['n1/web', 'n2/web', 'n3/web']);
  t.deepEqual(
    rows.map((row) => [row.from, row.nodes.map(({ node }) => node).join(' '), row.pods.length]),
    [
      ['n1', 'n2 n3', 3],
      ['n2', 'n1 n3', 3],
      ['n3', 'n1 n2', 3],
    ],
  );
  t.deepEqual([silent, asked, lossy, count], [[], 15, 0, 2]);
  t.like(rows[0]!.nodes[0], { sent: 2, lost: 0, minMs: 0.5, meanMs: 0.5, relay: '' });
});

test('every node is asked for one pod alone, if that is named', async (t) => {
  const { matrix } = clusterOf(['n1', 'n2'], () => false);
  const { pods, rows, asked } = await matrix.measure({ count: 1, addresses: ['10.244.0.2'] });
  t.is(pods.length, 1);
  t.deepEqual(
    rows.map((row) => [row.nodes.length, row.pods.map(({ address }) => address).join(' ')]),
    [
      [0, '10.244.0.2'],
      [0, '10.244.0.2'],
    ],
  );
  t.is(asked, 2);
  await t.throwsAsync(async () => matrix.measure({ addresses: ['10.244.9.9'] }), {
    code: 'config-invalid',
    message: /^addresses: no pod that runs has 10\.244\.9\.9$/,
  });
});

test('what was lost once is lossy', async (t) => {
  const { matrix } = clusterOf(
    ['n1', 'n2'],
    (from, what, round) => from === 'n2' && what === '10.244.0.2' && round === 2,
  );
  const { rows, lossy } = await matrix.measure({ count: 3 });
  t.is(lossy, 1);
  t.like(rows[1]!.pods[0], { pod: 'n1/web', sent: 3, lost: 1, meanMs: 0.5 });
});

test('a node that cannot be asked is named, and still asked for', async (t) => {
  const { cluster, matrix } = clusterOf(['n1', 'n2'], (_, what) => what === 'n2');
  cluster.silent.add('n2');
  const { rows, silent, lossy } = await matrix.measure({ count: 1 });
  t.deepEqual(
    rows.map(({ from }) => from),
    ['n1'],
  );
  t.like(silent[0], { node: 'n2', code: 'remote-unreachable' });
  t.is(lossy, 1);
});

test('a pod address beyond the cluster that a node tells is a problem of that pod alone', async (t) => {
  const { cluster, matrix } = clusterOf(['n1', 'n2'], () => false);
  cluster.node('n3').answer('pods', () => [{ name: 'odd', addresses: ['192.0.2.1', 'x'], state: 'running' }]);
  const { rows, silent, asked, lossy } = await matrix.measure({ count: 2 });
  t.deepEqual(
    rows.map(({ from, pods }) => [from, ...pods.map(({ pod, sent, lost, problem }) => [pod, sent, lost, problem])]),
    ['n1', 'n2'].map((from) => [
      from,
      ['n1/web', 2, 0, ''],
      ['n2/web', 2, 0, ''],
      ['n3/odd', 2, 2, '192.0.2.1 is no address of the cluster'],
      ['n3/odd', 2, 2, 'x is no address of the cluster'],
    ]),
  );
  // Nothing answers for n3, which is no node of weft.
  t.deepEqual([silent.map(({ node }) => node), asked, lossy], [['n3'], 12, 4]);
});

test('two orders are carried out at a time, and the others after them', async (t) => {
  const cluster = new FakeCluster();
  const remote = cluster.node('n1');
  const begun: (() => void)[] = [];
  const measure = async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    begun.push(resolve);
    await promise;
    return { from: 'n1', nodes: [], pods: [] };
  };
  const matrix = new ClusterMatrix({
    remote,
    pods: new ClusterPods(remote, 'n1', () => [], nobodyTells),
    measurement: { measure } as never,
    clusterPrefixes,
  });
  const answers = Promise.all(Array.from({ length: 5 }, async () => matrix.measure({})));
  for (let ended = 0; ended < 4; ended++) {
    await turn();
    t.is(begun.length, Math.min(5, 2 + ended));
    begun[ended]!();
  }
  begun[4]!();
  t.is((await answers).length, 5);
});

test('where packets go through a relay, that way counts, and is named', async (t) => {
  const measurement = measurementOf('n1', (what) => what === 'n2', 'n3');
  const { nodes } = await measurement.measure({ count: 2, nodes: ['n1', 'n2'], pods: [] });
  t.deepEqual(nodes, [{ node: 'n2', relay: 'n3', sent: 2, lost: 0, minMs: 0.5, meanMs: 0.5, problem: '' }]);
});

const refused: Readonly<Record<string, unknown>> = {
  'an address beyond the cluster': { count: 1, nodes: [], pods: [{ pod: 'x', address: '192.0.2.1' }] },
  'what is no address': { count: 1, nodes: [], pods: [{ pod: 'x', address: 'x' }] },
  'too many probes': { count: 21, nodes: [], pods: [] },
  'no probe': { count: 0, nodes: [], pods: [] },
  'too many nodes': { count: 1, nodes: Array.from({ length: 1_025 }, () => 'x'), pods: [] },
  'what is no order': 'x',
};

for (const [what, order] of Object.entries(refused)) {
  test(`for another node ${what} is not probed`, async (t) => {
    const measurement = measurementOf('n1', () => false);
    await t.throwsAsync(async () => measurement.measure(order), { code: 'config-invalid' });
  });
}

test('many pods are asked for in several orders', async (t) => {
  const cluster = new FakeCluster();
  const remote = cluster.node('n1');
  const many = Array.from({ length: 450 }, (_, index) => ({
    ...fixedPod,
    name: `p${index}`,
    addresses: [`10.244.${index >> 8}.${index & 0xff}`],
  }));
  const pods = new ClusterPods(remote, 'n1', () => many, nobodyTells);
  const matrix = new ClusterMatrix({ remote, pods, measurement: measurementOf('n1', () => false), clusterPrefixes });
  const { rows, asked } = await matrix.measure({ count: 1 });
  t.is(rows[0]!.pods.length, 450);
  t.is(asked, 450);
  t.is(cluster.asked.filter((question) => question === 'measure n1').length, 2);
});

test('answers are summed up', (t) => {
  const refusal = { roundTripMs: null, problem: '10.0.0.1 says: no' };
  t.deepEqual(answersOf([answered, lost, { roundTripMs: 1, problem: '' }, refusal]), {
    sent: 4,
    lost: 2,
    minMs: 0.5,
    meanMs: 0.75,
    problem: '10.0.0.1 says: no',
  });
  t.deepEqual(answersOf([lost]), { sent: 1, lost: 1, minMs: null, meanMs: null, problem: '' });
});

test('a request says how often, or nothing', (t) => {
  t.deepEqual(parseMatrixRequest(''), {});
  t.deepEqual(parseMatrixRequest('{"count":5}'), { count: 5 });
  t.throws(() => parseMatrixRequest('{"count":0}'), { message: 'count: is not 1 to 20' });
  t.throws(() => parseMatrixRequest('{"often":1}'), { message: 'often: is not a known key' });
});

test('nodes that were met seconds ago, or not yet, are said to be settling', async (t) => {
  const known: Readonly<Record<string, number>> = { old: 60_000, young: 5_000 };
  const measurement = measurementOf(
    'n1',
    () => false,
    undefined,
    (node) => known[node],
  );
  const { settling } = await measurement.measure({ count: 1, nodes: ['n1', 'old', 'young', 'stranger'], pods: [] });
  t.deepEqual(settling, ['young', 'stranger']);
});
