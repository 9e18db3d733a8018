import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { PcapngWriter } from '../../src/capture/pcapng-writer.ts';
import type { CaptureClient, OpenCapture } from '../../src/cli/capture-client.ts';
import { CaptureFiles } from '../../src/cli/capture-files.ts';
import { CaptureLines, type CaptureLine } from '../../src/cli/capture-lines.ts';
import { CaptureRun } from '../../src/cli/capture-run.ts';
import type { CaptureSpec } from '../../src/daemon/capture-api.ts';
import { WeftError } from '../../src/errors.ts';
import { blocksOf, packetsOf } from '../support/captured.ts';
import { ipPacket, udpDatagram } from '../support/ip-packet.ts';

const SECOND = 1_767_225_600;
const packet = ipPacket({
  source: [10, 244, 1, 2],
  destination: [10, 244, 2, 2],
  protocol: 17,
  transport: udpDatagram(Array.from({ length: 40 }, () => 1)),
});
const section = { hardware: 'x64', os: 'Linux', application: 'weft' };

interface FakeNode {
  readonly offsetNs?: number;
  /** Of its packets, in ms after {@link SECOND} by its own clock. */
  readonly atMs: readonly number[];
  readonly lost?: number;
  /** Goes on until it is ended. */
  readonly isEndless?: true;
  readonly refusal?: WeftError;
}

/** A daemon whose nodes have captured already. */
function fakeClient(nodes: Readonly<Record<string, FakeNode>>) {
  const asked: CaptureSpec[] = [];
  const ended: string[] = [];
  const open = async (spec: CaptureSpec): Promise<OpenCapture> => {
    asked.push(spec);
    const name = spec.node ?? 'n1';
    const { offsetNs = 0, atMs, lost = 0, isEndless, refusal } = nodes[name]!;
    if (refusal !== undefined) throw refusal;
    const writer = new PcapngWriter(section, new TextEncoder());
    const interfaceId = writer.interface({ name: `${name}/from-pod` });
    for (const [index, ms] of atMs.entries()) {
      const time = { seconds: SECOND, nanoseconds: ms * 1_000_000 };
      const comment = 'weft verdict=drop reason=no-route';
      writer.packet({ interfaceId, ...time, bytes: packet, lengthBytes: packet.length, id: BigInt(index), comment });
    }
    const ending = Promise.withResolvers<void>();
    if (isEndless !== true) ending.resolve();
    async function* chunks(): AsyncGenerator<Uint8Array> {
      yield writer.take();
      await ending.promise;
      writer.statistics({
        interfaceId,
        seconds: SECOND + 1,
        nanoseconds: 0,
        received: atMs.length + lost,
        dropped: lost,
      });
      yield writer.take();
    }
    const head = { capture: 1, node: name, clockOffsetNs: offsetNs, clockUncertaintyNs: offsetNs === 0 ? 0 : 1_000 };
    const end = async (): Promise<void> => {
      ended.push(name);
      ending.resolve();
      await Promise.resolve();
    };
    return await Promise.resolve({ head, chunks: chunks(), end, close: () => undefined });
  };
  return { client: { open } as unknown as CaptureClient, asked, ended };
}

/** Runs a capture of these nodes into lines. */
function start(nodes: Readonly<Record<string, FakeNode>>, spec: CaptureSpec = {}, mayMiss = false) {
  const fake = fakeClient(nodes);
  let text = '';
  const said: string[] = [];
  const write = (more: string): boolean => {
    text += more;
    return true;
  };
  const output = new CaptureLines(true, { widthColumns: undefined, colour: false }, write);
  const names = Object.keys(nodes);
  const run = new CaptureRun({ ...fake, spec, nodes: names, mayMiss, output, say: (words) => said.push(words) });
  const lines = () => text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as CaptureLine]));
  return { ...fake, run, lines, said };
}

test('packets of several nodes come in the order of time, by the clock of the one that asks', async (t) => {
  // By its own clock n2 is 300 ms late, as it is that much ahead.
  const { run, lines } = start({ n1: { atMs: [100, 300] }, n2: { atMs: [500, 700], offsetNs: 300_000_000 } });
  t.deepEqual(await run.run(), { packets: 4, lost: 0 });
  t.deepEqual(
    lines().map(({ node, time }) => `${node} ${time.slice(19, 23)}`),
    ['n1 .100', 'n2 .200', 'n1 .300', 'n2 .400'],
  );
});

test('a line for programs has the packet in words, and what weft says of it', async (t) => {
  const { run, lines } = start({ n1: { atMs: [1] } });
  await run.run();
  t.deepEqual(lines()[0], {
    time: '2026-01-01T00:00:00.001000000Z',
    node: 'n1',
    hook: 'from-pod',
    direction: null,
    id: '0000000000000000',
    worker: null,
    lengthBytes: packet.length,
    packet: '10.244.1.2.40000 > 10.244.2.2.53: udp, 68 bytes',
    comment: { verdict: 'drop', reason: 'no-route' },
  });
});

test('it ends with so many packets, at whatever nodes, and has their captures ended in order', async (t) => {
  const { run, lines, ended, asked } = start(
    { n1: { atMs: [1, 2, 3], isEndless: true }, n2: { atMs: [4, 5, 6], isEndless: true } },
    { count: 4 },
  );
  t.deepEqual(await run.run(), { packets: 4, lost: 0 });
  t.is(lines().length, 4);
  t.deepEqual(ended.sort(), ['n1', 'n2']);
  t.deepEqual(asked, [
    { count: 4, node: 'n1' },
    { count: 4, node: 'n2' },
  ]);
});

test('what nodes lost is added up', async (t) => {
  const { run } = start({ n1: { atMs: [1], lost: 3 }, n2: { atMs: [], lost: 4 } });
  t.deepEqual(await run.run(), { packets: 1, lost: 7 });
});

test('of all nodes, those that refuse are named, and the others captured', async (t) => {
  const refusal = new WeftError('capture-remote-off', 'n2 does not allow it');
  const { run, said } = start({ n1: { atMs: [1] }, n2: { atMs: [], refusal } }, {}, true);
  t.deepEqual(await run.run(), { packets: 1, lost: 0 });
  t.true(said.includes('weft: without n2: n2 does not allow it\n'));
});

test('of nodes that were named, none may be missing', async (t) => {
  const refusal = new WeftError('capture-remote-off', 'n2 does not allow it');
  const { run } = start({ n1: { atMs: [1] }, n2: { atMs: [], refusal } });
  await t.throwsAsync(async () => run.run(), { code: 'capture-remote-off' });
});

test('files are begun anew when they are full; each can be read by itself, and the oldest go', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'weft-files-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const files = new CaptureFiles(join(directory, 'x.pcapng'), { sizeBytes: 1_000, files: 3 });
  const interfaceId = files.interface({ name: 'n1/drop' });
  for (let index = 0; index < 60; index++) {
    const time = { seconds: SECOND, nanoseconds: index };
    files.packet({ interfaceId, ...time, bytes: packet, lengthBytes: packet.length });
    if (index % 7 === 0) await files.flush();
  }
  await files.close();
  const names = readdirSync(directory).sort((a, b) => Number(/\d+/.exec(a)) - Number(/\d+/.exec(b)));
  t.is(names.length, 3);
  const times: number[] = [];
  for (const name of names) {
    t.is(statSync(join(directory, name)).mode & 0o777, 0o600);
    async function* whole(): AsyncGenerator<Uint8Array> {
      yield readFileSync(join(directory, name));
    }
    const packets = packetsOf(await blocksOf(whole()));
    t.true(packets.every(({ place }) => place === 'n1/drop'));
    times.push(...packets.map(({ nanoseconds }) => nanoseconds));
  }
  t.deepEqual(
    times,
    Array.from({ length: times.length }, (_, index) => 60 - times.length + index),
  );
});
