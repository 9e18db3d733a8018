import test from 'ava';
import { ClusterMatrix } from '../../../src/daemon/probes/matrix.ts';
import { EventLog } from '../../../src/daemon/process/event-log.ts';
import { Flows, parseFlowQuery } from '../../../src/daemon/explain/flows.ts';
import { PastMoments } from '../../../src/daemon/explain/past-moments.ts';
import { RecordedPackets } from '../../../src/daemon/explain/recorded-packets.ts';
import { parseToldDiagnoses } from '../../../src/daemon/remote/told-diagnosis.ts';
import { parseIpAddress } from '../../../src/wire/address.ts';
import { FakeCluster } from '../../support/fake-remote-nodes.ts';

/** What is said by a node of another version, or by one that does not mean well. */
const strange: readonly unknown[] = [null, 7, 'x', [], {}, { flows: null, nodes: 7, seen: 'x', findings: [7] }];
const found = {
  node: 'n1',
  time: '2026-01-03T04:00:00.000Z',
  checks: [{ check: 'clocks', outcome: 'found', reason: '' }],
  findings: [
    {
      id: 'clock-skew',
      severity: 'error',
      title: 'a',
      evidence: ['b'],
      cause: 'c',
      fix: { text: 'd', commands: ['e'], automatic: false },
    },
  ],
  fixed: [],
};
const nobodys = { entryNames: () => new Map(), routeTo: () => undefined };

for (const answer of strange) {
  const text = JSON.stringify(answer);

  test(`a node whose doctor says ${text} was not examined, and the others were`, (t) => {
    const { nodes, unexamined } = parseToldDiagnoses([
      { node: 'n1', answer: found },
      { node: 'n2', answer },
    ]);
    t.deepEqual(nodes, [{ ...found, through: '', findings: [{ ...found.findings[0], about: [] }] } as never]);
    t.like(unexamined, [{ node: 'n2', code: 'remote-unsupported' }]);
    t.is(unexamined.length, 1);
  });

  test(`a node that says ${text} of its flows hides those of no other`, async (t) => {
    const cluster = new FakeCluster();
    const recorded = new RecordedPackets(undefined, 0);
    const flows = new Flows({
      nodeName: 'n1',
      recorded,
      routes: nobodys,
      remote: cluster.node('n1'),
      titles: () => () => '',
    });
    cluster.node('n2').answer('flows', () => answer);
    const reports = await flows.report(parseFlowQuery(new URLSearchParams('all=true')));
    t.like(reports[0], { node: 'n1', error: '' });
    t.like(reports[1], { node: 'n2', flows: [] });
    t.regex(reports[1]!.error, /does not understand$/);
  });

  test(`a node that says ${text} of the past has said nothing`, async (t) => {
    const cluster = new FakeCluster();
    const remote = cluster.node('n1');
    cluster.node('n2').answer('around', () => answer);
    const recorded = new RecordedPackets(undefined, 0);
    const past = new PastMoments({ events: new EventLog(Date.now), recorded, routes: nobodys, remote });
    const [source, destination] = [parseIpAddress('10.244.1.2')!, parseIpAddress('10.244.2.2')!];
    const packet = { source, destination, protocol: 1, sourcePort: 0, destinationPort: 0, sizeBytes: 84 };
    const { nodes } = await past.around(packet, ['n2'], { fromMs: 0, toMs: 1 });
    t.like(nodes[0], { node: 'n2', seen: [], events: [] });
    t.regex(nodes[0]!.error, /does not understand$/);
  });

  test(`a node that measures ${text} is silent`, async (t) => {
    const cluster = new FakeCluster();
    const remote = cluster.node('n1');
    const pods = { all: async () => await Promise.resolve({ pods: [], silent: [] }) };
    const measurement = { measure: async () => await Promise.resolve({ from: 'n9', nodes: [], pods: [] }) };
    const matrix = new ClusterMatrix({
      remote,
      pods: pods as never,
      measurement: measurement as never,
      clusterPrefixes: [],
    });
    cluster.node('n2').answer('measure', () => answer);
    const { rows, silent } = await matrix.measure({});
    t.deepEqual(rows, [{ from: 'n1', nodes: [], pods: [], settling: [] }]);
    t.like(silent, [{ node: 'n2', code: 'remote-unsupported' }]);
  });
}

test('no node speaks for another', (t) => {
  const { nodes } = parseToldDiagnoses([{ node: 'n2', answer: found }]);
  t.is(nodes[0]!.node, 'n2');
});
