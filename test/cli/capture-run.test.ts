import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import test from 'ava';
import { PcapngWriter } from '../../src/capture/pcapng-writer.ts';
import type { CaptureClient, OpenCapture } from '../../src/client/capture-client.ts';
import { CaptureFiles } from '../../src/cli/capture-files.ts';
import { CaptureLines, type CaptureLine } from '../../src/cli/capture-lines.ts';
import { CountedOutput } from '../../src/cli/capture-output.ts';
import { PodNames } from '../../src/cli/pod-names.ts';
import { CaptureRun } from '../../src/cli/capture-run.ts';
import type { CaptureSpec } from '../../src/api/capture-api.ts';
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
  const output = new CaptureLines(true, { widthColumns: undefined, colour: false }, new PodNames(), write);
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
    source: null,
    destination: null,
    packet: '10.244.1.2.40000 > 10.244.2.2.53: udp length 40, 68 bytes',
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

test('a file that cannot be written is refused when it is opened, and what another holds stays until there is more', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'weft-files-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const nowhere = new CaptureFiles(join(directory, 'none', 'x.pcapng'));
  await t.throwsAsync(nowhere.open(), { instanceOf: WeftError, code: 'usage', message: /^cannot write .*ENOENT/ });
  const path = join(directory, 'x.pcapng');
  writeFileSync(path, 'x'.repeat(10_000));
  const files = new CaptureFiles(path);
  await files.open();
  t.is(readFileSync(path, 'utf8'), 'x'.repeat(10_000));
  files.interface({ name: 'n1/drop' });
  await files.flush();
  await files.close();
  t.false(readFileSync(path, 'latin1').includes('x'.repeat(100)));
});

test('a full disk is said once, and is no bug', async (t) => {
  const { client } = fakeClient({ n1: { atMs: [1], isEndless: true }, n2: { atMs: [2], isEndless: true } });
  const said: string[] = [];
  const output = new CaptureFiles('/dev/full');
  await output.open();
  const options = { client, spec: {}, nodes: ['n1', 'n2'], mayMiss: false, output };
  const run = new CaptureRun({ ...options, say: (words) => said.push(words) });
  await t.throwsAsync(run.run(), {
    instanceOf: WeftError,
    code: 'usage',
    message: /^cannot write \/dev\/full: ENOSPC/,
  });
  t.deepEqual(
    said.filter((words) => words.includes('cannot write')),
    [],
  );
});

test('what other nodes say of a packet steers no terminal', async (t) => {
  let text = '';
  const output = new CaptureLines(false, { widthColumns: 200, colour: false }, new PodNames(), (more) => {
    text += more;
    return true;
  });
  const interfaceId = output.interface({ name: 'n\u001b[2J/drop' });
  const comment = 'weft verdict=drop reason=%1B%5D0;evil%07';
  output.packet({ interfaceId, seconds: SECOND, nanoseconds: 0, bytes: packet, lengthBytes: packet.length, comment });
  await output.close();
  t.regex(text, /n\?\[2J\/drop.*drop: \?\]0;evil\?\n$/);
});

test('packets are of pods by name, where the directory has their addresses', async (t) => {
  const pod = { labels: {}, ports: [], superseded: false, state: null };
  const names = new PodNames([
    { ...pod, node: 'n1', namespace: 'default', name: 'p1', addresses: ['10.244.1.2'] },
    { ...pod, node: 'n2', namespace: 'shop', name: 'web', addresses: ['10.244.2.2'] },
    // Of a container that is still there, while the next one of its name has come.
    { ...pod, node: 'n2', namespace: 'shop', name: 'old', addresses: ['10.244.2.2'], superseded: true },
  ]);
  let text = '';
  for (const isJson of [false, true]) {
    const output = new CaptureLines(isJson, { widthColumns: 200, colour: false }, names, (more) => {
      text += more;
      return true;
    });
    const interfaceId = output.interface({ name: 'n1/from-pod' });
    output.packet({ interfaceId, seconds: SECOND, nanoseconds: 0, bytes: packet, lengthBytes: packet.length });
    await output.close();
  }
  t.regex(text, / n1\/p1 > n2\/shop\/web\n.*"source":"n1\/p1","destination":"n2\/shop\/web"/);
});

test('each file of a series says the names of the pods in it, once', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'weft-files-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const pod = { labels: {}, ports: [], superseded: false, state: null, node: 'n1', namespace: 'default' };
  const names = new PodNames([
    { ...pod, name: 'asking', addresses: ['10.244.1.2'] },
    { ...pod, name: 'unseen', addresses: ['10.244.1.3'] },
  ]);
  const files = new CaptureFiles(join(directory, 'x.pcapng'), { sizeBytes: 1_000 }, names);
  const interfaceId = files.interface({ name: 'n1/drop' });
  for (let index = 0; index < 20; index++)
    files.packet({ interfaceId, seconds: SECOND, nanoseconds: index, bytes: packet, lengthBytes: packet.length });
  await files.close();
  const texts = readdirSync(directory).map((name) => readFileSync(join(directory, name), 'latin1'));
  t.true(texts.length > 1);
  for (const text of texts) t.is(text.split('n1/asking').length, 2);
  t.false(texts.join('').includes('n1/unseen'));
});

test('what is written is written in order, however slow that is, and what failed once fails in the end', async (t) => {
  const written: string[] = [];
  let turn = 0;
  const slow = {
    interface: () => 0,
    source: null,
    destination: null,
    packet: () => undefined,
    statistics: () => undefined,
    close: async () => await Promise.resolve(),
    flush: async () => {
      const mine = ++turn;
      written.push(`begin ${mine}`);
      await new Promise((resolve) => setImmediate(resolve));
      if (mine === 3) throw new Error('disk full');
      written.push(`end ${mine}`);
    },
  };
  const output = new CountedOutput(slow, undefined, () => undefined);
  await Promise.all([output.flush(), output.flush()]);
  t.deepEqual(written, ['begin 1', 'end 1', 'begin 2', 'end 2']);
  await t.throwsAsync(async () => output.flush(), { message: 'disk full' });
  await t.throwsAsync(async () => output.close(), { message: 'disk full' });
});

test('a capture that ends in order, but before anybody wanted it to, is told', async (t) => {
  const early = start({ n1: { atMs: [1] }, n2: { atMs: [2], isEndless: true } }, { seconds: 60 });
  const running = early.run.run();
  while (!early.said.some((words) => words.includes('n1 ended its capture early'))) await turn();
  early.run.end();
  t.deepEqual(await running, { packets: 2, lost: 0 });
  t.false(early.said.some((words) => words.includes('n2 ended')));
  const inTime = start({ n1: { atMs: [1] } }, { seconds: 0.1 });
  await inTime.run.run();
  t.is(inTime.said.length, 1);
});
