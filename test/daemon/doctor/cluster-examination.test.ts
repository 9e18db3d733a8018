import test from 'ava';
import { examineCluster } from '../../../src/daemon/doctor/cluster-examination.ts';
import type { RemoteNodes } from '../../../src/daemon/remote/remote-nodes.ts';
import { WeftError } from '../../../src/errors.ts';
import type { AboutNode, Finding } from '../../../src/doctor/finding.ts';
import { FakeCluster } from '../../support/fake-remote-nodes.ts';

const nowMs = Date.parse('2026-01-03T12:02:00.000Z');

function finding(id: string, ...others: readonly string[]): Finding {
  const about: AboutNode[] = others.map((node) => ({ node, evidence: [`${node} it is`] }));
  const fix = { text: 'do it', commands: [], automatic: false };
  return {
    id,
    severity: 'error',
    title: id,
    evidence: about.flatMap(({ evidence }) => evidence),
    cause: '',
    fix,
    about,
  };
}

/** What each node finds, and what `doctor-of` gives there: the other node's findings, where it reaches that one. */
function clusterOf(
  findings: Readonly<Record<string, readonly Finding[]>>,
  reaches: (from: string, to: string) => boolean,
) {
  const cluster = new FakeCluster();
  const remotes = new Map<string, RemoteNodes>();
  for (const [name, found] of Object.entries(findings)) {
    const remote = cluster.node(name);
    remotes.set(name, remote);
    const diagnosis = { time: '2026-01-03T12:02:00.000Z', checks: [], findings: found, fixed: [] };
    remote.answer('doctor', () => diagnosis);
    remote.answer('doctor-of', (body) => {
      const { node } = body as { node: string };
      if (!reaches(name, node)) throw new WeftError('remote-unreachable', `node ${node}: no answer within 5 s`);
      return { ...diagnosis, findings: findings[node] };
    });
    remote.answer('doctor-witness', () => ({
      state: 'dead',
      sinceAgoMs: 50_000,
      incarnation: 3,
      gossipEndpoint: '198.18.0.3:7948',
      endpoint: '',
      knowsSenders: true,
      heardAgoMs: 55_000,
      pinged: false,
      refusal: 'no answer within 5 s',
      probes: null,
    }));
  }
  return { cluster, n1: remotes.get('n1')! };
}

/** As n1 is asked for it. */
const examined = async ({ n1 }: ReturnType<typeof clusterOf>) =>
  examineCluster({ remote: n1, self: 'n1', isKnown: (node) => /^n[1-4]$/.test(node), nowMs: () => nowMs });

test('a link that is cut is one finding: the other end is asked through a third node', async (t) => {
  const made = clusterOf(
    { n1: [finding('path-cut', 'n3')], n2: [], n3: [finding('path-cut', 'n1')] },
    (from, to) => from === 'n2' && to === 'n3',
  );
  made.cluster.silent.add('n3');
  const report = await examined(made);
  t.like(report.shared, { length: 1, 0: { id: 'path-cut', nodes: ['n1', 'n3'], seenBy: ['n1', 'n3'] } });
  t.deepEqual(
    report.nodes.map(({ node, through }) => [node, through]),
    [
      ['n1', ''],
      ['n2', ''],
      ['n3', 'n2'],
    ],
  );
  t.deepEqual([report.unexamined, report.healthy], [[], false]);
});

test('a node that nobody reaches is one finding, whatever was seen of the ways to it', async (t) => {
  const made = clusterOf({ n1: [finding('node-dead', 'n3')], n2: [finding('path-cut', 'n3')], n3: [] }, () => false);
  made.cluster.silent.add('n3');
  const report = await examined(made);
  t.like(report.shared, { length: 1, 0: { id: 'node-dead', nodes: ['n3'], seenBy: ['n1', 'n2'] } });
  t.true(report.nodes.every(({ findings }) => findings.length === 0));
  t.deepEqual(
    report.unexamined.map(({ node }) => node),
    ['n3'],
  );
});

test('while another node could not be asked, nobody speaks for all', async (t) => {
  const made = clusterOf({ n1: [finding('node-dead', 'n4')], n2: [], n3: [] }, () => false);
  made.cluster.silent.add('n2');
  const report = await examined(made);
  const [dead] = report.shared.filter(({ nodes }) => nodes[0] === 'n4');
  t.regex(dead!.title, /heard by none of those that were asked since/);
});

test('a node that only another one speaks of is not asked about', async (t) => {
  const made = clusterOf({ n1: [], n2: [finding('node-dead', 'n9; reboot')] }, () => false);
  const report = await examined(made);
  t.false(made.cluster.asked.some((asked) => asked.startsWith('doctor-witness')));
  t.deepEqual(
    report.shared.map(({ seenBy }) => seenBy),
    [['n2']],
  );
});

test('who alone is left knows nothing of the others', async (t) => {
  const made = clusterOf({ n1: [finding('node-dead', 'n2', 'n3')] }, () => false);
  const report = await examined(made);
  t.deepEqual(report.shared, []);
  t.like(report.nodes[0]!.findings, { length: 1, 0: { id: 'node-dead' } });
});

test('where each node that answers is itself at fault, others are not accused', async (t) => {
  const made = clusterOf({ n1: [finding('underlay-lost')], n2: [] }, () => false);
  made.cluster.silent.add('n2');
  const report = await examined(made);
  t.deepEqual(report.shared, []);
  t.is(report.unexamined.length, 1);
});

test('witnesses that answer something else are not believed', async (t) => {
  const made = clusterOf({ n1: [finding('node-dead', 'n3')], n2: [finding('node-dead', 'n3')] }, () => false);
  const odd = made.cluster.node('n2');
  odd.answer('doctor', () => ({ time: '', checks: [], findings: [finding('node-dead', 'n3')], fixed: [] }));
  odd.answer('doctor-witness', () => ({ state: 'asleep' }));
  const report = await examined(made);
  t.like(report.shared, { length: 1, 0: { seenBy: ['n1'] } });
  t.regex(report.shared[0]!.title, /none of those that were asked/);
});
