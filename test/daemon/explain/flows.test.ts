import { setImmediate as turn } from 'node:timers/promises';
import test from 'ava';
import { Flows, parseFlowQuery } from '../../../src/daemon/explain/flows.ts';
import type { OverlayRoutes } from '../../../src/forwarding/overlay-routes.ts';
import { RecordedPackets } from '../../../src/daemon/explain/recorded-packets.ts';
import type { RemoteAnswerer, RemoteNodes } from '../../../src/daemon/remote/remote-nodes.ts';
import { DropReason } from '../../../src/dataplane/drop-reason.ts';
import {
  FlightRecorder,
  type FlightRecorderMemory,
  createFlightRecorderMemory,
} from '../../../src/dataplane/flight-recorder.ts';
import { Hook } from '../../../src/dataplane/hook.ts';
import { echoRequest, ipPacket } from '../../support/ip-packet.ts';
import { pod } from '../../support/overlay-node.ts';

const there = ipPacket({ source: pod.a4, destination: pod.b4, protocol: 1, transport: echoRequest(4, [1]) });
const back = ipPacket({ source: pod.b4, destination: pod.a4, protocol: 1, transport: echoRequest(4, [1]) });
const nowhere = ipPacket({ source: pod.a4, destination: pod.c4, protocol: 1, transport: echoRequest(4, [1]) });
const BACK_AT = 1_000;
const NOWHERE_AT = 2_000;
const DAY_MS = 86_400_000;
const START_MS = Date.now() - DAY_MS;

/** A recorder of one worker, which has seen a request, an answer in two turns, a drop, and a datagram that was none. */
function recordedMemory(): FlightRecorderMemory {
  const bytes = new Uint8Array(3_000);
  bytes.set(there, 0);
  bytes.set(back, BACK_AT);
  bytes.set(nowhere, NOWHERE_AT);
  const memory = createFlightRecorderMemory(0, 1);
  const recorder = new FlightRecorder({
    memory: bytes,
    recorder: memory,
    worker: 0,
    forwarding: { generation: 1 },
    readTime: (time) => time.set(process.hrtime()),
  });
  recorder.forwarded(Hook.toUnderlay, 0, 12, 0, there.length, 1, 0);
  recorder.forwarded(Hook.toPod, 1, 12, BACK_AT, back.length, 1, 0);
  recorder.endTurn();
  recorder.forwarded(Hook.toPod, 1, 12, BACK_AT, back.length, 2, 0);
  recorder.dropped(0, 0, NOWHERE_AT, nowhere.length, 1, 0, DropReason.noRoute);
  recorder.refused(0, 0, 5, 1, 0, DropReason.vxlanTruncated);
  recorder.endTurn();
  return memory;
}

const routes: Pick<OverlayRoutes, 'routeTo' | 'entryNames'> = {
  entryNames: () => new Map([[12, { name: 'n2', relay: 'n3' }]]),
  routeTo: ({ bytes }) => {
    if (bytes[2] !== 2) return undefined;
    const [prefix, node, network] = ['10.244.2.0/24', 'n2', 'default'];
    const route = { prefix, node, network, kind: 'gossip', origin: '', version: 1, way: 'direct', relay: '', via: '' };
    return { ...route, since: '' } as ReturnType<OverlayRoutes['routeTo']>;
  },
};

function titleAt(address: string): string {
  return address === '10.244.2.2' ? 'n2/db' : '';
}

function flowsOf(memory: FlightRecorderMemory | undefined): Flows {
  let own: RemoteAnswerer | undefined;
  const answerer = async (question: unknown): Promise<unknown> => own!(question, { name: 'n1', identity: '' });
  const remote = {
    answer: (_question: string, given: RemoteAnswerer) => void (own = given),
    ask: async (_node: string, _question: string, body: unknown) => answerer(body),
    askAll: async (_question: string, body: unknown) => [
      { node: 'n1', answer: await answerer(body) },
      { node: 'n2', error: { code: 'remote-unreachable', message: 'nobody answers' } },
    ],
  };
  const recorded = new RecordedPackets(memory, START_MS);
  return new Flows({
    nodeName: 'n1',
    recorded,
    routes,
    remote: remote as unknown as RemoteNodes,
    titles: () => titleAt,
  });
}

function request(text: string) {
  return parseFlowQuery(new URLSearchParams(text));
}

test('flows are counted by what became of them, with names and routes', async (t) => {
  const [report] = await flowsOf(recordedMemory()).report(request(''));
  t.like(report, { node: 'n1', error: '', omitted: 0 });
  for (const { source, sourcePod, destination, destinationPod } of report!.flows) {
    t.is(sourcePod, source === '10.244.2.2' ? 'n2/db' : '');
    t.is(destinationPod, destination === '10.244.2.2' ? 'n2/db' : '');
  }
  t.true(report!.flows.some(({ destinationPod }) => destinationPod === 'n2/db'));
  t.is(report!.packetsSince, new Date(START_MS).toISOString());
  const facts = report!.flows.map(({ verdict, reason, packets, bytes, destination, peer, relay, route, origin }) =>
    [verdict, reason, packets, bytes, destination, peer, relay, route, origin].join(),
  );
  t.deepEqual(facts.sort(), [
    'delivered,,3,58,10.244.1.2,n2,n3,10.244.2.0/24,n2',
    'dropped,no-route,1,29,10.244.3.2,,,,',
    'sent,,1,29,10.244.2.2,n2,n3,10.244.2.0/24,n2',
  ]);
  const ages = report!.flows.map(({ first, last }) => [Date.now() - Date.parse(first), Date.now() - Date.parse(last)]);
  t.true(
    ages.every(([first, last]) => first! >= last! && last! > -1_000 && first! < 60_000),
    JSON.stringify(ages),
  );
});

test('what was dropped, the last few, and what was seen lately can be asked for alone', async (t) => {
  const flows = flowsOf(recordedMemory());
  const dropped = await flows.report(request('dropped=true'));
  t.deepEqual(
    dropped[0]!.flows.map(({ reason }) => reason),
    ['no-route'],
  );
  const [few] = await flows.report(request('limit=1'));
  t.is(few!.flows.length, 1);
  t.is(few!.omitted, 2);
  const future = new Date(Date.now() + DAY_MS).toISOString();
  t.deepEqual((await flows.report(request(`since=${future}`)))[0]!.flows, []);
});

test('without a recorder there are no flows, and that is said', async (t) => {
  const [report] = await flowsOf(undefined).report(request(''));
  t.like(report, { packetsSince: '', dropsSince: '', flows: [] });
});

test('of all nodes, those that do not answer are there with the reason', async (t) => {
  const reports = await flowsOf(recordedMemory()).report(request('all=true'));
  t.deepEqual(
    reports.map(({ node, error }) => [node, error]),
    [
      ['n1', ''],
      ['n2', 'nobody answers'],
    ],
  );
});

test('what each node answers is looked at in a turn of its own', async (t) => {
  const log: string[] = [];
  const told = { packetsSince: '', dropsSince: '', flows: [], omitted: 0 };
  const outcomes = ['n1', 'n2', 'n3'].map((node) => ({
    node,
    get answer() {
      log.push(node);
      return told;
    },
  }));
  const remote = { answer: () => undefined, askAll: async () => await Promise.resolve(outcomes) };
  const recorded = new RecordedPackets(undefined, START_MS);
  const flows = new Flows({
    nodeName: 'n1',
    recorded,
    routes,
    remote: remote as unknown as RemoteNodes,
    titles: () => () => '',
  });
  const reports = flows.report(request('all=true'));
  while (!log.includes('n3')) {
    await turn();
    log.push('turn');
  }
  t.is((await reports).length, 3);
  t.regex(log.join(' '), /n1 turn .*n2 turn .*n3/);
});

test('two look through the recorder at a time, and a third one when one of them is done', async (t) => {
  const recorded = new RecordedPackets(recordedMemory(), START_MS);
  const taken: number[] = [];
  await Promise.all([0, 1, 2].map(async (who) => recorded.each({ fromMs: 0, toMs: Infinity }, () => taken.push(who))));
  t.true(taken.indexOf(1) < taken.lastIndexOf(0), taken.join(' '));
  t.true(taken.indexOf(2) > taken.lastIndexOf(0), taken.join(' '));
  t.is(taken.filter((who) => who === 2).length, taken.filter((who) => who === 0).length);
});

for (const [query, problem] of [
  ['colour=red', /colour: is not a known key/],
  ['limit=0', /limit: 0 is not/],
  ['limit=10001', /limit: 10001 is not/],
  ['all=yes', /all: yes is neither/],
  ['since=today', /since: today is not a time/],
  ['address=10.244.1.2,web', /address: web is not an address/],
] as const) {
  test(`the query ${query} is refused`, (t) => {
    t.throws(() => request(query), { code: 'config-invalid', message: problem });
  });
}
