import test from 'ava';
import type { CaptureWish } from '../../../src/daemon/capture/capture-slots.ts';
import type { Place } from '../../../src/daemon/places/places.ts';
import type { TraceRequest } from '../../../src/api/trace-api.ts';
import { TraceNode, TraceQuestion } from '../../../src/daemon/probes/trace-node.ts';
import { parseTraceRequest, Tracer } from '../../../src/daemon/probes/tracer.ts';
import { Hook } from '../../../src/dataplane/hook.ts';
import { TAP_HEADER_BYTES, TapField, TapForm } from '../../../src/dataplane/tap-record.ts';
import { createTapRingMemory, type TapRingMemory, TapRingWriter } from '../../../src/dataplane/tap-ring.ts';
import { SystemCallError } from '../../../src/errors.ts';
import { resolveRoutes } from '../../../src/routing/resolve-routes.ts';
import { formatIpAddress, parseIpAddress } from '../../../src/wire/address.ts';
import { identityOf, memberOf, prefix } from '../../support/announcements.ts';
import { FakeCluster } from '../../support/fake-remote-nodes.ts';
import { recordOf } from '../../support/tap-record-bytes.ts';

const clusterPrefixes = [prefix('10.244.0.0/16')];
const RING_BYTES = 65_536;

const find = async (label: string): Promise<Place> => {
  const address = parseIpAddress(label)!;
  const node = `n${address.bytes.at(-2)!}`;
  const isKnown = Number(node.slice(1)) <= 3;
  return await Promise.resolve({
    kind: 'address',
    label,
    node: isKnown ? node : '',
    addresses: [address],
    remark: '',
  });
};

/** Nodes n1 to n3, of which the first passes what it sends straight into the rings of all. */
/** A kernel that says nothing. */
const silentKernel = {
  begin: async () => Promise.resolve(),
  end: async () => Promise.resolve({ kernel: [], kernelProblem: '' }),
};

function setUp(relay = '') {
  const cluster = new FakeCluster();
  const members = [memberOf(1), memberOf(2), memberOf(3)];
  const running = new Map<string, { wish: CaptureWish; ring: TapRingMemory }>();
  const clients: string[] = [];
  const sent: string[] = [];
  let refusal: Error | undefined;
  const record = (node: string, hook: Hook, packet: Uint8Array): void => {
    const found = running.get(node);
    if (found === undefined) return;
    const writer = new TapRingWriter(found.ring);
    const bytes = recordOf(TapForm.inner, packet, { hook });
    const lengthBytes = TAP_HEADER_BYTES + packet.length;
    const at = writer.reserve(lengthBytes);
    // The length stands there already.
    writer.bytes.set(bytes.subarray(TapField.hook, lengthBytes), at + TapField.hook);
    writer.commit();
  };
  const nodes = members.map((self, index) => {
    const nodeName = `n${index + 1}`;
    const others = members.filter((member) => member !== self);
    const { routes } = resolveRoutes({ self, members: others, staticPeers: [], clusterPrefixes });
    return new TraceNode({
      nodeName,
      identity: nodeName,
      remote: cluster.node(nodeName),
      slots: {
        begin: (wish) => {
          clients.push(`${nodeName}: ${wish.client}`);
          const ring = createTapRingMemory(RING_BYTES);
          running.set(nodeName, { wish, ring });
          return { capture: index + 1, spec: wish.spec, rings: [ring], podAddresses: undefined, maxBytes: undefined };
        },
        end: () => running.delete(nodeName),
      },
      obeyed: async () => await Promise.resolve(),
      routes: {
        inUse: routes,
        waysTo: (key) => ({
          direct: key === identityOf(3) ? 3 : 2,
          relayed: relay !== '' && key === identityOf(3) ? { relay, peer: 9 } : undefined,
        }),
      },
      prefixes: { current: () => self.announcement.prefixes },
      clusterPrefixes,
      kernel: silentKernel,
      send: (packet, _source, destination) => {
        if (refusal !== undefined) throw refusal;
        sent.push(`${nodeName} to ${formatIpAddress(destination)}, ${packet.length} bytes`);
        record('n1', Hook.fromPod, packet);
        record('n3', Hook.toPod, packet);
      },
    });
  });
  const tracer = new Tracer({ remote: cluster.node('asking'), places: { find } as never });
  const refuse = (error: Error): void => void (refusal = error);
  return { cluster, running, clients, sent, refuse, tracer, nodes };
}

const request: TraceRequest = { source: '10.244.1.2', destination: '10.244.3.2' };

test('both ends listen before anything is sent, and nobody does afterwards', async (t) => {
  const { tracer, sent, running, clients } = setUp();
  const { probes, nodes } = await tracer.trace(request);
  t.deepEqual(sent, ['n1 to 10.244.3.2, 84 bytes']);
  t.deepEqual(
    probes[0]!.steps.map(({ node, hook }) => `${node} ${hook}`),
    ['n1 from-pod', 'n3 to-pod'],
  );
  t.is(probes[0]!.fate, 'delivered');
  t.deepEqual(
    nodes.map(({ node }) => node),
    ['n1', 'n3'],
  );
  t.deepEqual(clients, ['n1: weft trace on asking', 'n3: weft trace on asking']);
  t.is(running.size, 0);
});

test('a relay on the way listens as well', async (t) => {
  const { nodes } = await setUp('n2').tracer.trace(request);
  t.deepEqual(
    nodes.map(({ node }) => node),
    ['n1', 'n3', 'n2'],
  );
});

test('clocks are compared with that of the source, whoever asks', async (t) => {
  const { cluster, tracer } = setUp();
  cluster.clocks.set('n1', { offsetNs: 7_000_000, uncertaintyNs: 100 });
  cluster.clocks.set('n3', { offsetNs: 5_000_000, uncertaintyNs: 200 });
  const { nodes } = await tracer.trace(request);
  t.deepEqual(
    nodes.map(({ clockOffsetNs, clockUncertaintyNs }) => [clockOffsetNs, clockUncertaintyNs]),
    [
      [0, 0],
      [-2_000_000, 300],
    ],
  );
});

test('where nobody can listen it is said, and the trace goes on', async (t) => {
  const { cluster, tracer } = setUp();
  cluster.silent.add('n3');
  const { nodes, probes } = await tracer.trace(request);
  t.is(nodes[1]!.problem, 'no answer within 5 s');
  t.deepEqual(
    probes[0]!.steps.map(({ node }) => node),
    ['n1'],
  );
});

test('without the node of the source there is no trace', async (t) => {
  const { cluster, tracer, running } = setUp();
  cluster.silent.add('n1');
  await t.throwsAsync(async () => tracer.trace(request), { code: 'remote-unreachable' });
  t.is(running.size, 0);
});

test('from an address at no node nobody can send', async (t) => {
  const { tracer } = setUp();
  await t.throwsAsync(async () => tracer.trace({ ...request, source: '10.244.9.2' }), { code: 'trace-no-source' });
});

test('a packet between two pods of one node is sent as well: its kernel says what it does', async (t) => {
  const { tracer, sent } = setUp();
  const { nodes } = await tracer.trace({ ...request, destination: '10.244.1.3' });
  t.deepEqual(
    nodes.map(({ node }) => node),
    ['n1'],
  );
  t.is(sent.length, 1);
});

test('a packet that the kernel finds too long is a mistake of whoever asked', async (t) => {
  const { tracer, refuse, running } = setUp();
  refuse(new SystemCallError('sendto', 'EMSGSIZE', 'send the packet'));
  await t.throwsAsync(async () => tracer.trace(request), { code: 'config-invalid', message: /^sizeBytes: .*MTU/ });
  t.is(running.size, 0);
});

const told = {
  source: '10.244.1.2',
  destination: '10.244.3.2',
  protocol: 1,
  sourcePort: 0,
  destinationPort: 0,
  sizeBytes: 84,
  mark: 1,
};
const refused: Readonly<Record<string, object>> = {
  'from the address of another node': { source: '10.244.2.2' },
  'to an address that is not of the overlay': { destination: '192.0.2.1' },
  'of another protocol': { protocol: 47 },
  'between two families': { destination: 'fd00::1' },
  'that does not hold its headers': { sizeBytes: 20 },
  'with bits of its number in its mark': { protocol: 6, destinationPort: 80, mark: 0x10_01 },
  'from what is no address': { source: 'x' },
};

for (const [what, change] of Object.entries(refused)) {
  test(`another node cannot have a packet sent ${what}`, async (t) => {
    const { cluster, sent } = setUp();
    const other = cluster.node('other');
    const send = async (): Promise<void> => {
      const { listener } = await other.ask<{ listener: number }>('n1', TraceQuestion.begin, { ...told, ...change });
      await other.ask('n1', TraceQuestion.send, { listener, number: 1 });
    };
    await t.throwsAsync(send, { code: 'config-invalid' });
    t.deepEqual(sent, []);
  });
}

test('nothing is sent for a trace that is over', async (t) => {
  const { cluster } = setUp();
  const other = cluster.node('other');
  const { listener } = await other.ask<{ listener: number }>('n1', TraceQuestion.begin, told);
  await other.ask('n1', TraceQuestion.end, { listener });
  await t.throwsAsync(async () => other.ask('n1', TraceQuestion.send, { listener, number: 1 }), { code: 'trace-over' });
});

test('at the end of the daemon all listening ends', async (t) => {
  const { cluster, running, nodes } = setUp();
  await cluster.node('other').ask('n1', TraceQuestion.begin, told);
  t.is(running.size, 1);
  nodes[0]!.close();
  t.is(running.size, 0);
});

test('a request names two ends, and may say what kind of packet', (t) => {
  const parsed = { ...request, protocol: 'tcp', destinationPort: 443, family: 4, count: 3, sizeBytes: 100 };
  t.deepEqual(parseTraceRequest(JSON.stringify(parsed)), parsed as never);
  t.throws(() => parseTraceRequest('{"source":"n1"}'), { message: /^destination: / });
  t.throws(() => parseTraceRequest(JSON.stringify({ ...request, protocol: 'gre' })), {
    message: /^protocol: is none of/,
  });
  t.throws(() => parseTraceRequest(JSON.stringify({ ...request, count: 32 })), { message: 'count: is above 31' });
  t.throws(() => parseTraceRequest(JSON.stringify({ ...request, port: 1 })), { message: 'port: is not a known key' });
});

test('a node that tells of a trace what is not understood has seen nothing', async (t) => {
  const { cluster, tracer } = setUp();
  const strange = cluster.node('n3');
  strange.answer(TraceQuestion.begin, () => ({ listener: 1, next: [] }));
  strange.answer(TraceQuestion.end, () => ({ sightings: [{ number: 1, timeNs: 'soon' }], lost: 0 }));
  const { probes } = await tracer.trace(request);
  t.deepEqual(
    probes[0]!.steps.map(({ node }) => node),
    ['n1'],
  );
  strange.answer(TraceQuestion.begin, () => ({ listener: 'x' }));
  const { nodes } = await tracer.trace(request);
  t.regex(nodes[1]!.problem, /does not understand$/);
});
